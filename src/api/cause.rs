//! Every cause that a diagnosis can name, with its layer, what it means and what to do. A cause is
//! added here, gets one rule in `diagnose/rules`, one page in `docs/causes` and one situation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a site fails, what it risks, or why nobody can say.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum Cause {
    Healthy,
    ProxyBlocked,
    AllowlistIncomplete,
    AllowlistWrongAddress,
    ProxyOriginMisconfigured,
    OriginProtocolMismatch,
    ProxyPolicyDenied,
    ProxyCertInvalid,
    StaleErrorCached,
    DnsFailed,
    DnsBypassesProxy,
    OriginUnreachable,
    PortFiltered,
    OriginRefused,
    AcceptSaturated,
    OriginClosedEarly,
    OriginCertExpired,
    OriginCertExpiring,
    OriginCertMismatch,
    OriginCertUntrusted,
    OriginReturns5xx,
    UnexpectedResponse,
    OriginTimeout,
    OriginResponseInvalid,
    NoReadyEndpoints,
    PodCrashLoop,
    NetworkPolicyBlocks,
    OriginExposed,
    VantageFault,
    Inconclusive,
}

/// Which layer a cause lies in.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::IntoStaticStr,
)]
pub enum Layer {
    ProxyPolicy,
    DNS,
    Network,
    TLS,
    HTTP,
    Workload,
    None,
}

impl Cause {
    /// The layer that the cause lies in.
    pub const fn layer(self) -> Layer {
        match self {
            Self::ProxyBlocked
            | Self::AllowlistIncomplete
            | Self::AllowlistWrongAddress
            | Self::ProxyOriginMisconfigured
            | Self::OriginProtocolMismatch
            | Self::ProxyPolicyDenied
            | Self::StaleErrorCached => Layer::ProxyPolicy,
            Self::DnsFailed | Self::DnsBypassesProxy => Layer::DNS,
            Self::OriginUnreachable
            | Self::PortFiltered
            | Self::OriginRefused
            | Self::AcceptSaturated
            | Self::OriginClosedEarly => Layer::Network,
            Self::ProxyCertInvalid
            | Self::OriginCertExpired
            | Self::OriginCertExpiring
            | Self::OriginCertMismatch
            | Self::OriginCertUntrusted => Layer::TLS,
            Self::OriginReturns5xx | Self::UnexpectedResponse | Self::OriginTimeout | Self::OriginResponseInvalid => {
                Layer::HTTP
            }
            Self::NoReadyEndpoints | Self::PodCrashLoop | Self::NetworkPolicyBlocks | Self::OriginExposed => {
                Layer::Workload
            }
            Self::Healthy | Self::VantageFault | Self::Inconclusive => Layer::None,
        }
    }
}
