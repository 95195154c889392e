//! Requests repeated with one thing changed, after the round's own: what differs names the cause. Each is one request on
//! one connection to an address that the round has just dialled, asked of the gate and paid for like any other, and
//! only while something fails; the large response alone is asked for in good times too, where one is declared.

use super::gate::Via;
use super::paths;
use super::plan::{Ask, Plan};
use super::targets::Targets;
use crate::api::spec::{CacheBypass, Method, ProxyProtocol, Scheme};
use crate::api::validated::{Host, ValidExpect, Whereabouts, without_port};
use crate::api::{Observation, Outcome, Phase};
use crate::evidence::fact::{Idle, Replay, Variation};
use crate::evidence::probe::Fault;
use crate::evidence::{Fact, Probe, Variant};
use crate::observe::probe::{Manner, ProbeRequest, Prober, Trust};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Most origin addresses of a round that requests are repeated to.
const ADDRESSES: usize = 2;
/// A Host that is nobody's (RFC 6761), and a path that no site has.
const STRANGE_HOST: &str = "leeward-probe.invalid";
const STRANGE_PATH: &str = "/leeward-probe";

/// Repeats what this round's probes give reason to repeat.
pub(super) struct Replays<'a> {
    pub(super) prober: &'a Prober,
    pub(super) plan: &'a Plan,
    pub(super) targets: &'a Targets,
    pub(super) trust: Option<Trust>,
    pub(super) seen: &'a [Probe],
}

