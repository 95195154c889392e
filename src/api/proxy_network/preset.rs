//! Names of the presets. What stands behind a name is data: `observe/ranges/presets/*.yaml`.

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
    GoogleCloud,
    GoogleCloudInternetNEG,
    Imperva,
    KeyCDN,
    Medianova,
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
            Self::CDN77 | Self::CacheFly | Self::Medianova => Provider::Generic,
        }
    }
}
