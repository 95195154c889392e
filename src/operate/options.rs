//! The flags of `leeward run`; each can also stand in the environment as `LEEWARD_…`.

use crate::api::names::is_dns_label;
use crate::api::validated::SiteUrl;
use crate::net::Prefix;
use crate::net::guard::{AllowTarget, GuardFlags};
use crate::observe::cluster::{ControllerNamespaces, USUAL};
use crate::observe::traffic::server::parse_url;
use crate::operate::status_page::host_name;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// Keep watch over the ProtectedOrigins of a cluster.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("counters").args(["traffic_profiles", "allow_user_promql"]).multiple(true))]
pub struct RunOptions {
    /// Namespace of this installation: its Lease, ConfigMaps with ranges [default: the pod's, else leeward-system]
    #[arg(long, env = "LEEWARD_NAMESPACE", value_name = "NS")]
    pub namespace: Option<String>,
    /// Name of this installation; ProxyNetworks name it as their controller
    #[arg(long, env = "LEEWARD_NAME", default_value = "leeward", value_name = "NAME")]
    pub name: String,
    /// Namespace to watch; repeat for several [default: all]
    #[arg(long, env = "LEEWARD_WATCH_NAMESPACE", value_name = "NS", value_delimiter = ',')]
    pub watch_namespace: Vec<String>,
    #[command(flatten)]
    pub controllers: ControllerOptions,
    /// Private range that may be probed, for one namespace or for all; repeatable
    #[arg(long, env = "LEEWARD_ALLOW_TARGET", value_name = "[NS=]CIDR", value_delimiter = ',')]
    pub allow_target: Vec<AllowTarget>,
    /// Range that must never be probed; repeatable
    #[arg(long, env = "LEEWARD_DENY_TARGET", value_name = "CIDR", value_delimiter = ',', value_parser = strict_prefix)]
    pub deny_target: Vec<Prefix>,
    /// Port that may be probed beyond 80, 443, 8080, 8443 and a Service's own; repeatable
    #[arg(long, env = "LEEWARD_ALLOW_PORT", value_name = "PORT", value_delimiter = ',')]
    pub allow_port: Vec<u16>,
    /// Whether Listed vantages, bodyContains and private targets need the host in the Namespace's annotation leeward.dev/allowed-hosts
    #[arg(long, env = "LEEWARD_REQUIRE_ALLOWED_HOSTS", value_name = "true|false", default_value_t = true, action = clap::ArgAction::Set)]
    pub require_allowed_hosts: bool,
    /// Resolver to ask instead of the system's; repeatable, each is asked by itself
    #[arg(long, env = "LEEWARD_RESOLVER", value_name = "ADDR:PORT", value_delimiter = ',')]
    pub resolver: Vec<SocketAddr>,
    /// URL that is known to answer: it shows whether this vantage can reach anything
    #[arg(long, env = "LEEWARD_CONTROL", value_name = "URL", value_parser = control_url)]
    pub control: Option<SiteUrl>,
    /// PEM file with trust anchors beside the system's, for probes and feeds
    #[arg(long, env = "LEEWARD_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Name of the place that probes leave from, as in spec.origin.vantages
    #[arg(long, env = "LEEWARD_VANTAGE", default_value = "cluster", value_name = "NAME")]
    pub vantage: String,
    /// Prometheus that is asked for counters of load; it is not bound by the egress rules
    #[arg(long, env = "LEEWARD_PROMETHEUS_URL", value_name = "URL", value_parser = parse_url, requires = "counters")]
    pub prometheus_url: Option<Url>,
    /// File with the traffic profiles that spec.traffic.profile may name; read again when it changes
    #[arg(long, env = "LEEWARD_TRAFFIC_PROFILES", value_name = "FILE")]
    pub traffic_profiles: Option<PathBuf>,
    /// Lets resources bring queries of their own (spec.traffic.queries): whoever may write one can then read every metric of that server
    #[arg(long, env = "LEEWARD_ALLOW_USER_PROMQL", requires = "prometheus_url")]
    pub allow_user_promql: bool,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, env = "LEEWARD_LISTEN", default_value = "[::]:8080", value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// Where the status page is served, such as [::]:8081; off without it. Whoever reaches it sees every watched origin
    #[arg(long, env = "LEEWARD_STATUS_PAGE", value_name = "ADDR:PORT")]
    pub status_page: Option<SocketAddr>,
    /// Service in front of the status page, by whose names it may be asked for
    #[arg(long, env = "LEEWARD_STATUS_PAGE_SERVICE", default_value = "leeward-status", value_name = "NAME", value_parser = host_name)]
    pub status_page_service: String,
    /// Further host by which the status page may be asked for, such as that of an Ingress in front of it; repeatable
    #[arg(long, env = "LEEWARD_STATUS_PAGE_HOST", value_name = "HOST", value_delimiter = ',', value_parser = host_name)]
    pub status_page_host: Vec<String>,
    /// Format of the log
    #[arg(long, env = "LEEWARD_LOG_FORMAT", default_value = "json", value_name = "json|text")]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or directives such as leeward=debug
    #[arg(long, env = "LEEWARD_LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub log_level: String,
    /// Rounds that run at once; a quarter of the places is for suspects
    #[arg(long, env = "LEEWARD_MAX_IN_FLIGHT", default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=100_000))]
    pub max_in_flight: u32,
    /// Probes a second that all edge addresses share
    #[arg(long, env = "LEEWARD_EDGE_PROBES_PER_SECOND", default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub edge_probes_per_second: u32,
    /// Second floor under spec.probe.periodSeconds
    #[arg(long, env = "LEEWARD_MINIMUM_PERIOD_SECONDS", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub minimum_period_seconds: u32,
    /// How soon a suspect is looked at again
    #[arg(long, env = "LEEWARD_RECHECK_SECONDS", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub recheck_seconds: u32,
    /// How long the lease holds without renewal
    #[arg(long, env = "LEEWARD_LEASE_DURATION_SECONDS", default_value_t = 15, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(3..=300))]
    pub lease_duration_seconds: u32,
}

