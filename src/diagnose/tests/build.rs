//! A small language for cases: what each path showed, and the facts beside it. Defaults describe the
//! plain situation: one edge behind nginx-like timers, one origin address, three rounds.

use crate::api::spec::{Lockdown, OriginType, ProxyProtocol, Scheme, Verifies};
use crate::api::validated::TlsProfile;
use crate::api::{Access, Observation, Outcome, Pattern, Phase, Provider};
use crate::diagnose::{Verdict, diagnose};
use crate::evidence::fact::*;
use crate::evidence::maker::Maker;
use crate::evidence::probe::*;
use crate::evidence::*;
use jiff::{SignedDuration, Timestamp};
use std::net::{IpAddr, SocketAddr};

pub const EDGE: &str = "198.51.100.1";
pub const EDGE_2: &str = "198.51.100.2";
pub const ORIGIN: &str = "203.0.113.10";
pub const ORIGIN_2: &str = "203.0.113.11";

pub fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// One probe in the making; reads as what it showed.
#[derive(Clone, Debug)]
pub struct Saw(pub Probe);

fn probe() -> Probe {
    Probe {
        observation: Observation::Direct,
        variant: Variant::Bypass,
        vantage: "local".to_owned(),
        access: Access::Unknown,
        address: None,
        outcome: Outcome::OK,
        phase: None,
        fault: None,
        alert: None,
        timings: Timings {
            connect_ms: Some(2),
            tls_ms: Some(5),
            first_byte_ms: Some(8),
            total_ms: 15,
            ..Timings::default()
        },
        response: None,
        certificate: None,
        tcp: None,
        id: "p".to_owned(),
        at: now(),
    }
}

fn response(status: u16) -> Response {
    Response {
        status,
        marker: None,
        maker: None,
        maker_says: None,
        proxy_status: None,
        cached: false,
        redirect: Redirect::None,
        sets_cookie: false,
        body_hash: format!("{status:016x}"),
        body_bytes: 150,
        header_bytes: Some(300),
    }
}

/// The expected answer.
pub fn ok() -> Saw {
    Saw(Probe { response: Some(response(200)), ..probe() })
}

/// An answer with another status than expected.
pub fn status(code: u16) -> Saw {
    Saw(Probe {
        outcome: Outcome::UnexpectedStatus,
        phase: Some(Phase::FirstByte),
        response: Some(response(code)),
        ..probe()
    })
}

/// It ended in this phase.
pub fn ended(phase: Phase, outcome: Outcome, fault: Fault) -> Saw {
    let mut timings = Timings { total_ms: 10, ..Timings::default() };
    let spent = match outcome {
        Outcome::TimedOut => 6000,
        _ if fault == Fault::NeighbourDead => 3060,
        _ => 1,
    };
    match phase {
        Phase::Dns => timings.dns_ms = Some(spent),
        Phase::Connect => timings.connect_ms = Some(spent),
        Phase::Tls => timings.tls_ms = Some(spent),
        Phase::FirstByte => timings.first_byte_ms = Some(spent),
        Phase::Body => timings.body_ms = Some(spent),
    }
    Saw(Probe { outcome, phase: Some(phase), fault: Some(fault), timings, ..probe() })
}

pub fn refused() -> Saw {
    ended(Phase::Connect, Outcome::Refused, Fault::ConnectionRefused)
}

pub fn no_connection() -> Saw {
    ended(Phase::Connect, Outcome::TimedOut, Fault::Deadline)
}

pub fn dead_neighbour() -> Saw {
    ended(Phase::Connect, Outcome::Unreachable, Fault::NeighbourDead)
}

pub fn prohibited() -> Saw {
    ended(Phase::Connect, Outcome::Prohibited, Fault::AdminProhibited)
}

/// Accepted, then nothing until our deadline.
pub fn silent() -> Saw {
    ended(Phase::FirstByte, Outcome::TimedOut, Fault::Deadline)
}

pub fn hangs_up() -> Saw {
    ended(Phase::FirstByte, Outcome::ClosedEarly, Fault::ClosedBeforeHeaders)
}

pub fn no_tls() -> Saw {
    ended(Phase::Tls, Outcome::Malformed, Fault::NotTls)
}

pub fn garbage() -> Saw {
    ended(Phase::FirstByte, Outcome::Malformed, Fault::InvalidResponse)
}

pub fn truncated() -> Saw {
    let mut saw = ended(Phase::Body, Outcome::Truncated, Fault::ShortBody);
    saw.0.response = Some(response(200));
    saw
}

