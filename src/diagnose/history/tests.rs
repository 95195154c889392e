//! Rounds become a case: what is counted, what is forgotten, when it may be published.

use super::*;
use crate::api::{Access, Cause, Confidence, Pattern};
use crate::diagnose::tests::build::*;
use crate::diagnose::{Verdict, diagnose};
use crate::evidence::fact::Variation;
use crate::evidence::probe::CertVerdict;

/// A round: the edge and the origin, each with what it showed.
fn round(n: i64, via: &Saw, direct: &Saw) -> (Vec<Probe>, Timestamp) {
    let at = now() + SignedDuration::from_secs(30 * n);
    let dress = |saw: &Saw, observation, address: &str, id: &str| {
        let mut p = saw.0.clone();
        p.observation = observation;
        p.address = Some(std::net::SocketAddr::new(ip(address), 443));
        p.id = format!("{id}{n}");
        p.at = at;
        p
    };
    (vec![dress(via, Observation::ViaProxy, EDGE, "p"), dress(direct, Observation::Direct, ORIGIN, "d")], at)
}

fn feed(ledger: &mut Ledger, rounds: &[(Saw, Saw)]) -> Timestamp {
    let mut at = now();
    for (n, (via, direct)) in rounds.iter().enumerate() {
        let (probes, t) = round(i64::try_from(n).unwrap(), via, direct);
        at = t;
        ledger.record(probes, Vec::new(), true, t);
    }
    at
}

fn verdict(ledger: &Ledger, at: Timestamp) -> Verdict {
    diagnose(&ledger.case(Build::new().case.subject, Vec::new(), at))
}

fn listed(mut saw: Saw) -> Saw {
    saw.0.access = Access::Listed;
    saw
}

#[test]
fn three_rounds_are_judged_at_once() {
    let mut ledger = Ledger::new();
    assert!(!ledger.settled());
    let at = feed(&mut ledger, &vec![(status(502), listed(refused())); 3]);
    let v = verdict(&ledger, at);
    assert_eq!((v.cause, v.confidence, v.pattern), (Cause::OriginRefused, Confidence::High, Pattern::Steady));
}

#[test]
fn rounds_that_differ_are_intermittent_and_one_failure_is_never_high() {
    let mut ledger = Ledger::new();
    let bad = (status(500).marked(true), listed(status(500).marked(true)));
    let good = (ok(), listed(ok()));
    let at = feed(&mut ledger, &[good.clone(), bad.clone(), good.clone()]);
    let v = verdict(&ledger, at);
    assert_eq!(
        (v.cause, v.confidence, v.pattern),
        (Cause::OriginReturns5xx, Confidence::Medium, Pattern::Intermittent)
    );

    let mut ledger = Ledger::new();
    let at = feed(&mut ledger, &[bad.clone(), bad, good]);
    assert_eq!(verdict(&ledger, at).pattern, Pattern::Intermittent);
}

#[test]
fn a_standing_history_waits_for_the_score() {
    let mut ledger = Ledger::seeded(Health::OK);
    let bad = (status(502), listed(refused()));
    let good = (ok(), listed(ok()));
    let at = feed(&mut ledger, &[good.clone(), bad.clone(), bad.clone()]);
    assert_eq!(verdict(&ledger, at).cause, Cause::Healthy, "two failures are not confirmed");
    assert!(ledger.is_suspect());
    let at = feed(&mut ledger, std::slice::from_ref(&bad));
    assert_eq!(verdict(&ledger, at).cause, Cause::OriginRefused);
    let at = feed(&mut ledger, &vec![good.clone(); 11]);
    let v = verdict(&ledger, at);
    assert_eq!(v.cause, Cause::OriginRefused, "on the way back the state holds, and so does its cause");
    assert_eq!(v.pattern, Pattern::Steady, "a recovery is no mixture");
    let at = feed(&mut ledger, &[good]);
    assert_eq!(verdict(&ledger, at).cause, Cause::Healthy);
}

#[test]
fn a_restart_keeps_the_old_verdict_until_a_new_one_is_confirmed() {
    let mut ledger = Ledger::seeded(Health::Failing);
    feed(&mut ledger, &[(ok(), listed(ok()))]);
    assert!(!ledger.settled(), "one success does not end an outage");
    feed(&mut ledger, &vec![(ok(), listed(ok())); 11]);
    assert!(ledger.settled());

    let mut ledger = Ledger::seeded(Health::Failing);
    let at = feed(&mut ledger, &vec![(status(502), listed(refused())); 3]);
    assert!(ledger.settled());
    assert_eq!(verdict(&ledger, at).cause, Cause::OriginRefused);

    let mut ledger = Ledger::seeded(Health::Unknown);
    feed(&mut ledger, &[(status(502), listed(refused()))]);
    assert!(!ledger.settled());
}

