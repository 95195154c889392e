//! Names of the presets. What stands behind a name is data: `observe/ranges/presets/*.yaml`.

use super::ProxyNetwork;
use crate::api::provider::Provider;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Providers whose list is known. They are named as in `provider`, with one more name where a product has a list of its own.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
)]
pub enum Preset {
    Akamai,
    ArvanCloud,
    Bunny,
    CDN77,
    CacheFly,
    CloudFront,
    Cloudflare,
    DDoSGuard,
    Fastly,
    Gcore,
    GoCache,
    GoogleCloud,
    GoogleCloudInternetNEG,
    Imperva,
    KeyCDN,
    Medianova,
    ParsPack,
    QUICcloud,
    RedShield,
    Sucuri,
}

impl Preset {
    /// The product whose list this is; Generic where nothing is known of its timers and error pages.
    pub const fn provider(self) -> Provider {
        match self {
            Self::Akamai => Provider::Akamai,
            Self::ArvanCloud => Provider::ArvanCloud,
            Self::Bunny => Provider::Bunny,
            Self::CloudFront => Provider::CloudFront,
            Self::Cloudflare => Provider::Cloudflare,
            Self::DDoSGuard => Provider::DDoSGuard,
            Self::Fastly => Provider::Fastly,
            Self::Gcore => Provider::Gcore,
            Self::GoogleCloud | Self::GoogleCloudInternetNEG => Provider::GoogleCloud,
            Self::Imperva => Provider::Imperva,
            Self::KeyCDN => Provider::KeyCDN,
            Self::Sucuri => Provider::Sucuri,
            Self::CDN77
            | Self::CacheFly
            | Self::GoCache
            | Self::Medianova
            | Self::ParsPack
            | Self::QUICcloud
            | Self::RedShield => Provider::Generic,
        }
    }
}

/// Providers that shut down. Their old ranges are rented out anew.
const SHUT_DOWN: [&str; 6] = ["stackpath", "highwinds", "edgio", "limelight", "edgecast", "verizonedgecast"];

/// A provider that shut down, where a network's name or its source names one.
pub fn shut_down(network: &ProxyNetwork) -> Option<&'static str> {
    let source = &network.spec.source;
    let urls = source.http.iter().flat_map(|http| &http.urls);
    let names = source.config_map.iter().map(|map| &map.name).chain(source.dns_txt.iter().map(|records| &records.name));
    let texts = network.metadata.name.iter().chain(urls).chain(names);
    let mut words =
        texts.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric())).map(str::to_ascii_lowercase);
    words.find_map(|word| SHUT_DOWN.into_iter().find(|provider| *provider == word))
}

/// Why there is no preset of this name, and what to do instead, where that is known.
pub fn absent(name: &str) -> Option<String> {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if let "azurefrontdoor" | "azure" | "frontdoor" = letters.as_str() {
        return Some(
            "Azure Front Door publishes its list at no address that stays. Let Azure keep it: a target of type \
             ServiceAnnotation with preset AzureFrontDoor names its service tag at the load balancer. Elsewhere copy the \
             prefixes of the service tag AzureFrontDoor.Backend into a source of type ConfigMap (docs/providers.md)"
                .to_owned(),
        );
    }
    SHUT_DOWN.contains(&letters.as_str()).then(|| {
        format!(
            "{name} has shut down, and others have its addresses now: allowing its ranges allows strangers. Take the list of \
             the provider that took over your site, and remove those ranges from every allowlist"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::absent;

    #[test]
    fn a_provider_without_a_list_is_told_by_any_spelling_of_its_name() {
        for name in ["StackPath", "Verizon Edgecast", "limelight", "edgio"] {
            assert!(absent(name).is_some_and(|said| said.contains("allows strangers")), "{name}");
        }
        assert!(absent("azure-front-door").is_some_and(|said| said.contains("preset AzureFrontDoor")));
        assert_eq!(absent("Nobody"), None);
    }
}