pub fn wants_tls() -> Saw {
    let mut saw = status(400);
    saw.0.outcome = Outcome::Malformed;
    saw.0.fault = Some(Fault::PlainHttpToHttps);
    saw
}

pub fn alert(number: u8) -> Saw {
    let mut saw = ended(Phase::Tls, Outcome::TLSAlert, Fault::TlsAlert);
    saw.0.alert = Some(number);
    saw
}

pub fn wants_certificate() -> Saw {
    let mut saw = status(400).body("wants a certificate");
    saw.0.fault = Some(Fault::WantsClientCertificate);
    saw
}

pub fn wrong_body() -> Saw {
    let mut saw = status(200);
    saw.0.outcome = Outcome::UnexpectedBody;
    saw.0.phase = Some(Phase::Body);
    saw
}

impl Saw {
    fn answer(mut self, change: impl FnOnce(&mut Response)) -> Self {
        change(self.0.response.as_mut().expect("only an answer can look like that"));
        self
    }

    pub fn marked(self, present: bool) -> Self {
        self.answer(|r| r.marker = Some(present))
    }

    pub fn page_of(self, maker: Maker) -> Self {
        self.page(maker, ProxyStatus::IntermediaryError)
    }

    /// A page of its maker that says so much of the hop behind.
    pub fn page(self, maker: Maker, says: ProxyStatus) -> Self {
        self.answer(|r| (r.maker, r.maker_says) = (Some(maker), Some(says)))
    }

    pub fn says(self, status: ProxyStatus) -> Self {
        self.answer(|r| r.proxy_status = Some(status))
    }

    pub fn cached(self) -> Self {
        self.answer(|r| r.cached = true)
    }

    pub fn body(self, hash: &str) -> Self {
        self.answer(|r| r.body_hash = hash.to_owned())
    }

    pub fn sent_back(self, cookie: bool) -> Self {
        self.answer(|r| {
            r.status = 302;
            r.redirect = Redirect::Itself;
            r.sets_cookie = cookie;
        })
    }

    /// Header bytes of the answer.
    pub fn headers(self, bytes: u32) -> Self {
        self.answer(|r| r.header_bytes = Some(bytes))
    }

    /// A redirect to the same host.
    pub fn redirects(self) -> Self {
        self.answer(|r| {
            r.status = 301;
            r.redirect = Redirect::SameHost;
        })
    }

    /// Only the tail of a flight arrived, says the kernel.
    pub fn tail_only(mut self) -> Self {
        self.0.tcp = Some(TcpFacts { bytes_acked: 518, out_of_order: 1, segments_in: 1, ..TcpFacts::default() });
        self
    }

    /// The time from the request to the first byte.
    pub fn after(mut self, seconds: u32) -> Self {
        self.0.timings.first_byte_ms = Some(seconds * 1000 + 7);
        self
    }

    pub fn cert(mut self, verdict: CertVerdict) -> Self {
        let (not_before, not_after) = match verdict {
            CertVerdict::Expired => (ago(24 * 90), ago(24)),
            _ => (ago(24 * 30), now() + SignedDuration::from_hours(24 * 60)),
        };
        self.0.certificate = Some(Certificate { verdict, not_before, not_after, self_signed: false });
        self
    }

    pub fn cert_days_left(mut self, days: i64) -> Self {
        let not_after = now() + SignedDuration::from_hours(24 * days);
        self.0.certificate =
            Some(Certificate { verdict: CertVerdict::Valid, not_before: ago(24), not_after, self_signed: false });
        self
    }
}

/// A case in the making.
#[derive(Clone, Debug)]
pub struct Build {
    pub case: Case,
}

impl Build {
    pub fn new() -> Self {
        Self {
            case: Case {
                api_version: crate::api::API_VERSION.to_owned(),
                kind: case::KIND.to_owned(),
                at: now(),
                subject: Subject {
                    origin: "shop/shop".to_owned(),
                    host: "shop.example.com".to_owned(),
                    port: 443,
                    provider: Provider::Generic,
                    connect_timeout_seconds: 10,
                    read_timeout_seconds: 30,
                    origin_idle: None,
                    origin_tls: TlsProfile::default(),
                    proxy_protocol: ProxyProtocol::None,
                    large_path: None,
                    verifies: Verifies::Unknown,
                    origin_type: OriginType::Addresses,
                    origin_scheme: Scheme::HTTPS,
                    origin_name: "203.0.113.10:443".to_owned(),
                    origin_addresses: vec![ip(ORIGIN)],
                    cluster_addresses: Vec::new(),
                    edge: Vec::new(),
                    edge_aliases: Vec::new(),
                    lockdown: Lockdown::NotRequired,
                    marker: false,
                    control: false,
                    control_port: None,
                    proxy_prefixes: 0,
                    enforcing: false,
                },
                tracks: Vec::new(),
                facts: Vec::new(),
            },
        }
    }