#[test]
fn results_without_meaning_leave_the_score_and_age_the_state() {
    let mut ledger = Ledger::seeded(Health::OK);
    feed(&mut ledger, &[(ok(), ok())]);
    let at = feed(&mut ledger, &vec![(ok().cached(), ok()); 2]);
    let via = |l: &Ledger, at| {
        let case = l.case(Build::new().case.subject, Vec::new(), at);
        case.tracks.into_iter().find(|t| t.key.observation == Observation::ViaProxy).unwrap()
    };
    assert_eq!(via(&ledger, at).health, Health::OK);
    let at = feed(&mut ledger, &[(ok().cached(), ok())]);
    let aged = via(&ledger, at);
    assert_eq!((aged.health, aged.score, aged.samples), (Health::Unknown, 0, 1));
}

#[test]
fn an_address_that_is_gone_is_forgotten() {
    let mut ledger = Ledger::new();
    let (mut probes, at) = round(0, &ok(), &ok());
    probes[1].address = Some("203.0.113.99:443".parse().unwrap());
    ledger.record(probes, Vec::new(), true, at);
    let at = feed(&mut ledger, &vec![(ok(), ok()); 2]);
    let case = ledger.case(Build::new().case.subject, Vec::new(), at);
    assert_eq!(case.tracks.len(), 2, "{:?}", case.tracks.iter().map(|t| &t.key).collect::<Vec<_>>());
}

#[test]
fn equal_content_is_counted_from_the_same_round() {
    let mut ledger = Ledger::new();
    let at = feed(&mut ledger, &vec![(ok(), ok()); 2]);
    let matches = |l: &Ledger, at| {
        let case = l.case(Build::new().case.subject, Vec::new(), at);
        case.tracks.iter().find(|t| t.key.observation == Observation::Direct).unwrap().content_matches
    };
    assert_eq!(matches(&ledger, at), 2);
    let at = feed(&mut ledger, &[(ok(), ok().body("another page"))]);
    assert_eq!(matches(&ledger, at), 0);
    let at = feed(&mut ledger, &[(ok().marked(true), ok().body("another page").marked(true))]);
    assert_eq!(matches(&ledger, at), 1, "the marker on both is as good");
}

#[test]
fn a_vantage_that_reaches_nothing_freezes_everything() {
    let mut ledger = Ledger::seeded(Health::OK);
    feed(&mut ledger, &[(ok(), listed(ok()))]);
    let control = Build::new().control(Outcome::TimedOut).case.facts;
    for n in 1..6 {
        let (probes, at) = round(n, &no_connection(), &listed(no_connection()));
        ledger.record(probes, control.clone(), true, at);
        assert_eq!(verdict(&ledger, at).cause, Cause::VantageFault);
    }
    let at = feed(&mut ledger, &[(ok(), listed(ok()))]);
    let case = ledger.case(Build::new().case.subject, Vec::new(), at);
    assert!(case.tracks.iter().all(|t| t.score == 0 && t.failures == 0), "no score moved");
    assert_eq!(diagnose(&case).cause, Cause::Healthy);
}

#[test]
fn suspects_are_silent_origins_of_a_suspect_site() {
    let mut ledger = Ledger::new();
    feed(&mut ledger, &[(ok(), no_connection())]);
    assert!(ledger.suspects().is_empty(), "a door that is closed to strangers is no suspicion");
    feed(&mut ledger, &[(status(502), no_connection())]);
    assert_eq!(ledger.suspects(), [ip(ORIGIN)]);
    let mut ledger = Ledger::new();
    feed(&mut ledger, &[(ok(), listed(no_connection()))]);
    assert_eq!(ledger.suspects(), [ip(ORIGIN)], "a listed vantage should get in");
}

