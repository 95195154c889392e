//! Who and where this process is.

use kube::Config;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Where a pod finds its own namespace.
const POD_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// Where a pod finds the names that its resolver completes.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where nothing says otherwise.
const DEFAULT_NAMESPACE: &str = "leeward-system";
/// Far away in both families; nothing is sent there.
const FAR_AWAY: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// The namespace of this installation.
pub fn namespace(flag: Option<&str>) -> String {
    let own = || std::fs::read_to_string(POD_NAMESPACE).ok().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    flag.map(str::to_owned).or_else(own).unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned())
}

/// The DNS domain of the cluster, as the resolver's configuration of a pod shows it: `search shop.svc.cluster.local …`.
pub fn cluster_domain() -> Option<String> {
    domain_in(&std::fs::read_to_string(RESOLV_CONF).ok()?).map(str::to_owned)
}

fn domain_in(resolv_conf: &str) -> Option<&str> {
    let searched = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("search "));
    searched.flat_map(str::split_whitespace).find_map(|name| name.strip_prefix("svc."))
}

/// Names this replica: the pod, and something that a restarted one does not share.
pub fn replica() -> String {
    let pod = std::env::var("POD_NAME").or_else(|_| std::env::var("HOSTNAME")).unwrap_or_else(|_| "leeward".to_owned());
    let moment = jiff::Timestamp::now().as_nanosecond().to_be_bytes();
    let digest = Sha256::digest([&moment[..], &std::process::id().to_be_bytes()[..]].concat());
    let suffix = digest.iter().take(4).fold(0_u32, |sum, b| (sum << 8) | u32::from(*b));
    format!("{pod}-{suffix:08x}")
}

/// Addresses that this process's own probes come from: what the pod says, else what the routes say.
pub fn addresses() -> Vec<IpAddr> {
    let told = std::env::var("POD_IPS").unwrap_or_default();
    let told: Vec<IpAddr> = told.split(',').filter_map(|t| t.trim().parse().ok()).collect();
    if !told.is_empty() {
        return told;
    }
    FAR_AWAY.iter().filter_map(|(from, to)| route(from, to)).filter(|ip| !ip.is_loopback()).collect()
}

/// The address that the kernel would send from; connecting a datagram socket sends nothing.
fn route(from: &str, to: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Addresses by which this process reaches the API server.
pub async fn api_server(config: &Config) -> Vec<IpAddr> {
    let mut hosts: Vec<String> = config.cluster_url.host().map(str::to_owned).into_iter().collect();
    hosts.extend(std::env::var("KUBERNETES_SERVICE_HOST").ok());
    let mut found = Vec::new();
    for host in hosts {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if let Ok(ip) = host.parse::<IpAddr>() {
            found.push(ip);
        } else if let Ok(answers) = tokio::net::lookup_host((host, 443)).await {
            found.extend(answers.map(|a: SocketAddr| a.ip()));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_replicas_of_one_name_differ() {
        assert_ne!(replica(), replica());
    }

    #[test]
    fn the_resolver_of_a_pod_names_the_domain() {
        let pod = "search shop.svc.k8s.example svc.k8s.example k8s.example\nnameserver 10.96.0.10\noptions ndots:5\n";
        assert_eq!(domain_in(pod), Some("k8s.example"));
        assert_eq!(domain_in("nameserver 192.0.2.53\nsearch example.com\n"), None);
    }

    #[test]
    fn a_flag_names_the_namespace() {
        assert_eq!(namespace(Some("elsewhere")), "elsewhere");
    }
}