    pub fn subject(mut self, change: impl FnOnce(&mut Subject)) -> Self {
        change(&mut self.case.subject);
        self
    }

    fn track(mut self, observation: Observation, variant: Variant, address: &str, access: Access, saw: Saw) -> Self {
        let address: IpAddr = ip(address);
        let mut last = saw.0;
        last.observation = observation;
        last.variant = variant;
        last.access = access;
        last.address = Some(SocketAddr::new(address, 443));
        let failed = !matches!(last.outcome, Outcome::OK | Outcome::Guarded | Outcome::CertInvalid);
        self.case.tracks.push(Track {
            key: PathKey { vantage: last.vantage.clone(), observation, variant, address: last.address },
            access,
            score: if failed { 12 } else { 0 },
            health: if failed { Health::Failing } else { Health::OK },
            pattern: Pattern::Steady,
            samples: 3,
            failures: if failed { 3 } else { 0 },
            last_connected: None,
            onset: None,
            last_failure: failed.then(|| last.clone()),
            last,
            measured: 0,
            lossy: 0,
            content_matches: 0,
            link: None,
        });
        self
    }

    /// Through the proxy, past the cache.
    pub fn proxy(self, saw: Saw) -> Self {
        self.proxy_at(EDGE, saw)
    }

    pub fn proxy_at(self, address: &str, saw: Saw) -> Self {
        self.track(Observation::ViaProxy, Variant::Bypass, address, Access::Unknown, saw)
    }

    /// Through the proxy, as visitors ask.
    pub fn plain(self, saw: Saw) -> Self {
        self.track(Observation::ViaProxy, Variant::Plain, EDGE, Access::Unknown, saw)
    }

    pub fn long(self, saw: Saw) -> Self {
        self.track(Observation::ViaProxyLong, Variant::Bypass, EDGE, Access::Unknown, saw)
    }

    /// Straight to the origin, from a vantage that its allowlist admits.
    pub fn listed(self, saw: Saw) -> Self {
        self.direct(ORIGIN, Access::Listed, saw)
    }

    /// Straight to the origin, from a vantage that its allowlist does not admit.
    pub fn unlisted(self, saw: Saw) -> Self {
        self.direct(ORIGIN, Access::Unlisted, saw)
    }

    pub fn direct(self, address: &str, access: Access, saw: Saw) -> Self {
        self.track(Observation::Direct, Variant::Bypass, address, access, saw)
    }

    pub fn inside(self, address: &str, saw: Saw) -> Self {
        self.track(Observation::InCluster, Variant::Bypass, address, Access::Unknown, saw)
    }

    /// Changes the track that was added last.
    pub fn with(mut self, change: impl FnOnce(&mut Track)) -> Self {
        change(self.case.tracks.last_mut().expect("no track yet"));
        self
    }

    /// The last path failed in some of its rounds only; `saw` is the failure.
    pub fn sometimes(self, failures: u32) -> Self {
        self.with(|t| {
            t.pattern = Pattern::Intermittent;
            t.health = Health::OK;
            t.samples = 10;
            t.failures = failures;
            t.score = 5;
        })
    }

    pub fn answered(self, hours_ago: i64) -> Self {
        self.with(|t| t.last_connected = Some(ago(hours_ago)))
    }

    pub fn fact(mut self, fact: Fact) -> Self {
        self.case.facts.push(fact);
        self
    }

    pub fn dns(self, resolver: &str, outcome: Outcome, addresses: &[&str]) -> Self {
        self.fact(Fact::Dns(Dns {
            vantage: "local".to_owned(),
            name: "shop.example.com".to_owned(),
            subject: DnsSubject::Site,
            resolver: resolver.to_owned(),
            outcome,
            addresses: addresses.iter().map(|a| ip(a)).collect(),
            by_way_of: None,
            authority: None,
        }))
    }

    /// The last answer is one of the zone's own name servers.
    pub fn by_authority(mut self, address: &str) -> Self {
        if let Some(Fact::Dns(dns)) = self.case.facts.last_mut() {
            dns.authority = Some(ip(address));
        }
        self
    }

