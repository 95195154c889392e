//! Proxy products: the timers, TLS profile and header buffer that they use towards an origin.
//!
//! These drift, so they are dated data (`data/providers.yaml` beside this file), not code.

use super::wire::{OriginTls, ServerNameUse, TlsVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// The product that stands in front of the origin. Selects known timers and error pages.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::EnumIter,
    strum::Display,
    strum::EnumString,
)]
pub enum Provider {
    #[default]
    Generic,
    Nginx,
    HAProxy,
    Envoy,
    Cloudflare,
    Fastly,
    CloudFront,
    Akamai,
    GoogleCloud,
    AWSALB,
    AzureFrontDoor,
    Imperva,
    Sucuri,
    AlibabaAntiDDoS,
    AlibabaWAF,
    AlibabaCDN,
    AlibabaESA,
    TencentEdgeOne,
    HuaweiAAD,
    Bunny,
    Gcore,
    KeyCDN,
    ArvanCloud,
    DDoSGuard,
    StormWall,
    Qrator,
}

/// What a provider waits for, in seconds; absent where no public document says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    pub connect_seconds: Option<u16>,
    pub read_seconds: Option<u16>,
    /// How long it keeps an idle connection to the origin.
    pub idle_seconds: Option<u16>,
}

/// How a provider speaks to an origin, as far as a public document says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    pub tls: OriginTls,
    /// Bytes of response headers that it takes by default.
    pub header_bytes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    provider: Provider,
    connect_seconds: Option<u16>,
    read_seconds: Option<u16>,
    idle_seconds: Option<u16>,
    max_version: Option<TlsVersion>,
    server_name: Option<ServerNameUse>,
    header_bytes: Option<u32>,
    debug_header: Option<(String, String)>,
}

#[derive(Deserialize)]
struct Table {
    providers: Vec<Entry>,
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    // The file is compiled in and a test parses it, so an empty table can only mean a broken build.
    crate::yaml::read::<Table>(include_str!("data/providers.yaml")).map_or_else(|_| Vec::new(), |t| t.providers)
});

impl Provider {
    /// Documented timers towards the origin.
    pub fn timers(self) -> Timers {
        self.entry().map_or_else(Timers::default, |e| Timers {
            connect_seconds: e.connect_seconds,
            read_seconds: e.read_seconds,
            idle_seconds: e.idle_seconds,
        })
    }

    /// Documented habits towards the origin.
    pub fn habits(self) -> Habits {
        self.entry().map_or_else(Habits::default, |e| Habits {
            tls: OriginTls { max_version: e.max_version, server_name: e.server_name },
            header_bytes: e.header_bytes,
        })
    }

    /// A request header upon which its edge says in its answer what the origin answered.
    pub fn debug_header(self) -> Option<(&'static str, &'static str)> {
        self.entry()?.debug_header.as_ref().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|e| e.provider == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_table_parses() {
        let table: Table = serde_saphyr::from_str(include_str!("data/providers.yaml")).unwrap();
        assert!(table.providers.len() >= 8);
        assert_eq!(Provider::Cloudflare.timers().connect_seconds, Some(19));
        assert_eq!(Provider::Qrator.timers(), Timers::default());
        assert_eq!(Provider::GoogleCloud.timers().idle_seconds, Some(600));
        assert_eq!(Provider::Nginx.habits().tls.server_name, Some(ServerNameUse::NotSent));
        assert_eq!(Provider::HAProxy.timers().read_seconds, None);
        assert_eq!(Provider::AzureFrontDoor.debug_header(), Some(("x-azure-debuginfo", "1")));
        assert_eq!(Provider::Generic.debug_header(), None);
    }
}