impl Replays<'_> {
    pub(super) async fn run(&self, ask: &Ask) -> Vec<Fact> {
        let mut made = Vec::new();
        if ask.large {
            self.large(&mut made).await;
        }
        if ask.replay {
            for probe in self.direct().take(ADDRESSES) {
                self.about(probe, &mut made).await;
            }
        }
        let mut facts: Vec<Fact> = made.into_iter().map(Fact::Replay).collect();
        if let Some(longest) = ask.hold {
            facts.extend(self.hold(longest).await.map(Fact::Idle));
        }
        facts
    }

    fn direct(&self) -> impl Iterator<Item = &Probe> {
        let direct = |p: &&Probe| matches!(p.observation, Observation::Direct | Observation::InCluster);
        self.seen.iter().filter(direct).filter(|p| p.address.is_some() && (p.definite() || p.connected()))
    }

    /// The newest failing answer through the proxy in this round.
    fn edge_failure(&self) -> Option<&Probe> {
        let failing = |p: &&Probe| {
            matches!(p.observation, Observation::ViaProxy | Observation::ViaProxyLong)
                && p.definite()
                && p.outcome != Outcome::OK
        };
        self.seen.iter().find(failing)
    }

    async fn about(&self, probe: &Probe, made: &mut Vec<Replay>) {
        let Some(address) = probe.address else { return };
        let stalled =
            probe.outcome == Outcome::TimedOut && probe.connected() && probe.tcp.is_some_and(|tcp| tcp.bytes_acked > 0);
        let status = probe.response.as_ref().map(|r| r.status);
        if matches!(probe.outcome, Outcome::OK | Outcome::Guarded | Outcome::CertInvalid) {
            self.about_good(probe, address, made).await;
        } else if stalled {
            let small = self.origin(address, Variation::SmallSegments, made).await;
            if small == Some(Outcome::OK) {
                self.origin(address, Variation::Again, made).await;
            }
        } else if matches!(probe.outcome, Outcome::ClosedEarly | Outcome::Reset | Outcome::Malformed)
            && probe.phase != Some(Phase::Connect)
            || status == Some(400) && probe.fault.is_none()
        {
            if self.origin(address, self.other_preamble(), made).await == Some(Outcome::OK) {
                self.origin(address, Variation::Again, made).await;
            }
        } else if let Some(200..=299 | 400..=499) = status
            && !matches!(status, Some(401 | 403 | 407 | 429))
            && self.origin(address, Variation::OtherHost, made).await == Some(Outcome::OK)
        {
            self.origin(address, Variation::StrangeHost, made).await;
            self.origin(address, Variation::Root, made).await;
        }
    }

    /// The origin answers us: what would make it answer as the proxy does?
    async fn about_good(&self, probe: &Probe, address: SocketAddr, made: &mut Vec<Replay>) {
        let Some(edge) = self.edge_failure() else { return };
        let v = &self.plan.validated;
        match edge.response.as_ref().map(|r| r.status) {
            Some(status @ 400..=499) if !matches!(status, 401 | 403 | 407 | 429) => {
                if status == 400 && v.origin.proxy_protocol == ProxyProtocol::None {
                    self.origin(address, Variation::Preamble, made).await;
                }
                self.origin(address, Variation::OtherHost, made).await;
            }
            Some(500..) => {
                if v.origin.scheme == Scheme::HTTPS && self.plan.tls_profile().differs() {
                    self.origin(address, Variation::ProxyTls, made).await;
                }
                if v.origin.scheme == Scheme::HTTPS {
                    self.origin(address, Variation::Http2, made).await;
                }
                let bytes = probe.response.as_ref().and_then(|r| r.header_bytes);
                let limit = self.plan.provider.habits().header_bytes;
                if bytes.zip(limit).is_some_and(|(bytes, limit)| bytes > limit) {
                    self.origin(address, Variation::StrangePath, made).await;
                    if let Some(edge) = edge.address {
                        self.edge(edge, Variation::StrangePath, made).await;
                    }
                }
            }
            _ => {}
        }
    }

    /// The large response on both paths; again in small segments where it stalls, and once more without.
    async fn large(&self, made: &mut Vec<Replay>) {
        if self.plan.validated.probe.large_path.is_none() {
            return;
        }
        let (mut proxied, mut direct) = (Vec::new(), Vec::new());
        let through_the_edge = async {
            if let Some(edge) = self.targets.edges.addresses.first() {
                self.edge(*edge, Variation::LargePath, &mut proxied).await;
            }
        };
        tokio::join!(through_the_edge, self.large_direct(&mut direct));
        made.extend(proxied.into_iter().chain(direct));
    }

    async fn large_direct(&self, made: &mut Vec<Replay>) {
        let Some(address) = self.direct().find(|p| p.connected()).and_then(|p| p.address) else { return };
        if self.origin(address, Variation::LargePath, made).await != Some(Outcome::TimedOut) {
            return;
        }
        if self.origin(address, Variation::LargePathSmallSegments, made).await == Some(Outcome::OK) {
            // The last one counts: it stalls again, or the first was chance.
            made.retain(|r| r.variation != Variation::LargePath);
            self.origin(address, Variation::LargePath, made).await;
        }
    }

    async fn hold(&self, longest: Duration) -> Option<Idle> {
        let address = self.direct().find(|p| p.outcome == Outcome::OK)?.address?;
        let request = paths::direct(self.plan, self.prober, address, self.trust.clone());
        if !self.plan.may(address, self.plan.origin_via()).await {
            return None;
        }
        Some(self.prober.hold(&request, longest).await)
    }

    async fn origin(&self, address: SocketAddr, variation: Variation, made: &mut Vec<Replay>) -> Option<Outcome> {
        let request = self.changed(paths::direct(self.plan, self.prober, address, self.trust.clone()), variation)?;
        self.send(request, self.plan.origin_via(), variation, made).await
    }

    async fn edge(&self, address: SocketAddr, variation: Variation, made: &mut Vec<Replay>) -> Option<Outcome> {
        let standing = paths::standing_variant(self.plan);
        let request = self.changed(paths::via_proxy(self.plan, address, standing), variation)?;
        self.send(request, Via::Edge, variation, made).await
    }

    async fn send(
        &self,
        request: ProbeRequest,
        via: Via,
        variation: Variation,
        made: &mut Vec<Replay>,
    ) -> Option<Outcome> {
        if !self.plan.may(request.address, via).await {
            return None;
        }
        let mut probe = self.prober.probe(&request).await;
        super::compare::guard(&mut probe, self.plan.validated.origin.lockdown);
        if probe.fault == Some(Fault::TlsIncompatible) {
            // No version or cipher in common with the profile that was asked for, which is what was to be found out.
            probe.outcome = Outcome::TLSAlert;
        }
        let outcome = probe.outcome;
        made.push(Replay { variation, probe: Box::new(probe), times: 1 });
        Some(outcome)
    }

    fn other_preamble(&self) -> Variation {
        match self.plan.validated.origin.proxy_protocol {
            ProxyProtocol::None => Variation::Preamble,
            ProxyProtocol::V1 | ProxyProtocol::V2 => Variation::NoPreamble,
        }
    }

    /// The request with one thing changed; `None` where there is nothing to change to.
    fn changed(&self, mut request: ProbeRequest, variation: Variation) -> Option<ProbeRequest> {
        let v = &self.plan.validated;
        match variation {
            Variation::Again => {}
            Variation::ProxyTls => {
                let profile = self.plan.tls_profile();
                request.manner =
                    Manner { max_version: profile.max_version, server_name: profile.server_name, ..request.manner };
            }
            Variation::Http2 => request.manner.http2 = true,
            Variation::Preamble => request.manner.preamble = ProxyProtocol::V1,
            Variation::NoPreamble => request.manner.preamble = ProxyProtocol::None,
            Variation::OtherHost => {
                let other = self.other_host()?;
                if request.server_name.to_string() == bare(&request.host_header) {
                    // A server name that follows the Host goes on following it.
                    request.server_name = Host::Name(other.clone());
                }
                request.host_header = other;
            }
            Variation::StrangeHost => STRANGE_HOST.clone_into(&mut request.host_header),
            Variation::Root => "/".clone_into(&mut request.path),
            Variation::StrangePath => {
                STRANGE_PATH.clone_into(&mut request.path);
                request.expect = any_answer();
            }
            Variation::SmallSegments => request.manner.small_segments = true,
            Variation::LargePath | Variation::LargePathSmallSegments => {
                request.path = v.probe.large_path.clone()?;
                request.method = Method::GET;
                request.expect = Arc::new(ValidExpect { body_contains: None, first_byte: None, ..v.expect.clone() });
                request.manner.small_segments = variation == Variation::LargePathSmallSegments;
                if request.observation == Observation::ViaProxy && v.probe.bypass == CacheBypass::Query {
                    request.variant = Variant::Bypass;
                }
            }
        }
        Some(request)
    }

    /// Another name that this origin may well know: the site's, or the origin's own.
    fn other_host(&self) -> Option<String> {
        let v = &self.plan.validated;
        let own = bare(&v.origin.host_header);
        let named = match &v.origin.whereabouts {
            Whereabouts::Hostname { name, .. } => Some(name.clone()),
            Whereabouts::Addresses { .. } | Whereabouts::Service { .. } => None,
        };
        let server_name = match &v.origin.server_name {
            Host::Name(name) => Some(name.clone()),
            Host::Ip(_) => None,
        };
        let site = match &v.url.host {
            Host::Name(name) => Some(name.clone()),
            Host::Ip(_) => None,
        };
        [site, named, server_name].into_iter().flatten().find(|other| *other != own)
    }
}

fn any_answer() -> Arc<ValidExpect> {
    Arc::new(ValidExpect { statuses: vec![100..=499], body_contains: None, first_byte: None })
}

/// A Host without its port, in lower case.
fn bare(host: &str) -> String {
    without_port(host).to_ascii_lowercase()
}