#[test]
fn a_long_probe_is_wanted_once_our_deadline_ended_two_rounds() {
    let mut ledger = Ledger::new();
    let at = feed(&mut ledger, &[(silent(), listed(ok()))]);
    assert!(!ledger.wants_long_probe(at));
    let at = feed(&mut ledger, &[(silent(), listed(ok()))]);
    assert!(ledger.wants_long_probe(at));
    let mut long = status(504).after(10).0;
    long.observation = Observation::ViaProxyLong;
    long.address = Some(std::net::SocketAddr::new(ip(EDGE), 443));
    long.at = at;
    ledger.record(vec![long], Vec::new(), false, at);
    assert!(!ledger.wants_long_probe(at), "at most one in ten minutes");
    assert!(ledger.wants_long_probe(at + SignedDuration::from_mins(10)));
    let at = feed(&mut ledger, &[(silent(), listed(ok()))]);
    assert_eq!(verdict(&ledger, at).cause, Cause::ProxyBlocked, "one long probe counts by itself");

    let mut answered = Ledger::new();
    let at = feed(&mut answered, &vec![(status(502), listed(ok())); 3]);
    assert!(!answered.wants_long_probe(at), "the proxy answered, there is nothing to wait for");
}

#[test]
fn a_verdict_changes_when_it_is_confirmed() {
    let healthy = || Build::new().proxy(ok()).listed(ok()).verdict();
    let refused_now = || Build::new().proxy(status(502)).listed(refused()).verdict();
    let closed = || Build::new().proxy(status(502)).listed(hangs_up()).verdict();
    let bypass = || Build::new().proxy(ok()).dns("a", Outcome::OK, &[ORIGIN]).verdict();
    let mut confirmed = Confirmed::default();
    assert!(confirmed.offer(healthy()).is_some(), "the first is taken as it is");
    assert!(confirmed.offer(healthy()).is_none(), "the same is no news");
    assert!(confirmed.offer(refused_now()).is_some(), "health is debounced by the scores");
    assert!(confirmed.offer(closed()).is_none());
    assert!(confirmed.offer(refused_now()).is_none());
    assert!(confirmed.offer(closed()).is_none(), "counted anew after the old reason came back");
    assert!(confirmed.offer(closed()).is_none());
    assert_eq!(confirmed.offer(closed()).map(|v| v.cause), Some(Cause::OriginClosedEarly), "three rounds of it");
    assert!(confirmed.offer(healthy()).is_some());
    assert!(confirmed.offer(bypass()).is_none(), "a fact of configuration is read twice");
    assert_eq!(confirmed.offer(bypass()).map(|v| v.cause), Some(Cause::DnsBypassesProxy));
}

#[test]
fn on_the_way_back_no_other_cause_takes_the_place_of_the_one_that_goes_away() {
    let mut ledger = Ledger::seeded(Health::OK);
    let mut confirmed = Confirmed::default();
    let good = (ok(), listed(ok()));
    let expired = (status(502), listed(ok().cert(CertVerdict::Expired)));
    feed(&mut ledger, &vec![good.clone(); 12]);
    let at = feed(&mut ledger, &vec![expired; 3]);
    assert!(!ledger.recovering());
    confirmed.offer(verdict(&ledger, at));
    let cause = confirmed.current().map(|v| v.cause);
    assert_eq!(cause, Some(Cause::OriginCertExpired));
    for _ in 0..11 {
        let at = feed(&mut ledger, std::slice::from_ref(&good));
        assert!(ledger.recovering());
        assert!(confirmed.offer_in_recovery(verdict(&ledger, at)).is_none());
    }
    assert_eq!(confirmed.current().map(|v| v.cause), cause);
    let at = feed(&mut ledger, &[good]);
    assert!(!ledger.recovering());
    assert_eq!(confirmed.offer(verdict(&ledger, at)).map(|v| v.cause), Some(Cause::Healthy));
}

#[test]
fn nothing_is_masked_once_the_plain_url_fails_too() {
    let mut ledger = Ledger::seeded(Health::OK);
    let both = |n, saw: &Saw| {
        let (mut probes, at) = round(n, saw, &listed(ok()));
        let mut plain = probes[0].clone();
        plain.variant = Variant::Plain;
        plain.id = format!("plain{n}");
        probes.push(plain);
        (probes, at)
    };
    let (probes, at) = both(0, &ok());
    ledger.record(probes, Vec::new(), true, at);
    // Asked for once when the other path changes; its score has not moved far when that one is confirmed.
    let (probes, at) = both(1, &status(504).after(2));
    ledger.record(probes, Vec::new(), true, at);
    for n in 2..4 {
        let (probes, at) = round(n, &status(504).after(2), &listed(ok()));
        ledger.record(probes, Vec::new(), false, at);
    }
    let (_, at) = round(4, &ok(), &ok());
    let v = verdict(&ledger, at);
    assert_eq!(v.healthy, Some(false));
    assert!(!v.summary.contains("mask"), "{}", v.summary);
    assert!(v.evidence.iter().all(|e| !e.detail.as_deref().unwrap_or_default().contains("now and then")), "{v:?}");
}

