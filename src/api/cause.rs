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

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Healthy => "Visitors get the expected answer through the proxy.",
            Self::ProxyBlocked => "The origin drops or rejects the proxy's connections while others get through.",
            Self::AllowlistIncomplete => "An allowlist in front of the origin lacks some of the proxy's prefixes.",
            Self::AllowlistWrongAddress => {
                "The allowlist holds the right prefixes but is compared with another address than the proxy's."
            }
            Self::ProxyOriginMisconfigured => {
                "The proxy forwards to another address, port, host or path than declared."
            }
            Self::OriginProtocolMismatch => "The proxy and the origin's port speak different protocols.",
            Self::ProxyPolicyDenied => "The edge itself refuses our probe; visitors may be fine.",
            Self::ProxyCertInvalid => "The certificate that visitors see at the edge is not valid.",
            Self::StaleErrorCached => "The edge serves an error out of its cache although the origin has recovered.",
            Self::DnsFailed => "The name that visitors use does not resolve.",
            Self::DnsBypassesProxy => "The name that visitors use leads past the proxy.",
            Self::OriginUnreachable => "The origin's host is off the network for everybody.",
            Self::PortFiltered => "The origin's host is alive, but its port is closed silently to everybody.",
            Self::OriginRefused => "The origin's port refuses connections from everybody.",
            Self::AcceptSaturated => "The origin listens, but its kernel drops new connections under load.",
            Self::OriginClosedEarly => "The origin accepts connections and closes them before it answers.",
            Self::OriginCertExpired => "The origin's certificate is outside its dates, and the proxy verifies it.",
            Self::OriginCertExpiring => "The origin's certificate expires within 14 days.",
            Self::OriginCertMismatch => "The origin's certificate lacks the name that the proxy checks.",
            Self::OriginCertUntrusted => "The origin's certificate is not signed by anybody that the proxy trusts.",
            Self::OriginReturns5xx => "The origin itself answers with a server error, and the proxy relays it.",
            Self::UnexpectedResponse => "The site answers, but not as expected, and no other cause fits.",
            Self::OriginTimeout => "The origin accepts requests and does not answer within the proxy's timer.",
            Self::OriginResponseInvalid => "The origin's response is malformed or cut short.",
            Self::NoReadyEndpoints => "The origin's Service has no ready endpoint.",
            Self::PodCrashLoop => "The pods behind the origin's Service restart again and again.",
            Self::NetworkPolicyBlocks => "A NetworkPolicy isolates the origin's pods and does not admit the proxy.",
            Self::OriginExposed => "The origin serves the site to anybody who knows its address.",
            Self::VantageFault => "The place that probes cannot see anything, so it says nothing of the site.",
            Self::Inconclusive => "The evidence does not tell which of several causes it is.",
        }
    }

    /// What to do about it, in a sentence or two.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Healthy => "Nothing is to be done.",
            Self::ProxyBlocked => {
                "Allow all current prefixes of the proxy at every layer in front of the origin: security group, load balancer, host firewall and agents, NetworkPolicy. Do not switch the firewall off."
            }
            Self::AllowlistIncomplete => {
                "Add the missing prefixes of the proxy to the allowlist, and keep it in step: mode Enforce does that for the targets that it names."
            }
            Self::AllowlistWrongAddress => {
                "Enforce the allowlist at the hop that sees the proxy's addresses, or check a secret header or client certificate instead."
            }
            Self::ProxyOriginMisconfigured => {
                "Compare the origin's address, port, protocol and Host in the proxy's settings with this resource, and correct whichever is wrong."
            }
            Self::OriginProtocolMismatch => {
                "Let the proxy speak to the origin what its port expects: set scheme and port of the origin in the proxy's settings."
            }
            Self::ProxyPolicyDenied => {
                "Let the proxy's rules admit the probe (its User-Agent names leeward), or probe a path that they leave alone."
            }
            Self::ProxyCertInvalid => {
                "Renew the certificate at the proxy, or bind the one that carries the site's name."
            }
            Self::StaleErrorCached => {
                "Purge the URL at the proxy, and do not let it cache errors (or for seconds only)."
            }
            Self::DnsFailed => "Repair the name's zone or delegation: records, name servers, DNSSEC.",
            Self::DnsBypassesProxy => {
                "Point the name at the proxy again, and change the origin's address if it was public."
            }
            Self::OriginUnreachable => {
                "Ask whoever runs the host or its network; in a cluster look at the node's conditions first."
            }
            Self::PortFiltered => {
                "Open the port for the proxy's prefixes: security group, load balancer source ranges, host firewall, NetworkPolicy."
            }
            Self::OriginRefused => {
                "Start the server, or let it listen on this address and port; if it does, look for a firewall that rejects."
            }
            Self::AcceptSaturated => "Raise the accept backlog and the connection tracking limit, or add replicas.",
            Self::OriginClosedEarly => {
                "Read the server's log for the probe's id: a crash, a limit or a rule closes the connection."
            }
            Self::OriginCertExpired | Self::OriginCertExpiring => {
                "Renew the origin's certificate, and check what should have renewed it."
            }
            Self::OriginCertMismatch => {
                "Serve a certificate with the name that the proxy checks, or let the proxy check the right name (origin.serverName)."
            }
            Self::OriginCertUntrusted => {
                "Serve the whole chain of a trusted issuer, or let the proxy trust yours (origin.caBundle for our probe)."
            }
            Self::OriginReturns5xx => "Read the application's log: the origin itself fails, the proxy only relays it.",
            Self::UnexpectedResponse => "Repair the site, or correct what expect asks for.",
            Self::OriginTimeout => {
                "Find what the origin waits for, or answer long jobs asynchronously; raise the proxy's read timer only last."
            }
            Self::OriginResponseInvalid => {
                "Repair the response: status line, lengths, chunks, compression. Proxies tolerate different faults."
            }
            Self::NoReadyEndpoints => {
                "Compare the Service's selector and port with the pods, scale them up, or look why they are not ready."
            }
            Self::PodCrashLoop => {
                "Read the previous log and the last termination of the pods; go back to the last version that ran."
            }
            Self::NetworkPolicyBlocks => {
                "Admit the proxy's prefixes to the pods with a NetworkPolicy: mode Enforce with a NetworkPolicy target writes one."
            }
            Self::OriginExposed => {
                "Admit only the proxy (allowlist, secret header or client certificate), then change the origin's address if it was public."
            }
            Self::VantageFault => {
                "Repair the network of the place that probes; until then nothing is said and nothing changes."
            }
            Self::Inconclusive => "Make the next observation that is named, and look again.",
        }
    }
}