    /// The last answer came by way of a declared name of the proxy.
    pub fn by_way_of(mut self, name: &str) -> Self {
        if let Some(Fact::Dns(dns)) = self.case.facts.last_mut() {
            dns.by_way_of = Some(name.to_owned());
        }
        self
    }

    pub fn ping(self, received: u32) -> Self {
        self.fact(Fact::Ping(Ping {
            vantage: "local".to_owned(),
            address: ip(ORIGIN),
            outcome: if received > 0 { Outcome::OK } else { Outcome::Lost },
            sent: 20,
            received,
            min_rtt_us: None,
            max_rtt_us: None,
            jitter_us: None,
        }))
    }

    pub fn control_port(self, outcome: Outcome) -> Self {
        self.fact(Fact::ControlPort(ControlPort {
            vantage: "local".to_owned(),
            access: Access::Listed,
            address: SocketAddr::new(ip(ORIGIN), 22),
            outcome,
        }))
    }

    pub fn control(self, outcome: Outcome) -> Self {
        self.fact(Fact::Control(Control { vantage: "local".to_owned(), outcome }))
    }

    pub fn endpoints(self, ready: u32, selected: u32) -> Self {
        self.fact(Fact::Endpoints(Endpoints {
            service: "shop/shop:443".to_owned(),
            port_exists: true,
            selected_pods: selected,
            ready,
            not_ready: selected.saturating_sub(ready),
            terminating: 0,
            dialable: Vec::new(),
            unready: Vec::new(),
            declared: Vec::new(),
            foreign: 0,
        }))
    }

    /// Changes the endpoints that were added last.
    pub fn slices(mut self, change: impl FnOnce(&mut Endpoints)) -> Self {
        let last = self.case.facts.iter_mut().rev().find_map(|f| match f {
            Fact::Endpoints(e) => Some(e),
            _ => None,
        });
        change(last.expect("no endpoints yet"));
        self
    }

    pub fn nodes(self, local_only: bool, nodes: &[(&str, &str, bool, u32)]) -> Self {
        let node = |(name, address, ready, ready_pods): &(&str, &str, bool, u32)| Node {
            name: (*name).to_owned(),
            addresses: vec![ip(address)],
            ready: Some(*ready),
            pods: 1,
            ready_pods: *ready_pods,
        };
        self.fact(Fact::Nodes(Nodes { nodes: nodes.iter().map(node).collect(), local_only }))
    }

    pub fn pods(self, pods: Vec<Pod>) -> Self {
        self.fact(Fact::Pods(Pods { pods }))
    }

    pub fn policy(self, verdict: PolicyVerdict, denied: u32, all: u32) -> Self {
        self.fact(Fact::Policy(Policy {
            pod: "shop/shop-1".to_owned(),
            port: 8443,
            verdict,
            isolating: vec!["shop/default-deny".to_owned()],
            denied: Vec::new(),
            denied_prefixes: denied,
            proxy_prefixes: all,
            undefined: None,
        }))
    }

    pub fn allowlist(self, object: &str, missing: u32, all: u32) -> Self {
        self.fact(Fact::Allowlist(Allowlist {
            object: object.to_owned(),
            outcome: if missing > 0 { Outcome::Missing } else { Outcome::Covered },
            missing: Vec::new(),
            missing_prefixes: missing,
            proxy_prefixes: all,
        }))
    }

    pub fn arrival(self, arrived: Arrived) -> Self {
        self.fact(Fact::Arrival(Arrival { source: "nft counter".to_owned(), address: None, arrived }))
    }

    /// The same request straight to the origin with one thing changed.
    pub fn replay(self, variation: Variation, saw: Saw) -> Self {
        self.repeated(Observation::Direct, variation, ORIGIN, saw)
    }

    /// The same through the proxy.
    pub fn replay_proxied(self, variation: Variation, saw: Saw) -> Self {
        self.repeated(Observation::ViaProxy, variation, EDGE, saw)
    }

    /// The same at another origin address.
    pub fn replay_at(self, address: &str, variation: Variation, saw: Saw) -> Self {
        self.repeated(Observation::Direct, variation, address, saw)
    }

    fn repeated(self, observation: Observation, variation: Variation, address: &str, saw: Saw) -> Self {
        let address = Some(SocketAddr::new(ip(address), 443));
        let probe = Box::new(Probe { observation, address, ..saw.0 });
        self.fact(Fact::Replay(Replay { variation, probe, times: 1 }))
    }

