//! The schedule in paused time, against a scripted network.

use super::*;
use crate::api::validated::Validated;
use crate::api::{Access, Cause, Observation, Outcome, Phase, Provider};
use crate::evidence::probe::{Fault, Response, Timings};
use crate::evidence::{Health, Probe, Subject, Surroundings, Variant};
use crate::observe::round::{Ask, Look, Plan};
use crate::operate::lease::{Claim, Held};
use crate::report::metrics::Metrics;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// One look that was made.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what was asked for, as it was")]
struct Made {
    origin: String,
    at: Duration,
    plain: bool,
    long: bool,
    large: bool,
    replay: bool,
    hold: bool,
}

/// A network whose sites a test breaks and mends.
#[derive(Debug, Default)]
struct Script {
    begun: Mutex<Option<Instant>>,
    made: Mutex<Vec<Made>>,
    down: Mutex<HashSet<String>>,
    hang: Mutex<HashSet<String>>,
    /// The edge answers 502 now and then.
    flaky: Mutex<HashSet<String>>,
    /// Nothing at all answers.
    dark: Mutex<HashSet<String>>,
    takes: Mutex<Duration>,
    overlaps: Mutex<u32>,
    busy: Mutex<HashMap<String, u32>>,
}

impl Script {
    fn made(&self, origin: &str) -> Vec<Made> {
        self.made.lock().iter().filter(|m| m.origin == origin).cloned().collect()
    }

    fn count(&self) -> usize {
        self.made.lock().len()
    }
}

#[derive(Clone, Debug)]
struct Scripted(Arc<Script>);

/// A site that is down: the edge answers 502, the origin refuses.
fn probe(observation: Observation, variant: Variant, address: SocketAddr, fault: Option<Fault>) -> Probe {
    let answered = fault.is_none() || (fault == Some(Fault::ConnectionRefused) && observation == Observation::ViaProxy);
    let (outcome, phase) = match fault {
        None => (Outcome::OK, None),
        Some(Fault::Deadline) => (Outcome::TimedOut, Some(Phase::FirstByte)),
        Some(_) if answered => (Outcome::UnexpectedStatus, Some(Phase::FirstByte)),
        Some(Fault::HostUnreachable) => (Outcome::Unreachable, Some(Phase::Connect)),
        Some(_) => (Outcome::Refused, Some(Phase::Connect)),
    };
    let status = if fault.is_none() { 200 } else { 502 };
    let response = answered.then(|| {
        serde_json::from_value::<Response>(serde_json::json!({"status": status, "bodyHash": "00", "bodyBytes": 5}))
            .unwrap()
    });
    let fault = fault.filter(|_| !answered);
    let mut probe: Probe = serde_json::from_value(serde_json::json!({
        "observation": observation.to_string(), "variant": variant.to_string(), "vantage": "cluster",
        "access": Access::Listed.to_string(), "outcome": outcome.to_string(), "timings": {"totalMs": 1},
        "id": "x", "at": "2026-01-01T00:00:00Z",
    }))
    .unwrap();
    probe.address = Some(address);
    probe.phase = phase;
    probe.fault = fault;
    probe.response = response;
    probe.timings = Timings { total_ms: 1, ..Timings::default() };
    probe
}

impl Looks for Scripted {
    fn look(&self, plan: Plan, ask: Ask) -> BoxFuture<'static, Look> {
        let script = Arc::clone(&self.0);
        Box::pin(async move {
            let origin = plan.validated.name.clone();
            let begun = script.begun.lock().unwrap();
            script.made.lock().push(Made {
                origin: origin.clone(),
                at: begun.elapsed(),
                plain: ask.plain,
                long: ask.long,
                large: ask.large,
                replay: ask.replay,
                hold: ask.hold.is_some(),
            });
            let aside = ask.long || ask.hold.is_some();
            if !aside {
                let mut busy = script.busy.lock();
                let busy = busy.entry(origin.clone()).or_default();
                *busy += 1;
                *script.overlaps.lock() += u32::from(*busy > 1);
            }
            let takes = *script.takes.lock();
            sleep(takes).await;
            let number: u8 = origin.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
            let edge = SocketAddr::new(IpAddr::from([198, 51, 100, number]), 80);
            let direct = SocketAddr::new(IpAddr::from([203, 0, 113, number]), 80);
            let down = script.down.lock().contains(&origin);
            let hang = script.hang.lock().contains(&origin);
            let dark = script.dark.lock().contains(&origin);
            let unlucky = script.flaky.lock().contains(&origin) && script.count().is_multiple_of(5);
            let fault =
                if hang { Some(Fault::Deadline) } else { (down || unlucky).then_some(Fault::ConnectionRefused) };
            let fault = if dark { Some(Fault::HostUnreachable) } else { fault };
            let at_edge = |variant| probe(Observation::ViaProxy, variant, edge, fault);
            let mut probes = vec![
                at_edge(Variant::Bypass),
                probe(Observation::Direct, Variant::Plain, direct, fault.filter(|_| down || dark)),
            ];
            if ask.plain {
                probes.push(at_edge(Variant::Plain));
            }
            if ask.long {
                probes.push(probe(Observation::ViaProxyLong, Variant::Bypass, edge, None));
            }
            if !aside {
                *script.busy.lock().get_mut(&origin).unwrap() -= 1;
            }
            Look { probes, edges: vec![edge], origins: vec![direct], ..Look::default() }
        })
    }
}

