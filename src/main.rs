//! The `leeward` binary: the operator and its command line in one.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Probes, kube and feeds all take the process's provider; set before any of them can look for it.
    // It can fail only where one is installed already, and nothing runs before this.
    let _ = rustls::crypto::ring::default_provider().install_default();
    leeward::cli::main(std::env::args_os())
}