/// Who is believed to be an ingress controller.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ControllerOptions {
    /// Namespace whose pods and Services are believed to be an ingress controller's, beside those that Helm notes in IngressClasses; repeatable, an empty one is none [default: haproxy-controller,ingress-nginx,kube-system,nginx-ingress,projectcontour,traefik]
    #[arg(long = "ingress-controller-namespace", env = "LEEWARD_INGRESS_CONTROLLER_NAMESPACE", value_name = "NS", value_delimiter = ',', value_parser = name_or_nothing, default_values = USUAL, hide_default_value = true)]
    ingress_controller_namespace: Vec<String>,
}

impl ControllerOptions {
    pub fn namespaces(&self) -> ControllerNamespaces {
        self.ingress_controller_namespace.iter().cloned().collect()
    }
}

/// Format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    #[default]
    Json,
    Text,
}

impl RunOptions {
    /// The administrator's part of the egress guard.
    pub fn guard(&self) -> GuardFlags {
        GuardFlags {
            allow_targets: self.allow_target.clone(),
            deny_targets: self.deny_target.iter().collect(),
            allow_ports: self.allow_port.iter().copied().collect(),
            require_allowed_hosts: self.require_allowed_hosts,
        }
    }
}

fn name_or_nothing(text: &str) -> Result<String, String> {
    if text.is_empty() || is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err("a namespace's name is 1 to 63 lower-case letters, digits and hyphens".to_owned())
}

fn strict_prefix(text: &str) -> Result<Prefix, String> {
    Prefix::parse_strict(text).map_err(|e| e.to_string())
}

fn control_url(text: &str) -> Result<SiteUrl, String> {
    SiteUrl::parse("control", text).map_err(|e| e.problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Line {
        #[command(flatten)]
        run: RunOptions,
    }

    fn parse(arguments: &[&str]) -> Result<RunOptions, String> {
        Line::try_parse_from(std::iter::once(&"run").chain(arguments)).map(|l| l.run).map_err(|e| e.to_string())
    }

    #[test]
    fn without_flags_everything_has_its_default() {
        let o = parse(&[]).unwrap();
        assert_eq!(
            (o.name.as_str(), o.vantage.as_str(), o.listen.to_string().as_str()),
            ("leeward", "cluster", "[::]:8080")
        );
        assert_eq!((o.max_in_flight, o.edge_probes_per_second, o.lease_duration_seconds), (512, 50, 15));
        // The FAQ and the quickstart count with these.
        assert_eq!((o.recheck_seconds, o.minimum_period_seconds, o.edge_probes_per_second), (10, 10, 50));
        assert_eq!((o.status_page_service.as_str(), o.status_page_host.len()), ("leeward-status", 0));
        assert_eq!(o.status_page, None, "whoever reaches it sees everything, so nobody gets it unasked");
        assert!(o.require_allowed_hosts && o.guard().require_allowed_hosts);
        assert_eq!(o.controllers.namespaces(), ControllerNamespaces::default());
    }

    #[test]
    fn what_is_no_name_of_a_namespace_is_said_to_be_none() {
        let told = parse(&["--ingress-controller-namespace", "Edge_1"]).unwrap_err();
        assert!(told.contains("a namespace's name is 1 to 63 lower-case letters, digits and hyphens"), "{told}");
    }

    #[test]
    fn flags_are_read_and_wrong_ones_are_named() {
        let o = parse(&[
            "--allow-target",
            "shop=10.0.0.0/8",
            "--allow-target",
            "fd00:1::/32",
            "--deny-target",
            "10.9.0.0/16",
            "--allow-port",
            "9443",
            "--require-allowed-hosts",
            "false",
            "--control",
            "https://control.example/",
            "--watch-namespace",
            "a",
            "--watch-namespace",
            "b",
        ])
        .unwrap();
        let guard = o.guard();
        assert_eq!(guard.allow_targets.len(), 2);
        assert!(guard.deny_targets.contains("10.9.1.1".parse().unwrap()) && guard.allow_ports.contains(&9443));
        assert_eq!(o.watch_namespace, ["a", "b"]);
        let controllers = |argument: &str| parse(&[argument]).unwrap().controllers.namespaces();
        let two = controllers("--ingress-controller-namespace=edge,ingress");
        assert_eq!(two, ["edge", "ingress"].map(str::to_owned).into_iter().collect());
        assert_eq!(controllers("--ingress-controller-namespace="), std::iter::empty().collect(), "nobody by name");
        for (arguments, said) in [
            (["--allow-target", "10.0.0.1/8"], "10.0.0.0/8"),
            (["--deny-target", "x"], "x"),
            (["--control", "ftp://x/"], "http"),
            (["--ingress-controller-namespace", "Edge"], "lower-case"),
            (["--max-in-flight", "1"], "4"),
            (["--log-format", "xml"], "json"),
            (["--status-page-host", "https://status.example.com"], "without scheme, port, path and wildcard"),
        ] {
            let error = parse(&arguments).unwrap_err();
            assert!(error.contains(said) && error.contains(arguments[0]), "{error}");
        }
    }
}
