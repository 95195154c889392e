//! The `leeward` binary: the operator and its command line in one.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Probes, kube and feeds all take the process's provider; set before any of them can look for it.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: another TLS provider was installed before this one");
        return ExitCode::FAILURE;
    }
    leeward::cli::main(std::env::args_os())
}
