//! The arguments of `leeward diagnose`, grouped as its help shows them.

use crate::api::Access;
use crate::cli::cluster::NamespacedArgs;
use crate::cli::color::When;
use crate::observe::traffic::server::parse_url;
use clap::{ArgGroup, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

#[derive(clap::Args, Debug)]
#[command(after_help = "Exit codes: 0 healthy (risks included), 2 unhealthy, 3 inconclusive, \
    1 bad input or an error; then nothing is printed but the reason, on standard error.")]
#[command(group(ArgGroup::new("subject").args(["name", "files", "via"]).required(true)))]
pub struct Args {
    #[command(flatten)]
    pub look: LookArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is looked at, from where, and how: shared by every command that looks.
#[derive(clap::Args, Debug)]
pub struct LookArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,
    #[command(flatten)]
    pub known: KnownArgs,
    #[command(flatten)]
    pub traffic: TrafficArgs,
    #[command(flatten)]
    pub vantage: VantageArgs,
    #[command(flatten)]
    pub looking: LookingArgs,
    #[command(flatten)]
    pub cluster: NamespacedArgs,
}

/// What is diagnosed.
#[derive(clap::Args, Debug)]
pub struct SubjectArgs {
    /// ProtectedOrigin to read from the cluster
    #[arg(value_name = "[NAMESPACE/]NAME")]
    pub name: Option<String>,
    /// Manifest with a ProtectedOrigin, its ProxyNetwork and objects that stand in for a cluster; - is standard
    /// input. Repeat it for further files
    #[arg(short, long = "filename", value_name = "FILE", help_heading = "Subject")]
    pub files: Vec<PathBuf>,
    /// URL that visitors use; needs no cluster and no file
    #[arg(long, value_name = "URL", requires = "origin", help_heading = "Subject")]
    pub via: Option<String>,
    /// Origin that the proxy forwards to, with --via. Repeat it for further addresses
    #[arg(long, value_name = "ADDRESS[:PORT]", requires = "via", help_heading = "Subject")]
    pub origin: Vec<String>,
    /// Host header and certificate name at the origin, with --via [default: the URL's host]
    #[arg(long, value_name = "HOST", requires = "via", help_heading = "Subject")]
    pub host: Option<String>,
    /// What the proxy speaks to the origin, with --via [default: HTTP for ports 80 and 8080, HTTPS for 443 and
    /// 8443, else as the URL]
    #[arg(long, value_name = "SCHEME", requires = "via", ignore_case = true, help_heading = "Subject")]
    pub origin_scheme: Option<SchemeArg>,
}

/// What the user knows beside it.
#[derive(clap::Args, Debug)]
pub struct KnownArgs {
    /// File with the proxy's addresses: a ProxyNetwork, or one prefix a line
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub network: Option<PathBuf>,
    /// Header that the origin adds to every response; proves which responses come from it
    #[arg(long, value_name = "HEADER=VALUE", help_heading = "What is known")]
    pub marker: Option<String>,
    /// The origin should answer nobody but the proxy and listed vantages
    #[arg(long, help_heading = "What is known")]
    pub lockdown: bool,
    /// Evidence saved elsewhere, such as from a listed vantage. Repeat it for further files
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub merge: Vec<PathBuf>,
}

/// Counters of the origin's load.
#[derive(clap::Args, Debug)]
pub struct TrafficArgs {
    /// Prometheus that is asked for what spec.traffic names
    #[arg(long, value_name = "URL", conflicts_with_all = ["via", "offline"],
        value_parser = parse_url, help_heading = "What is known")]
    pub prometheus_url: Option<Url>,
    /// File with traffic profiles: queries with $namespace, $name, $service, $host and $window
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub traffic_profiles: Option<PathBuf>,
}

/// Where probes leave from.
#[derive(clap::Args, Debug)]
pub struct VantageArgs {
    /// Name of this vantage; its access is looked up in origin.vantages
    #[arg(id = "vantage", long, value_name = "NAME", default_value = "local", help_heading = "Vantage")]
    pub name: String,
    /// Whether the origin's allowlist lets this vantage in; instead of origin.vantages
    #[arg(long, value_name = "ACCESS", ignore_case = true, help_heading = "Vantage")]
    pub access: Option<Access>,
    /// Name server to ask instead of the system's. Repeat it for further ones
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Vantage")]
    pub resolver: Vec<SocketAddr>,
    /// PEM file with certificate authorities to trust beside the system's, on both paths
    #[arg(long, value_name = "FILE", help_heading = "Vantage")]
    pub ca_file: Option<PathBuf>,
    /// URL that should always answer: shows whether this vantage can reach anything
    #[arg(long, value_name = "URL", help_heading = "Vantage")]
    pub control: Option<String>,
    /// Refuse targets that the operator would refuse
    #[arg(long, help_heading = "Vantage")]
    pub guard: bool,
}

/// How often and how patiently to look.
#[derive(clap::Args, Debug)]
pub struct LookingArgs {
    /// How often to look, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100),
        help_heading = "How to look")]
    pub rounds: u16,
    /// Seconds between rounds, 0 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=3600),
        help_heading = "How to look")]
    pub interval: u16,
    /// Longest wait for the proxy's own timer, after two failing rounds; 0 to 130, 0 = none
    #[arg(long, value_name = "SECONDS", default_value_t = 25, value_parser = clap::value_parser!(u16).range(0..=130),
        help_heading = "How to look")]
    pub long_probe: u16,
    /// Probe nothing and judge the files alone
    #[arg(long, conflicts_with_all = ["via", "name", "dial_endpoints"], help_heading = "How to look")]
    pub offline: bool,
    /// Also dial the endpoints of the origin's Service; only right inside that cluster's network
    #[arg(long, conflicts_with = "via", help_heading = "How to look")]
    pub dial_endpoints: bool,
}

/// What becomes of the answer.
#[derive(clap::Args, Debug)]
pub struct OutputArgs {
    /// How to print the diagnosis; junit and sarif are for pipelines
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub format: Format,
    /// Write everything that was seen to this file, for leeward explain --evidence and --merge
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub save_evidence: Option<PathBuf>,
    /// Exit with 2 also when a healthy site has risks
    #[arg(long, help_heading = "Output")]
    pub fail_on_risk: bool,
    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub color: When,
}

/// Form of the output.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
    Yaml,
    // Without comments that the help would show: one alone makes all of it twice as long.
    Junit,
    Sarif,
}

/// A scheme as it is written on the command line.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemeArg {
    Http,
    Https,
}
