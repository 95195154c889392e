//! Every cause that a diagnosis can name, with its layer, what it means and what to do. A cause is
//! added here, gets one rule in `diagnose/rules`, one page in `docs/causes` and one situation.

mod words;

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
    ProxyRateLimited,
    AllowlistIncomplete,
    AllowlistWrongAddress,
    ProxyOriginMisconfigured,
    OriginProtocolMismatch,
    ProxyPolicyDenied,
    ProxyFault,
    ProxyUnderAttack,
    ProxyCertInvalid,
    StaleErrorCached,
    ProxyEgressExhausted,
    DnsBypassesProxy,
    DnsFailed,
    ProxyOriginDnsFailed,
    DnsInconsistent,
    OriginUnreachable,
    OriginBlackholed,
    PortFiltered,
    NetworkDegraded,
    UplinkCongested,
    PathMtuBlackhole,
    OriginRefused,
    AcceptSaturated,
    OriginClosedEarly,
    KeepAliveRace,
    OriginCertExpired,
    OriginCertExpiring,
    OriginCertMismatch,
    OriginCertUntrusted,
    TlsIncompatible,
    OriginReturns5xx,
    UnexpectedResponse,
    OriginTimeout,
    OriginResponseInvalid,
    OriginHeaderTooLarge,
    VhostMismatch,
    RedirectLoop,
    NoReadyEndpoints,
    TargetPortMismatch,
    PodCrashLoop,
    PodOomKilled,
    ReadinessFailing,
    OriginOverloaded,
    RolloutRace,
    NetworkPolicyBlocks,
    NodeFault,
    OriginAttackedDirectly,
    OriginExposed,
    ClientSubset,
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
            | Self::ProxyRateLimited
            | Self::AllowlistIncomplete
            | Self::AllowlistWrongAddress
            | Self::ProxyOriginMisconfigured
            | Self::OriginProtocolMismatch
            | Self::ProxyPolicyDenied
            | Self::ProxyFault
            | Self::ProxyUnderAttack
            | Self::StaleErrorCached
            | Self::ProxyEgressExhausted => Layer::ProxyPolicy,
            Self::DnsBypassesProxy | Self::DnsFailed | Self::ProxyOriginDnsFailed | Self::DnsInconsistent => Layer::DNS,
            Self::OriginUnreachable
            | Self::OriginBlackholed
            | Self::PortFiltered
            | Self::NetworkDegraded
            | Self::UplinkCongested
            | Self::PathMtuBlackhole
            | Self::OriginRefused
            | Self::AcceptSaturated
            | Self::OriginClosedEarly
            | Self::KeepAliveRace => Layer::Network,
            Self::ProxyCertInvalid
            | Self::OriginCertExpired
            | Self::OriginCertExpiring
            | Self::OriginCertMismatch
            | Self::OriginCertUntrusted
            | Self::TlsIncompatible => Layer::TLS,
            Self::OriginReturns5xx
            | Self::UnexpectedResponse
            | Self::OriginTimeout
            | Self::OriginResponseInvalid
            | Self::OriginHeaderTooLarge
            | Self::VhostMismatch
            | Self::RedirectLoop => Layer::HTTP,
            Self::NoReadyEndpoints
            | Self::TargetPortMismatch
            | Self::PodCrashLoop
            | Self::PodOomKilled
            | Self::ReadinessFailing
            | Self::OriginOverloaded
            | Self::RolloutRace
            | Self::NetworkPolicyBlocks
            | Self::NodeFault
            | Self::OriginAttackedDirectly
            | Self::OriginExposed => Layer::Workload,
            Self::Healthy | Self::ClientSubset | Self::VantageFault | Self::Inconclusive => Layer::None,
        }
    }
}

impl Cause {
    /// Whether it rests on configuration, which does not waver: no score stands behind such a fact, so
    /// it is read twice before it is published.
    pub const fn is_configuration(self) -> bool {
        matches!(
            self,
            Self::DnsBypassesProxy
                | Self::DnsFailed
                | Self::ProxyCertInvalid
                | Self::AllowlistIncomplete
                | Self::NetworkPolicyBlocks
                | Self::NoReadyEndpoints
                | Self::OriginCertExpired
        )
    }
}
