//! What a round is to look at.

use super::gate::{Gate, Via};
use crate::api::Access;
use crate::api::Provider;
use crate::api::validated::{SiteUrl, TlsProfile, Validated};
use crate::evidence::fact;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Longest deadline of a long probe.
const LONGEST: Duration = Duration::from_secs(130);
/// How long after the proxy's own timer its answer is waited for.
const AFTER_TIMER: Duration = Duration::from_secs(5);
/// Longest that an idle connection is held.
const LONGEST_HOLD: Duration = Duration::from_mins(2);

/// One origin, and everything that decides how it is dialled.
#[derive(Clone)]
pub struct Plan {
    pub validated: Arc<Validated>,
    /// Names the proxy's timers where the spec does not.
    pub provider: Provider,
    /// Names of the proxy that the site's name may be an alias of.
    pub edge_aliases: Vec<String>,
    /// Endpoints of the origin's Service; only their dialable addresses are dialled.
    pub endpoints: Option<fact::Endpoints>,
    /// Addresses that this cluster short-circuits (Nodes, load balancers): a success there proves
    /// neither firewall nor exposure.
    pub cluster_addresses: Vec<IpAddr>,
    /// Trust for the direct probe instead of the system's roots.
    pub ca_pem: Option<Vec<u8>>,
    /// Instead of what the spec says of this vantage.
    pub access: Option<Access>,
    /// Absent: every address may be dialled, at any pace.
    pub gate: Option<Arc<dyn Gate>>,
    /// Deadline of a long probe; default: past the proxy's own timers.
    pub long_deadline: Option<Duration>,
}

impl Plan {
    /// A plan without a cluster, a gate or anything given beside the spec.
    pub fn new(validated: Arc<Validated>, provider: Provider) -> Self {
        Self {
            validated,
            provider,
            edge_aliases: Vec::new(),
            endpoints: None,
            cluster_addresses: Vec::new(),
            ca_pem: None,
            access: None,
            gate: None,
            long_deadline: None,
        }
    }

    /// As what an address of the origin is dialled.
    pub(super) const fn origin_via(&self) -> Via {
        if self.endpoints.is_some() { Via::Endpoint } else { Via::Origin }
    }

    /// Whether the gate lets an address be dialled at all.
    pub(super) fn admits(&self, address: SocketAddr, via: Via) -> bool {
        let host = || self.validated.url.host.to_string();
        self.gate.as_ref().is_none_or(|gate| gate.admit(address, via, &host()).is_ok())
    }

    /// Asks the gate and waits for the turn. What may not be dialled is not known, which is no evidence.
    pub(super) async fn may(&self, address: SocketAddr, via: Via) -> bool {
        let Some(gate) = &self.gate else { return true };
        let host = self.validated.url.host.to_string();
        gate.admit(address, via, &host).is_ok() && gate.spend(address, via, &host).await.is_ok()
    }

    /// Whether the origin's allowlist lets this vantage in.
    pub(super) fn access(&self, vantage: &str) -> Access {
        self.access.unwrap_or_else(|| self.validated.origin.access(vantage))
    }

    /// How long a long probe waits: past the larger of the proxy's timers towards the origin, so that
    /// the proxy's own answer arrives.
    pub fn long_deadline(&self) -> Duration {
        let (connect, read) = self.validated.proxy_timers(self.provider);
        let default = Duration::from_secs(u64::from(connect.max(read))) + AFTER_TIMER;
        self.long_deadline.unwrap_or(default).min(LONGEST)
    }

    /// How the proxy's handshake with the origin differs from ours.
    pub(super) fn tls_profile(&self) -> TlsProfile {
        self.validated.tls_profile(self.provider)
    }

    /// How long an idle connection is held: as long as the proxy keeps one, where that is known.
    pub fn hold(&self) -> Duration {
        let proxy = self.validated.proxy_idle(self.provider).map(|idle| Duration::from_secs(idle.seconds.into()));
        proxy.unwrap_or(LONGEST_HOLD).min(LONGEST_HOLD)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("origin", &self.validated.key()).finish_non_exhaustive()
    }
}

/// What one round is asked for beside its fixed part.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent wishes, each named where it is made")]
pub struct Ask {
    /// Also the plain URL, as visitors ask for it.
    pub plain: bool,
    /// Also one probe past the proxy's own timers.
    pub long: bool,
    /// Addresses to ping, and whose control port to dial if the service port timed out.
    pub suspects: Vec<IpAddr>,
    /// The control target.
    pub control: Option<SiteUrl>,
    /// Also `probe.largePath`, on both paths.
    pub large: bool,
    /// Also requests with one thing changed, where this round gives reason to.
    pub replay: bool,
    /// Also hold an idle connection to one origin address, for so long at most.
    pub hold: Option<Duration>,
}

/// What a round saw.
#[derive(Clone, Debug, Default)]
pub struct Look {
    pub probes: Vec<crate::evidence::Probe>,
    pub facts: Vec<crate::evidence::Fact>,
    /// Edge addresses, admitted or not.
    pub edges: Vec<SocketAddr>,
    /// Origin addresses, admitted or not.
    pub origins: Vec<SocketAddr>,
    /// Origin addresses whose good answer equalled the proxy's in this round.
    pub matching: Vec<SocketAddr>,
    /// The addresses of the edge or of the origin are known, and not one of them may be dialled.
    pub all_denied: bool,
}
