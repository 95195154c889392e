//! Which observation would decide, in words that name the flag or field.

use crate::diagnose::view::View;

/// An observation that would decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    AddressSeen,
    BlockFact,
    ControlPort,
    ControlTarget,
    DeclareVerifies,
    Expectation,
    KeepAlive,
    LimitCounters,
    ListedVantage,
    LoadFacts,
    LongProbe,
    Marker,
    MoreRounds,
    OriginHost,
    OriginLog,
    OtherResolver,
    OtherVantage,
    PodLogs,
    Probe,
    ProbeAdmitted,
    ProviderEvents,
    ProxyLog,
    ProxyPath,
    ProxySettings,
    PurgeOneUrl,
    SegmentSize,
    TlsProfile,
    UncachedPath,
    Uplink,
    VisitorReports,
}

impl Next {
    /// The sentence.
    #[expect(clippy::too_many_lines, reason = "a table: one sentence for each observation")]
    pub fn words(self, view: &View<'_>) -> String {
        let subject = view.subject;
        let slowest = subject.connect_timeout_seconds.max(subject.read_timeout_seconds).saturating_add(5);
        match self {
            Self::AddressSeen => "Look at the origin's log which address it saw: the visitor's (real-ip, X-Forwarded-For or \
                PROXY protocol is on), a node's (externalTrafficPolicy Cluster), or the proxy's."
                .to_owned(),
            Self::BlockFact => {
                "Count the proxy's packets at the origin: drops at its firewall, security group or host \
                agent show the block (merge such a record with --merge); none at all mean that the proxy sends them \
                elsewhere."
                    .to_owned()
            }
            Self::ControlPort => {
                "Dial another port of the same host (origin.controlPort) and allow echo requests to it: \
                an answer there shows a filtered port, silence a dead host."
                    .to_owned()
            }
            Self::ControlTarget => "Name a control target with --control URL: something that must always be reachable \
                from here shows whether this vantage sees anything at all."
                .to_owned(),
            Self::DeclareVerifies => "Declare proxy.verifiesOriginCertificate (Always or Never), or look for a \
                certificate error in the proxy's log."
                .to_owned(),
            Self::Expectation => "Compare the answer with expect, directly and through the proxy; a marker \
                (origin.marker) shows which hop made it."
                .to_owned(),
            Self::KeepAlive => "Read the proxy's log of the failing requests: a reused connection that ended before the \
                answer shows the race. Declare proxy.originIdleSeconds, and give the origin a longer keep-alive for a while."
                .to_owned(),
            Self::LimitCounters => "Read the counters of limits per address at the origin (limit_req, limit_conn, \
                hashlimit, security agents) and the proxy's own pool: a traffic profile measures them, --merge takes a \
                record."
                .to_owned(),
            Self::LoadFacts => {
                "Measure the origin under load: CPU throttling, busy workers, dropped connections, bytes \
                out, and its requests beside those that the proxy forwarded (spec.traffic.profile, or a record with \
                --merge)."
                    .to_owned()
            }
            Self::ListedVantage => "Probe the origin from a vantage that its allowlist admits, and declare it \
                (origin.vantages with access Listed, or --access Listed); or merge such evidence with --merge."
                .to_owned(),
            Self::LongProbe => format!(
                "Wait past the proxy's own timers with a long probe (--long-probe {slowest}): its answer and its time \
                 name the hop that gives up."
            ),
            Self::Marker => "Let the origin add a header to every response and declare it (origin.marker): it shows \
                whether the edge or the origin made the answer."
                .to_owned(),
            Self::MoreRounds => {
                "Probe more often (--rounds 10): one failure shows what happened, not what is wrong.".to_owned()
            }
            Self::OriginHost => {
                "Look on the origin's host, or at its provider: does it run, does the server listen on \
                the port, does a firewall reject?"
                    .to_owned()
            }
            Self::OriginLog => {
                "Look for the probe's id (header leeward-probe-id) in the origin's log: did the request \
                arrive, and what became of it?"
                    .to_owned()
            }
            Self::OtherResolver => {
                "Ask another resolver (--resolver ADDR:53), best the zone's own name servers.".to_owned()
            }
            Self::OtherVantage => "Probe the edge from another network (--merge its evidence): it shows whether all \
                visitors meet this."
                .to_owned(),
            Self::PodLogs => {
                "Read the last termination and the previous log of the pods (kubectl logs --previous).".to_owned()
            }
            Self::Probe => {
                "Probe the site (without --offline, or from the cluster): it shows whether visitors meet this."
                    .to_owned()
            }
            Self::ProbeAdmitted => {
                "Probe the pods from an address that the policy admits: an answer shows that only the \
                policy is in the way."
                    .to_owned()
            }
            Self::ProviderEvents => "Read the provider's console for the addresses named: null routes, scrubbing, exceeded \
                capacity, incidents (merge such a record with --merge)."
                .to_owned(),
            Self::ProxyLog => {
                "Read the proxy's own record of the request to the origin: its error names what the proxy \
                met."
                    .to_owned()
            }
            Self::ProxyPath => {
                "Probe through the proxy with a definite result: is the edge allowed as a target, and is \
                there a route for its address family?"
                    .to_owned()
            }
            Self::ProxySettings => {
                "Compare address, port, protocol and Host of the origin in the proxy's settings with \
                the spec."
                    .to_owned()
            }
            Self::PurgeOneUrl => {
                "Purge this one URL at the proxy and ask for it again: if it works then, the cache held \
                the error."
                    .to_owned()
            }
            Self::SegmentSize => "Lower the segment size at the origin for a while (a route with advmss 1200): if large \
                answers arrive then, large packets vanish on the way."
                .to_owned(),
            Self::TlsProfile => "Declare the proxy's TLS settings towards the origin (proxy.originTLS: maxVersion, \
                serverName), and look whether it presents a client certificate and what the origin's log says of its \
                handshakes."
                .to_owned(),
            Self::UncachedPath => "Probe a path that the proxy never caches: an answer out of a cache says nothing of \
                the origin."
                .to_owned(),
            Self::Uplink => "Measure the origin's uplink in bytes against its limit, and the loss from a second vantage \
                (--merge its evidence)."
                .to_owned(),
            Self::VisitorReports => "Collect addresses and times of the visitors who report it (leeward report --clients): \
                what they share names the part that fails."
                .to_owned(),
        }
    }
}