#[test]
fn a_direct_path_that_is_a_round_behind_is_waited_for() {
    let mut ledger = Ledger::seeded(Health::OK);
    let mut confirmed = Confirmed::default();
    let good = (ok(), listed(ok()));
    let bad = (status(502), listed(refused()));
    let at = feed(&mut ledger, &vec![good.clone(); 3]);
    confirmed.offer(verdict(&ledger, at));
    // The server stops between the two probes of a round.
    feed(&mut ledger, &[(status(502), listed(ok())), bad.clone()]);
    let at = feed(&mut ledger, std::slice::from_ref(&bad));
    assert_ne!(
        verdict(&ledger, at).cause,
        Cause::OriginRefused,
        "the proxy's path is confirmed, the direct one is not"
    );
    assert!(ledger.undecided());
    let at = feed(&mut ledger, std::slice::from_ref(&bad));
    assert!(!ledger.undecided());
    assert_eq!(confirmed.offer(verdict(&ledger, at)).map(|v| v.cause), Some(Cause::OriginRefused));

    // It starts in the same way, so that the direct path is still failing when the proxy's is not.
    feed(&mut ledger, &[(ok(), listed(refused()))]);
    let at = feed(&mut ledger, &vec![good.clone(); 11]);
    let doubtful = verdict(&ledger, at);
    assert_eq!((doubtful.healthy, doubtful.confidence), (Some(true), Confidence::Medium));
    assert!(ledger.recovering() && confirmed.offer_in_recovery(doubtful).is_none());
    let at = feed(&mut ledger, &[good]);
    assert!(!ledger.recovering());
    assert_eq!(confirmed.offer(verdict(&ledger, at)).map(|v| v.confidence), Some(Confidence::High));
}

#[test]
fn a_repeated_request_that_ends_alike_is_counted() {
    let mut ledger = Ledger::new();
    let mut times = Vec::new();
    for (n, saw) in (0_i64..).zip([silent(), silent(), ok(), silent()]) {
        let (probes, at) = round(n, &status(502), &ok());
        let facts = Build::new().replay(Variation::SmallSegments, saw).case.facts;
        ledger.record(probes, facts, true, at);
        let case = ledger.case(Build::new().case.subject, Vec::new(), at);
        times.extend(case.facts.iter().filter_map(|f| if let Fact::Replay(r) = f { Some(r.times) } else { None }));
    }
    assert_eq!(times, [1, 2, 1, 1]);
}

#[test]
fn a_connection_is_held_where_only_the_proxy_fails_now_and_then() {
    let wants = |rounds: &[(Saw, Saw)]| {
        let mut ledger = Ledger::new();
        feed(&mut ledger, rounds);
        ledger.wants_hold()
    };
    let (good, bad) = ((ok(), ok()), (status(502), ok()));
    assert!(wants(&[good.clone(), bad.clone(), good.clone()]));
    assert!(!wants(&[good.clone(), good.clone()]), "nothing fails");
    assert!(!wants(&[bad.clone(), bad.clone()]), "it fails always");
    assert!(!wants(&[good.clone(), bad.clone(), (ok(), hangs_up())]), "fresh connections fail as well");
    assert!(!wants(&[good, (refused(), ok())]), "the edge gives no answer");
}

#[test]
fn silence_of_an_address_that_never_answered_is_a_closed_door_and_no_loss() {
    let told = |saw: Saw| {
        let tcp = crate::evidence::probe::TcpFacts { min_rtt_us: 20_000, ..Default::default() };
        Saw(Probe { tcp: Some(tcp), ..saw.0 })
    };
    let mut ledger = Ledger::seeded(Health::Unknown);
    feed(&mut ledger, &vec![(told(ok()), no_connection()); 40]);
    assert_eq!(ledger.quality(false), Quality::default());
    assert_eq!(ledger.quality(true).link.unwrap().rtt_median_us, 20_000);

    // One that answers is measured, and a silence in between is a SYN that was lost, again and again.
    let mut ledger = Ledger::seeded(Health::Unknown);
    let rounds: Vec<(Saw, Saw)> =
        (0..40).map(|n| (told(ok()), if n % 4 == 3 { no_connection() } else { told(ok()) })).collect();
    feed(&mut ledger, &rounds);
    let (least, most) = ledger.quality(false).lost.unwrap();
    assert!(least < 0.25 && most > 0.25 && least > 0.1, "{least} to {most} of one in four");
}
