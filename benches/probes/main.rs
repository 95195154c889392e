//! What a probe costs: CPU for each HTTP and HTTPS probe, and memory for each probe that hangs, beside
//! `blackbox_exporter` in the same run. Absolute figures belong to a machine; the ratios are the result.
//!
//! Three processes, so that each one's cost can be read from the kernel: a server (its cost does not
//! count), a child that makes Leeward's probes, and the exporter. Rounds alternate, medians are printed.

mod child;
mod machine;
mod peer;
mod process;
mod server;

use anyhow::{Context, Result, bail};
use child::Prober;
use peer::Exporter;
use server::Server;

/// Probes of one measurement.
const PROBES: usize = 2000;
/// Probes under way at a time.
const AT_ONCE: usize = 8;
/// Measurements of each kind and side.
const ROUNDS: usize = 7;
/// Probes that hang at a time.
const HANGING: usize = 1000;
/// Probes before the hanging ones, so that what is set up once does not count.
const WARM_UP: usize = 100;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => measure(),
        ["serve", folder] => server::run(folder.as_ref()),
        ["probe", folder] => child::run(folder.as_ref()),
        other => bail!("no such role: {other:?}"),
    }
}

fn measure() -> Result<()> {
    let folder = tempfile::tempdir().context("a folder for certificates and logs")?;
    let server = Server::start(folder.path())?;
    let mut leeward = Prober::start(folder.path())?;
    let exporter = Exporter::start(folder.path());
    if let Err(error) = &exporter {
        eprintln!("blackbox_exporter is missing, so there are no ratios: {error:#}");
    }
    let mut exporter = exporter.ok();

    println!("{}", machine::describe());
    println!("{PROBES} probes a round, {AT_ONCE} at once, {ROUNDS} rounds each, medians; {HANGING} hanging probes\n");
    println!("{:<34} {:>12} {:>18} {:>8}", "", "leeward", "blackbox_exporter", "ratio");
    for (kind, address) in [("http", server.http), ("https", server.https)] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        leeward.burst(kind, address, PROBES / 10, AT_ONCE)?;
        if let Some(peer) = &mut exporter {
            peer.burst(kind, address, PROBES / 10, AT_ONCE)?;
        }
        for _ in 0..ROUNDS {
            let each = f64::from(u32::try_from(PROBES)?);
            ours.push(leeward.cpu_of(|p| p.burst(kind, address, PROBES, AT_ONCE))? / each);
            if let Some(peer) = &mut exporter {
                theirs.push(peer.cpu_of(|p| p.burst(kind, address, PROBES, AT_ONCE))? / each);
            }
        }
        line(&format!("CPU µs for each {kind} probe"), median(ours), median(theirs));
    }
    drop((leeward, exporter.take()));
    let mut rest = (None, None);
    for (what, kind, address, warm) in [
        ("no answer to http", "http", server.silent_http, server.http),
        ("no answer to https", "https", server.silent_https, server.https),
        ("silence in the handshake", "https", server.silent_tcp, server.https),
    ] {
        // Fresh processes: what an earlier measurement has freed would be used again and not be seen.
        let mut leeward = Prober::start(folder.path())?;
        leeward.burst(kind, warm, WARM_UP, AT_ONCE)?;
        let ours = leeward.hanging(kind, address, HANGING)?;
        let mut peer = Exporter::start(folder.path()).ok();
        let theirs = match &mut peer {
            None => None,
            Some(peer) => {
                peer.burst(kind, warm, WARM_UP, AT_ONCE)?;
                Some(peer.hanging(kind, address, HANGING)?)
            }
        };
        line(&format!("KiB hanging, {what}"), Some(ours), theirs);
        rest = (Some(leeward.rest()), peer.as_ref().map(Exporter::rest));
    }
    line("RSS MiB at rest", rest.0, rest.1);
    Ok(())
}

fn line(what: &str, ours: Option<f64>, theirs: Option<f64>) {
    let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.1}"));
    let ratio = ours.zip(theirs).map_or_else(|| "-".to_owned(), |(o, t)| format!("{:.2}", o / t));
    println!("{what:<34} {:>12} {:>18} {ratio:>8}", show(ours), show(theirs));
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
