//! How the proxy speaks to the origin: what the spec says, else what the provider documents.

use super::{Invalid, Validated};
use crate::api::provider::Provider;
use crate::api::wire::{ServerNameUse, TlsVersion};
use serde::{Deserialize, Serialize};

/// The proxy's TLS profile towards the origin.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsProfile {
    pub max_version: TlsVersion,
    pub server_name: ServerNameUse,
    /// The spec says so, not only the provider's documentation.
    pub declared: bool,
}

impl TlsProfile {
    /// Whether a handshake with it differs from our own.
    pub fn differs(self) -> bool {
        self.max_version != TlsVersion::default() || self.server_name != ServerNameUse::default()
    }
}

/// How long the proxy keeps an idle connection to the origin.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Idle {
    pub seconds: u16,
    /// The spec says so, not only the provider's documentation.
    pub declared: bool,
}

impl Validated {
    /// The proxy's TLS profile. Declared when every part in which it differs from ours stands in the spec.
    pub fn tls_profile(&self, provider: Provider) -> TlsProfile {
        let known = provider.habits().tls;
        let own = self.proxy_tls;
        let max_version = own.max_version.or(known.max_version).unwrap_or_default();
        let server_name = own.server_name.or(known.server_name).unwrap_or_default();
        let declared = (own.max_version.is_some() || max_version == TlsVersion::default())
            && (own.server_name.is_some() || server_name == ServerNameUse::default());
        TlsProfile { max_version, server_name, declared }
    }

    /// How long the proxy keeps idle connections, where that is known.
    pub fn proxy_idle(&self, provider: Provider) -> Option<Idle> {
        let declared = self.proxy_idle.map(|seconds| Idle { seconds, declared: true });
        declared.or_else(|| provider.timers().idle_seconds.map(|seconds| Idle { seconds, declared: false }))
    }
}

/// A path with query that names a large response.
pub(super) fn large_path(text: &str) -> Result<String, Invalid> {
    let printable = text.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'#');
    if text.starts_with('/') && text.len() <= 256 && printable {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new(
            "probe.largePath",
            "must be a path of 1 to 256 printable ASCII characters that begins with / and has no fragment, such as /big",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ProtectedOrigin;

    fn with(proxy: &str, probe: &str) -> Result<Validated, Invalid> {
        let text = format!(
            "{{metadata: {{name: shop}}, apiVersion: leeward.dev/v1alpha1, kind: ProtectedOrigin, spec: {{proxy: {{url: 'https://shop.example.com/'{proxy}}}, origin: {{type: Hostname, hostname: {{name: origin.example.com}}}}, probe: {{{probe}}}}}}}"
        );
        let spec: ProtectedOrigin = serde_saphyr::from_str(&text).unwrap();
        Validated::new(&spec)
    }

    #[test]
    fn the_spec_outranks_the_provider_and_only_the_spec_is_sure() {
        let open = with("", "").unwrap();
        let nginx = open.tls_profile(Provider::Nginx);
        assert_eq!((nginx.server_name, nginx.declared), (ServerNameUse::NotSent, false));
        assert!(!open.tls_profile(Provider::Generic).differs() && open.tls_profile(Provider::Generic).declared);
        let told = with(", originTLS: {serverName: Sent}, originIdleSeconds: 7", "").unwrap();
        assert!(!told.tls_profile(Provider::Nginx).differs());
        assert_eq!(told.proxy_idle(Provider::Cloudflare), Some(Idle { seconds: 7, declared: true }));
        assert_eq!(open.proxy_idle(Provider::Cloudflare), Some(Idle { seconds: 900, declared: false }));
        assert_eq!(open.proxy_idle(Provider::Generic), None);
    }

    #[test]
    fn a_wrong_value_names_its_field() {
        assert_eq!(with(", originIdleSeconds: 0", "").unwrap_err().field, "proxy.originIdleSeconds");
        assert_eq!(with("", "largePath: big").unwrap_err().field, "probe.largePath");
        assert_eq!(with("", "largePath: '/a b'").unwrap_err().field, "probe.largePath");
        assert_eq!(with("", "largePath: '/big?n=1'").unwrap().probe.large_path.as_deref(), Some("/big?n=1"));
    }
}
