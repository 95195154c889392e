//! What each cause means, and what to do about it, in sentences that status, events and the command
//! line print.

use super::Cause;

impl Cause {
    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Healthy => "Visitors get the expected answer through the proxy.",
            Self::ProxyBlocked => "The origin drops or rejects the proxy's connections while others get through.",
            Self::ProxyRateLimited => {
                "The origin limits requests per address, and the proxy's few addresses carry all visitors."
            }
            Self::AllowlistIncomplete => "An allowlist in front of the origin lacks some of the proxy's prefixes.",
            Self::AllowlistWrongAddress => {
                "The allowlist holds the right prefixes but is compared with another address than the proxy's."
            }
            Self::ProxyOriginMisconfigured => {
                "The proxy forwards to another address, port, host or path than declared."
            }
            Self::OriginProtocolMismatch => "The proxy and the origin's port speak different protocols.",
            Self::ProxyPolicyDenied => "The edge itself refuses our probe; visitors may be fine.",
            Self::ProxyFault => "The proxy's own network or edge fails; the origin does not.",
            Self::ProxyUnderAttack => "The edge address is scrubbed, throttled or null-routed by its provider.",
            Self::ProxyCertInvalid => "The certificate that visitors see at the edge is not valid.",
            Self::StaleErrorCached => "The edge serves an error out of its cache although the origin has recovered.",
            Self::ProxyEgressExhausted => {
                "The proxy cannot open more connections to the origin: its ports, its cap or its queue is full."
            }
            Self::DnsBypassesProxy => "The name that visitors use leads past the proxy.",
            Self::DnsFailed => "The name that visitors use does not resolve.",
            Self::ProxyOriginDnsFailed => "The proxy finds the origin by a name that does not resolve.",
            Self::DnsInconsistent => "Resolvers or address families disagree on where the site's name leads.",
            Self::OriginUnreachable => "The origin's host is off the network for everybody.",
            Self::OriginBlackholed => {
                "The origin's address is null-routed on the internet while it answers inside its own network."
            }
            Self::PortFiltered => "The origin's host is alive, but its port is closed silently to everybody.",
            Self::NetworkDegraded => "Packets are lost or delayed on the way.",
            Self::UplinkCongested => "The origin's uplink is full.",
            Self::PathMtuBlackhole => "Large packets from the origin vanish on the way while small ones pass.",
            Self::OriginRefused => "The origin's port refuses connections from everybody.",
            Self::AcceptSaturated => "The origin listens, but its kernel drops new connections under load.",
            Self::OriginClosedEarly => "The origin accepts connections and closes them before it answers.",
            Self::KeepAliveRace => {
                "The origin closes idle connections sooner than the proxy does, so a reused one may die under a request."
            }
            Self::OriginCertExpired => "The origin's certificate is outside its dates, and the proxy verifies it.",
            Self::OriginCertExpiring => "The origin's certificate expires within 14 days.",
            Self::OriginCertMismatch => "The origin's certificate lacks the name that the proxy checks.",
            Self::OriginCertUntrusted => "The origin's certificate is not signed by anybody that the proxy trusts.",
            Self::TlsIncompatible => "The origin's TLS settings do not admit what the proxy offers.",
            Self::OriginReturns5xx => "The origin itself answers with a server error, and the proxy relays it.",
            Self::UnexpectedResponse => "The site answers, but not as expected, and no other cause fits.",
            Self::OriginTimeout => "The origin accepts requests and does not answer within the proxy's timer.",
            Self::OriginResponseInvalid => "The origin's response is malformed or cut short.",
            Self::OriginHeaderTooLarge => "The origin's response header is larger than the proxy accepts.",
            Self::VhostMismatch => "The origin does not know the host name that the proxy sends.",
            Self::RedirectLoop => "Visitors are redirected in a circle.",
            Self::NoReadyEndpoints => "The origin's Service has no ready endpoint.",
            Self::TargetPortMismatch => "The Service sends to a port on which its pods do not listen.",
            Self::PodCrashLoop => "The pods behind the origin's Service restart again and again.",
            Self::PodOomKilled => "The pods behind the origin's Service are killed for their memory.",
            Self::ReadinessFailing => {
                "Pods run and answer, but their readiness probe fails, so the Service sends them nothing."
            }
            Self::OriginOverloaded => "The origin has no CPU, memory or worker left, and answers late or not at all.",
            Self::RolloutRace => {
                "Pods end before the proxy stops sending to them, whenever the workload rolls out or scales down."
            }
            Self::NetworkPolicyBlocks => "A NetworkPolicy isolates the origin's pods and does not admit the proxy.",
            Self::NodeFault => "A node that carries the origin is not ready or holds no endpoint.",
            Self::OriginAttackedDirectly => "The origin is flooded past the proxy, because its address is known.",
            Self::OriginExposed => "The origin serves the site to anybody who knows its address.",
            Self::ClientSubset => "Every path works from here, but some visitors report failures.",
            Self::VantageFault => "The place that probes cannot see anything, so it says nothing of the site.",
            Self::Inconclusive => "The evidence does not tell which of several causes it is.",
        }
    }

    /// What to do about it, in a sentence or two.
    #[expect(clippy::too_many_lines, reason = "a table: one sentence for each cause")]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Healthy => "Nothing is to be done.",
            Self::ProxyBlocked => {
                "Allow all current prefixes of the proxy at every layer in front of the origin: security group, load balancer, host firewall and agents, NetworkPolicy. Do not switch the firewall off."
            }
            Self::ProxyRateLimited => {
                "Exempt the proxy's prefixes from limits per address, or let the limit count by the visitor's address that the proxy passes on."
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
            Self::ProxyFault => {
                "Open a ticket at the provider with times, request ids and addresses (leeward report writes it)."
            }
            Self::ProxyUnderAttack => {
                "Raise the protected capacity or lift the null route at the provider, or wait until it ends."
            }
            Self::ProxyCertInvalid => {
                "Renew the certificate at the proxy, or bind the one that carries the site's name."
            }
            Self::StaleErrorCached => {
                "Purge the URL at the proxy, and do not let it cache errors (or for seconds only)."
            }
            Self::ProxyEgressExhausted => {
                "Let the proxy keep connections to the origin alive, raise its connection limit, or give it more egress addresses."
            }
            Self::DnsBypassesProxy => {
                "Point the name at the proxy again, and change the origin's address if it was public."
            }
            Self::DnsFailed => "Repair the name's zone or delegation: records, name servers, DNSSEC.",
            Self::ProxyOriginDnsFailed => "Repair the origin's record, or give the proxy addresses instead of a name.",
            Self::DnsInconsistent => "Make the records agree: remove stale A or AAAA records, and wait for their TTL.",
            Self::OriginUnreachable => {
                "Ask whoever runs the host or its network; in a cluster look at the node's conditions first."
            }
            Self::OriginBlackholed => {
                "Ask the origin's provider to lift the null route, or give the origin a new address behind the proxy."
            }
            Self::PortFiltered => {
                "Open the port for the proxy's prefixes: security group, load balancer source ranges, host firewall, NetworkPolicy."
            }
            Self::NetworkDegraded => {
                "Send the network's owner the measured loss with times and both addresses (leeward report writes it)."
            }
            Self::UplinkCongested => "Add bandwidth, let the proxy cache more, or limit bulk transfers.",
            Self::PathMtuBlackhole => {
                "Let ICMP \"fragmentation needed\" and \"packet too big\" pass, or clamp the segment size at the tunnel or router."
            }
            Self::OriginRefused => {
                "Start the server, or let it listen on this address and port; if it does, look for a firewall that rejects."
            }
            Self::AcceptSaturated => "Raise the accept backlog and the connection tracking limit, or add replicas.",
            Self::OriginClosedEarly => {
                "Read the server's log for the probe's id: a crash, a limit or a rule closes the connection."
            }
            Self::KeepAliveRace => "Set the origin's keep-alive timeout longer than the proxy's idle timeout.",
            Self::OriginCertExpired | Self::OriginCertExpiring => {
                "Renew the origin's certificate, and check what should have renewed it."
            }
            Self::OriginCertMismatch => {
                "Serve a certificate with the name that the proxy checks, or let the proxy check the right name (origin.serverName)."
            }
            Self::OriginCertUntrusted => {
                "Serve the whole chain of a trusted issuer, or let the proxy trust yours (origin.caBundle for our probe)."
            }
            Self::TlsIncompatible => {
                "Enable the version, cipher or missing server name that the proxy uses, or give the proxy the client certificate that the origin asks for."
            }
            Self::OriginReturns5xx => "Read the application's log: the origin itself fails, the proxy only relays it.",
            Self::UnexpectedResponse => "Repair the site, or correct what expect asks for.",
            Self::OriginTimeout => {
                "Find what the origin waits for, or answer long jobs asynchronously; raise the proxy's read timer only last."
            }
            Self::OriginResponseInvalid => {
                "Repair the response: status line, lengths, chunks, compression. Proxies tolerate different faults."
            }
            Self::OriginHeaderTooLarge => "Trim cookies and headers at the origin, or raise the proxy's header buffer.",
            Self::VhostMismatch => {
                "Add the host to the origin's server or Ingress, or correct the Host that the proxy sends (origin.host)."
            }
            Self::RedirectLoop => {
                "Let proxy and origin agree on the scheme: the proxy speaks HTTPS to the origin, or the origin trusts X-Forwarded-Proto."
            }
            Self::NoReadyEndpoints => {
                "Compare the Service's selector and port with the pods, scale them up, or look why they are not ready."
            }
            Self::TargetPortMismatch => "Correct the Service's targetPort to the port on which the container listens.",
            Self::PodCrashLoop => {
                "Read the previous log and the last termination of the pods; go back to the last version that ran."
            }
            Self::PodOomKilled => "Raise the memory limit or mend the leak, and read the last termination of the pods.",
            Self::ReadinessFailing => "Correct the readiness probe's path, port or timing, or what it depends on.",
            Self::OriginOverloaded => {
                "Scale the origin or shed load, and look for what takes its CPU, memory or workers."
            }
            Self::RolloutRace => "Let pods drain: a preStop sleep, graceful shutdown, and maxUnavailable 0.",
            Self::NetworkPolicyBlocks => {
                "Admit the proxy's prefixes to the pods with a NetworkPolicy: mode Enforce with a NetworkPolicy target writes one."
            }
            Self::NodeFault => {
                "Cordon or replace the node, and let the load balancer's health check leave out nodes without endpoints."
            }
            Self::OriginAttackedDirectly => {
                "Give the origin a new address that nobody knows, then admit only the proxy's prefixes to it."
            }
            Self::OriginExposed => {
                "Admit only the proxy (allowlist, secret header or client certificate), then change the origin's address if it was public."
            }
            Self::ClientSubset => {
                "Collect their addresses and times (leeward report --clients FILE), and give them to the provider."
            }
            Self::VantageFault => {
                "Repair the network of the place that probes; until then nothing is said and nothing changes."
            }
            Self::Inconclusive => "Make the next observation that is named, and look again.",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::Cause;
    use strum::IntoEnumIterator;

    #[test]
    fn each_cause_says_what_it_means_and_what_to_do() {
        let page = Cause::iter().map(|c| format!("{c}\n    {}\n    {}", c.meaning(), c.action()));
        insta::assert_snapshot!(page.collect::<Vec<_>>().join("\n"));
    }
}