    /// The last fact was seen so often in a row.
    pub fn times(mut self, times: u32) -> Self {
        if let Some(Fact::Replay(replay)) = self.case.facts.last_mut() {
            replay.times = times;
        }
        self
    }

    /// An idle connection that the origin closed after so long.
    pub fn closes_idle(self, seconds: u32) -> Self {
        let address = SocketAddr::new(ip(ORIGIN), 443);
        self.fact(Fact::Idle(Idle {
            vantage: "local".to_owned(),
            access: Access::Unknown,
            address,
            outcome: Outcome::ClosedEarly,
            held_ms: seconds * 1000 - 400,
        }))
    }

    /// A provider's record of the edge.
    pub fn recorded(self, address: Option<&str>, origin_status: Option<u16>, reason: Option<EdgeReason>) -> Self {
        self.fact(Fact::ProviderRecord(ProviderRecord {
            source: "provider log".to_owned(),
            address: address.map(ip),
            edge_status: None,
            origin_status,
            reason,
            forwards_to: None,
        }))
    }

    /// The last path had to send again in some of its probes.
    pub fn lossy(self, lossy: u32, measured: u32) -> Self {
        self.with(|t| (t.lossy, t.measured) = (lossy, measured))
    }

    pub fn origin_dns(self, resolver: &str, outcome: Outcome) -> Self {
        self.fact(Fact::Dns(Dns {
            vantage: "local".to_owned(),
            name: "origin.example.com".to_owned(),
            subject: DnsSubject::Origin,
            resolver: resolver.to_owned(),
            outcome,
            addresses: Vec::new(),
            by_way_of: None,
            authority: None,
        }))
    }

    pub fn visitors(self, visitors: u32) -> Self {
        self.fact(Fact::VisitorReports(VisitorReports { reports: visitors, visitors }))
    }

    pub fn traffic(self, trend: Trend) -> Self {
        self.fact(Fact::Traffic(Traffic {
            source: "profile default".to_owned(),
            trend,
            origin_per_minute: Some(6000),
            forwarded_per_minute: Some(600),
            percent_of_usual: None,
        }))
    }

    pub fn resource(self, resource: Resource, level: Level) -> Self {
        self.fact(Fact::Saturation(Saturation { source: "profile default".to_owned(), resource, level, value: None }))
    }

    pub fn full(self, resource: Resource) -> Self {
        self.resource(resource, Level::Saturated)
    }

    pub fn limits(self, refused_per_minute: u32) -> Self {
        self.fact(Fact::Limit(Limit { source: "profile default".to_owned(), refused_per_minute }))
    }

    /// Failures and probes, in quiet and in busy times.
    pub fn contrast(self, quiet: (u32, u32), busy: (u32, u32)) -> Self {
        let tally = |(failures, probes)| Tally { probes, failures };
        let (quiet, busy) = (tally(quiet), tally(busy));
        self.fact(Fact::LoadContrast(LoadContrast { source: "profile default".to_owned(), quiet, busy, spells: 4 }))
    }

    pub fn unmeasured(self, measure: Measure, why: Why) -> Self {
        self.fact(Fact::Unmeasured(Unmeasured { source: "profile default".to_owned(), measure, why }))
    }

    pub fn verdict(&self) -> Verdict {
        super::words::hear(&self.case);
        diagnose(&self.case)
    }
}

/// A pod that keeps dying.
pub fn looping(address: &str) -> Pod {
    Pod {
        name: "shop-1".to_owned(),
        addresses: vec![ip(address)],
        ready: false,
        phase: "Running".to_owned(),
        waiting: Some("CrashLoopBackOff".to_owned()),
        last_termination: Some("Error".to_owned()),
        exit_code: Some(1),
        restarts: 7,
        started_seconds_ago: None,
        node: None,
    }
}

pub fn running(address: &str) -> Pod {
    Pod {
        name: "shop-2".to_owned(),
        addresses: vec![ip(address)],
        ready: true,
        phase: "Running".to_owned(),
        ..Pod::default()
    }
}

/// A pod that was killed for its memory.
pub fn killed(address: &str) -> Pod {
    Pod { last_termination: Some("OOMKilled".to_owned()), exit_code: Some(137), ..looping(address) }
}

/// A pod that runs and is not ready.
pub fn unready(address: &str) -> Pod {
    Pod { ready: false, ..running(address) }
}