struct Bed {
    script: Arc<Script>,
    handle: Handle,
    metrics: Metrics,
    changed: Arc<Mutex<Vec<OriginKey>>>,
    leader: watch::Sender<Option<Held>>,
    _stop: tokio_util::sync::DropGuard,
}

fn bed(max_in_flight: usize) -> Bed {
    let script = Arc::new(Script { begun: Mutex::new(Some(Instant::now())), ..Script::default() });
    let (leader, claim) = Claim::channel();
    leader.send_replace(Some(Held { until: Instant::now() + Duration::from_secs(1_000_000), term: 1 }));
    let options = Options {
        house: House { control: None, vantage: "cluster".into() },
        max_in_flight,
        minimum_period: Duration::from_secs(10),
        recheck: Duration::from_secs(10),
        clock: Clock::From(Timestamp::from_second(1_750_000_000).unwrap(), Instant::now()),
    };
    let changed: Arc<Mutex<Vec<OriginKey>>> = Arc::default();
    let told = Arc::clone(&changed);
    let metrics = Metrics::new();
    let looks = Arc::new(Scripted(Arc::clone(&script)));
    let (schedule, handle) = Schedule::new(looks, options, metrics.clone(), claim, move |key| told.lock().push(key));
    let stop = CancellationToken::new();
    tokio::spawn(schedule.run(stop.clone()));
    Bed { script, handle, metrics, changed, leader, _stop: stop.drop_guard() }
}

fn site(name: &str, prior: Health, path: &str) -> Site {
    let manifest = serde_json::json!({
        "apiVersion": "leeward.dev/v1alpha1", "kind": "ProtectedOrigin",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "proxy": {"url": format!("http://{name}.example.com/{path}")},
            "origin": {"type": "Addresses", "scheme": "HTTP", "addresses": {"ips": ["203.0.113.10"]},
                       "vantages": [{"name": "cluster", "access": "Listed"}]},
        },
    });
    let validated = Arc::new(Validated::new(&serde_json::from_value(manifest).unwrap()).unwrap());
    Site {
        key: OriginKey::new("shop", name),
        uid: format!("uid-of-{name}"),
        question: path.to_owned(),
        subject: Subject::new(&validated, &Surroundings::default()),
        plan: Plan::new(validated, Provider::Generic),
        facts: Vec::new(),
        prior,
        request: None,
    }
}

