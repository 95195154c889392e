//! Proxy products: the timers they use towards an origin and whether they check its certificate.
//!
//! Timers drift, so they are dated data (`data/providers.yaml` beside this file), not code.

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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    provider: Provider,
    connect_seconds: Option<u16>,
    read_seconds: Option<u16>,
}

#[derive(Deserialize)]
struct Table {
    providers: Vec<Entry>,
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    // The file is compiled in and a test parses it, so an empty table can only mean a broken build.
    serde_saphyr::from_str::<Table>(include_str!("data/providers.yaml")).map_or_else(|_| Vec::new(), |t| t.providers)
});

impl Provider {
    /// Documented timers towards the origin.
    pub fn timers(self) -> Timers {
        TABLE.iter().find(|e| e.provider == self).map_or_else(Timers::default, |e| Timers {
            connect_seconds: e.connect_seconds,
            read_seconds: e.read_seconds,
        })
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
    }
}
