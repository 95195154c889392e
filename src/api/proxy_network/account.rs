//! Lists that a provider tells only to its customers: an API that wants a key.

use crate::api::provider::Provider;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A list behind a provider's API that wants a key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.product in ['AlibabaAntiDDoS', 'HuaweiAAD']) != has(self.resourceID)").message("source.account.resourceID must be set for AlibabaWAF (instance), AlibabaESA (site), TencentEdgeOne (zone), AkamaiSiteShield (map) and HuaweiWAF (project), and must not be set for AlibabaAntiDDoS and HuaweiAAD"))]
#[x_kube(validation = Rule::new("(self.product in ['AkamaiSiteShield', 'HuaweiWAF']) != has(self.region)").message("source.account.region must be set to Mainland or International, and must not be set for AkamaiSiteShield and HuaweiWAF"))]
#[x_kube(validation = Rule::new("!(self.product in ['AkamaiSiteShield', 'HuaweiAAD', 'HuaweiWAF']) || has(self.endpoint)").message("source.account.endpoint must be set for AkamaiSiteShield (https:// and the host of your API client), HuaweiAAD and HuaweiWAF (the endpoint of your region)"))]
pub struct AccountSource {
    /// Which product is asked, and thereby how: `AlibabaAntiDDoS`, `AlibabaWAF`, `AlibabaESA`, `TencentEdgeOne`, `AkamaiSiteShield`, `HuaweiAAD` or `HuaweiWAF`.
    pub product: Product,
    /// The Secret with the key, in Leeward's own namespace; docs/providers.md says what it holds. Leeward needs the right to get this Secret.
    pub secret_ref: SecretRef,
    /// Which part of the product the account uses: `Mainland` (China) or `International`; each has lists of its own. Not for AkamaiSiteShield and HuaweiWAF. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// What the list belongs to, as the provider's console names it: a WAF instance, an ESA site, an EdgeOne zone, a Site Shield map, or a Huawei project. Not for AlibabaAntiDDoS and HuaweiAAD. Default: none.
    #[serde(rename = "resourceID", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9][-A-Za-z0-9_.]*$"))]
    pub resource_id: Option<String>,
    /// Where the API is, https without a path. Signed requests, and for Huawei the token itself, go there. Default: the product's public endpoint in the region; AkamaiSiteShield and Huawei have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 10, max = 253), regex(pattern = r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$"))]
    pub endpoint: Option<String>,
}

/// Products whose API is known.
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
pub enum Product {
    AlibabaAntiDDoS,
    AlibabaWAF,
    AlibabaESA,
    TencentEdgeOne,
    AkamaiSiteShield,
    HuaweiAAD,
    HuaweiWAF,
}

impl Product {
    /// The product in front of the origin; Generic where nothing is known of its timers and error pages.
    pub const fn provider(self) -> Provider {
        match self {
            Self::AlibabaAntiDDoS => Provider::AlibabaAntiDDoS,
            Self::AlibabaWAF => Provider::AlibabaWAF,
            Self::AlibabaESA => Provider::AlibabaESA,
            Self::TencentEdgeOne => Provider::TencentEdgeOne,
            Self::AkamaiSiteShield => Provider::Akamai,
            Self::HuaweiAAD => Provider::HuaweiAAD,
            Self::HuaweiWAF => Provider::Generic,
        }
    }

    /// Whether the provider announces a list before it uses it and wants to be told that it may.
    pub const fn has_versions(self) -> bool {
        matches!(self, Self::AlibabaESA | Self::TencentEdgeOne | Self::AkamaiSiteShield)
    }
}

/// A Secret in Leeward's own namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// Parts of a product with lists of their own.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum Region {
    Mainland,
    International,
}
