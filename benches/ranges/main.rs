//! What large lists cost: 100,000 prefixes read, checked and made canonical, and what differs between two such lists, beside
//! Python's `ipaddress` on the same lists in the same run.
//!
//! CPU time of one thread each, so that what else the machine does counts as little as it can; rounds of both sides
//! alternate, and medians are printed. Absolute figures belong to a machine; the ratios are the result.

#[path = "../probes/machine.rs"]
mod machine;

use anyhow::{Context, Result, ensure};
use leeward::net::{AdmittedRanges, Prefix, Provenance, RangeSet};
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Prefixes of each list.
const PREFIXES: usize = 100_000;
/// Measurements of each row.
const ROUNDS: usize = 7;
/// Repetitions of our own work in each, since the kernel's account of it is exact to a tick only.
const REPEATED: [u32; 2] = [10, 100];

/// First octets of IPv4 networks that are nobody's special ones.
const NETWORKS: [u32; 9] = [23, 34, 45, 52, 63, 104, 146, 151, 185];

/// Two lists as texts: the second lacks a tenth of the first and has as many others.
fn lists() -> [Vec<String>; 2] {
    // A fixed sequence (Knuth's multiplier), so that every run measures the same lists.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 32).unwrap_or_default()
    };
    let mut one = || {
        let (kind, number, more) = (next(), next(), next());
        if kind % 4 == 0 {
            let length = 32 + kind / 4 % 33;
            // Host bits stay: they are masked on both sides.
            format!("{:x}:{:x}:{:x}:{:x}::/{length}", 0x2400 + number % 8, number >> 16, more >> 16, more & 0xffff)
        } else {
            let first = NETWORKS.get(kind as usize / 4 % NETWORKS.len()).copied().unwrap_or(23);
            let [_, b, c, d] = number.to_be_bytes();
            format!("{first}.{b}.{c}.{d}/{}", 22 + more % 11)
        }
    };
    let first: Vec<String> = (0..PREFIXES).map(|_| one()).collect();
    let kept = first.iter().enumerate().filter(|(index, _)| index % 10 != 0).map(|(_, text)| text.clone());
    let mut second: Vec<String> = kept.collect();
    second.resize_with(PREFIXES, one);
    [first, second]
}

fn read(list: &[String]) -> Result<RangeSet> {
    list.iter().map(|text| Prefix::parse(text)).collect::<Result<_, _>>().context("a prefix of the list")
}

/// As a feed is taken in: every entry read, the whole admitted, and the canonical texts of it.
fn canonical(list: &[String]) -> Result<Vec<String>> {
    Ok(AdmittedRanges::admit(read(list)?, Provenance::Remote).context("the list")?.ranges().texts())
}

/// As a plan compares two lists: what comes and what goes.
fn difference(a: &RangeSet, b: &RangeSet) -> (Vec<Prefix>, Vec<Prefix>) {
    (b.subtract(a).prefixes(), a.subtract(b).prefixes())
}

/// Reads two files, then measures what a line asks for and answers with seconds and a count.
const IPADDRESS: &str = r#"
import bisect, ipaddress, sys, time

def canonical(texts):
    nets = [ipaddress.ip_network(text, strict=False) for text in texts]
    return [n for v in (4, 6) for n in ipaddress.collapse_addresses(m for m in nets if m.version == v)]

def subtract(a, b):
    left = []
    for v in (4, 6):
        holes = [n for n in b if n.version == v]
        starts = [int(n.network_address) for n in holes]
        for net in (n for n in a if n.version == v):
            parts = [net]
            at = max(bisect.bisect_right(starts, int(net.network_address)) - 1, 0)
            while at < len(holes) and starts[at] <= int(net.broadcast_address):
                hole, kept = holes[at], []
                for part in parts:
                    if part.subnet_of(hole):
                        continue
                    kept += part.address_exclude(hole) if hole.subnet_of(part) else [part]
                parts, at = kept, at + 1
            left += parts
    return [n for v in (4, 6) for n in ipaddress.collapse_addresses(m for m in left if m.version == v)]