fn key(name: &str) -> OriginKey {
    OriginKey::new("shop", name)
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

impl Bed {
    fn cause(&self, name: &str) -> Option<Cause> {
        self.handle.board().get(&key(name))?.verdict.as_ref().map(|v| v.cause)
    }

    fn published(&self, name: &str) -> usize {
        self.changed.lock().iter().filter(|k| k.name == name).count()
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_origin_is_looked_at_at_once_and_then_every_period() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(1).await;
    assert_eq!(bed.script.made("s1").len(), 1);
    assert_eq!(bed.cause("s1"), Some(Cause::Healthy));
    pass(3000).await;
    let made = bed.script.made("s1");
    assert!((98..=104).contains(&made.len()), "{} rounds in 100 periods", made.len());
    let plain = made.iter().filter(|m| m.plain).count();
    assert!((24..=27).contains(&plain), "{plain} of {} rounds with the plain URL", made.len());
    assert_eq!(bed.published("s1"), 1, "published once, since nothing changed");
}

#[tokio::test(start_paused = true)]
async fn requests_are_repeated_and_connections_held_only_while_something_fails_and_seldom() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(3000).await;
    let calm = bed.script.made("s1");
    assert!(!calm.iter().any(|m| m.replay || m.hold), "a healthy site costs nothing more");
    let large = calm.iter().filter(|m| m.large).count();
    assert!((20..=27).contains(&large), "{large} of {} rounds with the large response", calm.len());
    bed.script.flaky.lock().insert("s1".into());
    pass(7000).await;
    let all = bed.script.made("s1");
    let held = all.iter().filter(|m| m.hold).count();
    assert!((1..=3).contains(&held), "held {held} times in two hours");
    bed.script.down.lock().insert("s1".into());
    let before = all.len();
    pass(600).await;
    let replays: Vec<Duration> = bed.script.made("s1")[before..].iter().filter(|m| m.replay).map(|m| m.at).collect();
    assert!((8..=11).contains(&replays.len()), "{replays:?}");
    assert!(replays.windows(2).all(|w| w[1].saturating_sub(w[0]) >= Duration::from_mins(1)), "{replays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_stands_keeps_its_place_in_the_period() {
    let bed = bed(100);
    for i in 0..200 {
        bed.handle.tell(site(&format!("s{i}"), Health::OK, "")).await;
    }
    pass(34).await;
    let mut at: Vec<u64> = bed.script.made.lock().iter().map(|m| m.at.as_secs()).collect();
    at.sort_unstable();
    assert!(at.len() >= 190);
    let most = (0..34).map(|s| at.iter().filter(|a| **a == s).count()).max().unwrap();
    assert!(most < 25, "{most} of 200 in one second after a restart");
}

#[tokio::test(start_paused = true)]
async fn a_failing_site_is_looked_at_closely_and_confirmed_after_three() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(100).await;
    bed.script.down.lock().insert("s1".into());
    let broken = Instant::now();
    let before = bed.script.made("s1").len();
    while bed.cause("s1") == Some(Cause::Healthy) {
        pass(1).await;
        assert!(broken.elapsed() < Duration::from_secs(70), "not confirmed");
    }
    assert_eq!(bed.cause("s1"), Some(Cause::OriginRefused));
    let rounds = bed.script.made("s1").len() - before;
    assert!((3..=4).contains(&rounds), "{rounds} rounds until it was confirmed");
    let whole: Vec<Made> = bed.script.made("s1")[before..].to_vec();
    assert!(whole.iter().any(|m| m.plain), "the plain URL is asked for at once");
    bed.script.down.lock().clear();
    pass(200).await;
    assert_eq!(bed.cause("s1"), Some(Cause::Healthy));
    // Once for each verdict, and once between them when it began to answer again.
    assert_eq!(bed.published("s1"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_is_told_once_after_three_good_rounds_and_taken_back_once() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    bed.script.down.lock().insert("s1".into());
    pass(100).await;
    let told = || bed.handle.board().get(&key("s1")).unwrap().recovering;
    assert_eq!((bed.cause("s1"), told(), bed.published("s1")), (Some(Cause::OriginRefused), false, 1));
    bed.script.down.lock().clear();
    let mended = Instant::now();
    while !told() {
        pass(1).await;
        assert!(mended.elapsed() < Duration::from_secs(45), "nobody was told");
    }
    let rounds = mended.elapsed().as_secs() / 10;
    assert!((1..=3).contains(&rounds), "after {:?}", mended.elapsed());
    assert_eq!((bed.cause("s1"), bed.published("s1")), (Some(Cause::OriginRefused), 2));
    // It fails again, and comes and goes: what was told is taken back, and not told a second time.
    for _ in 0..4 {
        bed.script.down.lock().insert("s1".into());
        pass(40).await;
        assert!(!told());
        bed.script.down.lock().clear();
        pass(40).await;
        assert!(!told());
    }
    assert_eq!(bed.cause("s1"), Some(Cause::OriginRefused));
    // Until nobody remembers that it came and went.
    pass(7200).await;
    assert_eq!((bed.cause("s1"), told()), (Some(Cause::Healthy), false));
}

#[tokio::test(start_paused = true)]
async fn rounds_of_one_origin_never_overlap() {
    let bed = bed(100);
    *bed.script.takes.lock() = Duration::from_secs(70);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(1000).await;
    assert_eq!(*bed.script.overlaps.lock(), 0);
    assert!(bed.script.made("s1").len() >= 10);
}

#[tokio::test(start_paused = true)]
async fn one_long_probe_an_origin_in_ten_minutes() {
    let bed = bed(100);
    bed.script.hang.lock().insert("s1".into());
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(590).await;
    assert_eq!(bed.script.made("s1").iter().filter(|m| m.long).count(), 1);
    pass(60).await;
    assert_eq!(bed.script.made("s1").iter().filter(|m| m.long).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_answered_by_a_round_that_began_after() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::OK, "")).await;
    pass(60).await;
    let mut asked = site("s1", Health::OK, "");
    asked.request = Some("2026-01-01".into());
    let before = bed.script.made("s1").len();
    bed.handle.tell(asked).await;
    pass(1).await;
    assert_eq!(bed.handle.board().get(&key("s1")).unwrap().handled.as_deref(), Some("2026-01-01"));
    let made = bed.script.made("s1");
    assert_eq!(made.len(), before + 1);
    assert!(made.last().unwrap().plain, "a full round");
    // After a write: the answer carries the number of the question.
    bed.handle.ask(&key("s1"), 7).await;
    pass(1).await;
    let answered = bed.handle.board().get(&key("s1")).unwrap().answered.unwrap();
    assert_eq!(answered, Answered { ask: 7, proxied: Some(true), direct: Some(true) });
}

#[tokio::test(start_paused = true)]
async fn another_question_begins_afresh() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(5).await;
    bed.handle.tell(site("s1", Health::OK, "other")).await;
    pass(2).await;
    assert_eq!(bed.handle.board().get(&key("s1")).unwrap().question, "other");
    assert_eq!(bed.script.made("s1").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_round_too_late_says_nothing() {
    let bed = bed(4);
    *bed.script.takes.lock() = Duration::from_secs(25);
    for i in 0..30 {
        bed.handle.tell(site(&format!("s{i}"), Health::OK, "")).await;
    }
    pass(600).await;
    let text = bed.metrics.text().unwrap();
    assert!(text.contains(r#"leeward_skipped_total{reason="late"}"#), "nothing was skipped");
    assert_eq!(*bed.script.overlaps.lock(), 0);
}

#[tokio::test(start_paused = true)]
async fn when_most_fail_at_once_nobody_is_told_that_their_site_is_down() {
    let bed = bed(100);
    for i in 1..=6 {
        bed.handle.tell(site(&format!("s{i}"), Health::Unknown, "")).await;
    }
    pass(100).await;
    for i in 1..=6 {
        assert_eq!(bed.cause(&format!("s{i}")), Some(Cause::Healthy));
        bed.script.dark.lock().insert(format!("s{i}"));
    }
    pass(300).await;
    let causes: Vec<_> = (1..=6).filter_map(|i| bed.cause(&format!("s{i}"))).collect();
    assert!(causes.iter().all(|c| *c == Cause::VantageFault), "{causes:?}");
    assert!(bed.metrics.text().unwrap().contains("leeward_verdicts_frozen 1"));
    bed.script.dark.lock().clear();
    pass(300).await;
    for i in 1..=6 {
        let assessment = bed.handle.board().get(&key(&format!("s{i}"))).unwrap();
        assert_eq!(bed.cause(&format!("s{i}")), Some(Cause::Healthy), "{assessment:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sites_that_answer_badly_show_that_the_vantage_is_sane() {
    let bed = bed(100);
    for i in 1..=6 {
        bed.handle.tell(site(&format!("s{i}"), Health::Unknown, "")).await;
    }
    pass(100).await;
    for i in 1..=6 {
        bed.script.down.lock().insert(format!("s{i}"));
    }
    pass(200).await;
    for i in 1..=6 {
        assert_eq!(bed.cause(&format!("s{i}")), Some(Cause::OriginRefused));
    }
    assert!(bed.metrics.text().unwrap().contains("leeward_verdicts_frozen 0"));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_does_not_probe() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(100).await;
    bed.leader.send_replace(None);
    pass(1).await;
    let before = bed.script.count();
    pass(300).await;
    assert_eq!(bed.script.count(), before);
    assert!(bed.handle.board().get(&key("s1")).is_none());
    // What it knew would stand beside what the new leader says, and alert somebody long after.
    assert!(!bed.metrics.text().unwrap().contains("name=\"s1\""));
    bed.leader.send_replace(Some(Held { until: Instant::now() + Duration::from_secs(10_000), term: 2 }));
    bed.handle.forget_all();
    bed.handle.tell(site("s1", Health::OK, "")).await;
    pass(100).await;
    assert!(bed.script.count() > before);
}

#[tokio::test(start_paused = true)]
async fn while_nobody_else_leads_probing_goes_on_though_the_claim_has_run_out() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(10).await;
    bed.leader.send_replace(Some(Held { until: Instant::now(), term: 1 }));
    let before = bed.script.count();
    pass(300).await;
    assert!(bed.script.count() > before + 8);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_not_looked_at() {
    let bed = bed(100);
    bed.handle.tell(site("s1", Health::Unknown, "")).await;
    pass(5).await;
    bed.handle.forget(&key("s1")).await;
    pass(1).await;
    let before = bed.script.count();
    pass(300).await;
    assert_eq!(bed.script.count(), before);
    assert!(!bed.metrics.text().unwrap().contains("name=\"s1\""));
}