lists = [open(path).read().split() for path in sys.argv[1:]]
nets = [canonical(texts) for texts in lists]
print(sys.version.split()[0], flush=True)
for line in sys.stdin:
    start = time.process_time()
    if line.strip() == "canonical":
        found = [len([str(net) for net in canonical(lists[0])])]
    else:
        found = [len(subtract(nets[1], nets[0])), len(subtract(nets[0], nets[1]))]
    print(time.process_time() - start, *found, flush=True)
"#;

/// The other implementation, ready to be asked.
struct Python {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    version: String,
}

impl Python {
    fn start(lists: &[Vec<String>; 2]) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the lists")?;
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        for (path, list) in paths.iter().zip(lists) {
            std::fs::write(path, list.join("\n")).context("a list")?;
        }
        let mut command = Command::new("python3");
        command.arg("-c").arg(IPADDRESS).args(&paths).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("python3 is the peer of this bench")?;
        let input = process.stdin.take().context("its input")?;
        let output = BufReader::new(process.stdout.take().context("its output")?);
        let mut this = Self { process, input, output, version: String::new() };
        this.version = this.line()?;
        Ok(this)
    }

    /// How long it took, and how many prefixes came out.
    fn ask(&mut self, what: &str) -> Result<(Duration, Vec<usize>)> {
        writeln!(self.input, "{what}")?;
        let line = self.line()?;
        let (seconds, counts) = line.split_once(' ').context("an answer")?;
        let counts = counts.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        Ok((Duration::from_secs_f64(seconds.parse()?), counts))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "python3 ended early");
        Ok(line.trim().to_owned())
    }
}

/// CPU time of this thread.
fn spent() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("the kernel's account of this thread")?;
    Ok(Duration::from_nanos(text.split(' ').next().unwrap_or_default().parse().context("that account")?))
}

/// The CPU time of one of so many calls, and what the last one gave.
fn timed<T>(repeated: u32, work: impl Fn() -> T) -> Result<(Duration, T)> {
    let start = spent()?;
    for _ in 1..repeated {
        drop(black_box(work()));
    }
    let result = black_box(work());
    Ok((spent()?.saturating_sub(start) / repeated, result))
}

fn main() -> Result<()> {
    let texts = lists();
    let [first, second] = &texts;
    let (a, b) = (read(first)?, read(second)?);
    let mut python = Python::start(&texts)?;
    println!("{}", machine::describe());
    println!(
        "{PREFIXES} prefixes a list, Python {}, CPU time, {ROUNDS} rounds each in turn, medians\n",
        python.version
    );
    let [often, very_often] = REPEATED;
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let (ours, prefixes) = timed(often, || canonical(black_box(first)))?;
        let (theirs, counts) = python.ask("canonical")?;
        ensure!(counts == [prefixes?.len()], "the two do not agree on the canonical list");
        let (ours_too, (added, removed)) = timed(very_often, || difference(black_box(&a), black_box(&b)))?;
        let (theirs_too, counts) = python.ask("difference")?;
        ensure!(counts == [added.len(), removed.len()], "the two do not agree on the difference");
        for (row, time) in times.iter_mut().zip([ours, theirs, ours_too, theirs_too]) {
            row.push(time);
        }
    }
    drop(python.input);
    python.process.wait().context("the end of python3")?;
    let medians = times.map(median);
    let rows = ["read, checked, canonical, written as texts", "what comes and what goes between two lists"];
    println!("{:<46} {:>12} {:>12} {:>8}", "", "leeward", "ipaddress", "ratio");
    for (what, pair) in rows.iter().zip(medians.chunks(2)) {
        let [ours, theirs] = pair else { continue };
        let (ours, theirs) = (ours.as_secs_f64() * 1e3, theirs.as_secs_f64() * 1e3);
        println!("{what:<46} {ours:>9.1} ms {theirs:>9.1} ms {:>8.3}", ours / theirs);
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
