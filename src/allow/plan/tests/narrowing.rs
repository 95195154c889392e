//! What is noted before it is written, how much of it leaves at once, and what another process makes of the note.

use super::*;
use crate::api::status::{AllowlistStatus, CarriedBefore, NarrowingState, NarrowingStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The situation in which the policy carries these prefixes as Leeward wrote it, and the list is the usual one.
fn carrying(prefixes: &[String]) -> Situation {
    let list = |cidrs: &str| closed().replace("192.0.2.0/24, '2001:db8::/32'", cidrs);
    let standing = written(&list(&prefixes.join(", ")), |text| text);
    let (_, policy) = standing.rsplit_once("\n---\n").unwrap();
    Situation::of(&format!("{}\n---\n{policy}\n", list("192.0.2.0/24")))
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("198.51.{}.{}/32", i / 100, i % 100 * 2)).collect()
}

fn pods(situation: &Situation, narrowing: &Narrowing) -> TargetPlan {
    plan(&PlanInput { narrowing, ..situation.input() }).targets.remove(0)
}

/// What the status says once the first step that needs a note has it.
fn told(target: &TargetPlan, state: NarrowingState) -> AllowlistStatus {
    let mut note = Note::default();
    assert!(note.add(target, target.noteworthy().unwrap()));
    let texts = |prefixes: &[Prefix]| prefixes.iter().map(Prefix::to_string).collect();
    let narrowing = NarrowingStatus {
        state,
        since_time: Time(Timestamp::UNIX_EPOCH),
        removed: texts(&note.removed),
        distrusted: texts(&note.distrusted),
        targets: note.targets,
    };
    AllowlistStatus { narrowing: Some(narrowing), ..AllowlistStatus::default() }
}

#[test]
fn many_prefixes_leave_in_portions_that_the_status_can_hold() {
    let mut all = vec!["192.0.2.0/24".to_owned()];
    all.extend(numbered(100));
    let site = carrying(&all);
    let whole = pods(&site, &Narrowing::Now);
    assert_eq!((whole.removed.len(), whole.later), (100, 0), "a preview shows everything");
    for narrowing in [Narrowing::Noted(Vec::new()), Narrowing::Held("until later".to_owned())] {
        let planned = pods(&site, &narrowing);
        assert_eq!((planned.removed.len(), planned.later), (16, 84), "{narrowing:?}");
        assert_eq!(directions(&planned), [Direction::Narrow]);
    }
    // What somebody put in by hand goes at once.
    let mut repaired = site;
    repaired.memory.written(&whole.spot, &whole.fingerprint);
    assert_eq!(pods(&repaired, &Narrowing::Noted(Vec::new())).removed.len(), 100);
}

#[test]
fn a_note_has_room_for_what_several_targets_lose_in_common() {
    let mut all = vec!["192.0.2.0/24".to_owned()];
    all.extend(numbered(10));
    let target = pods(&carrying(&all), &Narrowing::Noted(Vec::new()));
    let step = target.noteworthy().unwrap();
    let mut note = Note::default();
    assert!(note.add(&target, step) && note.add(&target, step));
    assert_eq!((note.removed.len(), note.distrusted.len(), note.targets.len()), (10, 0, 2));
    let other = TargetPlan { removed: vec!["203.0.113.0/27".parse().unwrap(); 7], ..target.clone() };
    assert!(!note.add(&other, step), "17 prefixes have no room");
    let trust = TargetPlan { kind: TargetType::TrustedProxies, ..other };
    assert!(!note.add(&trust, step), "the two lists share the room");
    for _ in 2..8 {
        assert!(note.add(&target, step));
    }
    assert!(!note.add(&target, step), "a ninth target has no room");
}

#[test]
fn whoever_takes_over_knows_what_was_done_from_what_stands() {
    let all = ["192.0.2.0/24".to_owned(), "198.51.100.0/24".to_owned()];
    let before = carrying(&all);
    let planned = pods(&before, &Narrowing::Noted(Vec::new()));
    let after = carrying(&all[..1]);
    let found = |situation: &Situation, state| {
        let plan = plan(&PlanInput { narrowing: &Narrowing::Held(String::new()), ..situation.input() });
        recover(&situation.input(), &plan, &told(&planned, state)).unwrap()
    };
    // Noted and not written: it is written as if nothing had been.
    assert!(found(&before, NarrowingState::Noted).is_empty());
    // Written: how to go back, whether or not anybody came to say so.
    for state in [NarrowingState::Noted, NarrowingState::Watched] {
        let found = found(&after, state);
        assert_eq!(found.rollbacks.len(), 1, "{state}");
        assert!(found.rollbacks[0].narrowed("pods", &planned.fingerprint), "{state}");
    }
    // Seen to stand, and gone: it was taken back, and is not tried again.
    let undone = found(&before, NarrowingState::Watched);
    assert!(undone.rollbacks.is_empty() && !undone.is_empty());
    let mut again = carrying(&all);
    undone.remember(&mut again.memory);
    let veto = pods(&again, &Narrowing::Noted(Vec::new())).veto;
    assert_eq!(veto.map(|veto| veto.reason), Some(Reason::RolledBack));
}

#[test]
fn a_first_isolation_is_taken_back_by_its_end() {
    let open = SITE.replace("isolation: Refuse", "isolation: Allow");
    let before = Situation::of(&open);
    let planned = pods(&before, &Narrowing::Noted(Vec::new()));
    let told = told(&planned, NarrowingState::Noted);
    assert_eq!(told.narrowing.as_ref().unwrap().targets[0].before, CarriedBefore::Nothing);
    let plans = |situation: &Situation| plan(&situation.input());
    assert!(recover(&before.input(), &plans(&before), &told).unwrap().is_empty());
    let after = Situation::of(&written(&open, |text| text));
    assert_eq!(recover(&after.input(), &plans(&after), &told).unwrap().rollbacks.len(), 1);
}

#[test]
fn without_a_list_nothing_is_taken_over_yet() {
    let all = ["192.0.2.0/24".to_owned(), "198.51.100.0/24".to_owned()];
    let told = told(&pods(&carrying(&all), &Narrowing::Noted(Vec::new())), NarrowingState::Watched);
    let site = Situation::of(&closed().replace("{name: edge}\nspec", "{name: another}\nspec"));
    assert!(site.plan().desired.is_err());
    assert!(recover(&site.input(), &site.plan(), &told).is_none());
}

#[test]
fn another_choice_of_pods_and_ports_is_taken_back_by_another_process() {
    let ports = |site: &str, ports: &str| {
        site.replace("networkPolicy: {isolation", &format!("networkPolicy: {{ports: [{ports}], isolation"))
    };
    let before = written(&ports(&closed(), "8443"), |text| text);
    let changed = Situation::of(&before.replace("ports: [8443], isolation", "ports: [9000], isolation"));
    let planned = pods(&changed, &Narrowing::Noted(Vec::new()));
    assert_eq!(directions(&planned), [Direction::Narrow]);
    let told = told(&planned, NarrowingState::Watched);
    let noted = told.narrowing.as_ref().unwrap().targets[0].pods.as_deref();
    assert_eq!(noted, Some(r#"{"podSelector":{"matchLabels":{"app":"web"}},"ports":[8443]}"#));

    // One choice of pods is noted at a time.
    let mut note = Note::default();
    assert!(note.add(&planned, planned.noteworthy().unwrap()));
    assert!(!note.add(&planned, planned.noteworthy().unwrap()));

    // It stands: back to the port of before, with the list as it is.
    let after = Situation::of(&written(&ports(&closed(), "9000"), |text| text));
    let found = recover(&after.input(), &after.plan(), &told).unwrap();
    assert_eq!(found.rollbacks.len(), 1);
    let Write::Policy { rendered, .. } = found.rollbacks[0].write() else { panic!() };
    let content = crate::allow::render::network_policy::content(rendered).unwrap();
    assert_eq!(
        (content.ports, content.ranges.texts()),
        (vec![8443], vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()])
    );

    // Whoever writes into the status chooses no pods that the spec could not.
    let mut forged = told.clone();
    forged.narrowing.as_mut().unwrap().targets[0].pods = Some(r#"{"podSelector":{},"ports":[8443]}"#.to_owned());
    assert!(recover(&after.input(), &after.plan(), &forged).unwrap().is_empty());
    // No port would be every port.
    let elsewhere = ports(&closed(), "9000")
        .replace(
            "type: Service, addressSeen: Proxy, service: {name: web, port: 443}",
            "type: Addresses, addresses: {ips: [203.0.113.10]}",
        )
        .replace("{ports: [9000]", "{podSelector: {matchLabels: {app: web}}, ports: [9000]");
    let elsewhere = Situation::of(&written(&elsewhere, |text| text));
    forged.narrowing.as_mut().unwrap().targets[0].hash = elsewhere.plan().targets[0].fingerprint.clone();
    for (pods, ways) in [(r#"{"podSelector":{"matchLabels":{"app":"web"}},"ports":[]}"#, 0), (noted.unwrap(), 1)] {
        forged.narrowing.as_mut().unwrap().targets[0].pods = Some(pods.to_owned());
        assert_eq!(recover(&elsewhere.input(), &elsewhere.plan(), &forged).unwrap().rollbacks.len(), ways, "{pods}");
    }

    // It was seen to stand and does not: somebody took it back, and it is not tried again.
    let undone = recover(&changed.input(), &changed.plan(), &told).unwrap();
    assert!(undone.rollbacks.is_empty() && !undone.is_empty());
    // The spec asks for something else by now: nobody can say.
    let moved = Situation::of(
        &written(&ports(&closed(), "9000"), |text| text)
            .replace("ports: [9000], isolation", "ports: [9001], isolation"),
    );
    assert!(recover(&moved.input(), &moved.plan(), &told).unwrap().is_empty());
}

#[test]
fn a_choice_of_pods_that_is_too_long_to_note_is_nobodys_to_take_back() {
    let labels: Vec<String> = (0..20).map(|i| format!("label-{i:02}: value-{i:02}")).collect();
    let long = format!("networkPolicy: {{podSelector: {{matchLabels: {{app: web, {}}}}}, isolation", labels.join(", "));
    let before = written(&closed().replace("networkPolicy: {isolation", &long), |text| text);
    let changed = before.replace(&long, "networkPolicy: {isolation");
    let planned = pods(&Situation::of(&changed), &Narrowing::Noted(Vec::new()));
    let told = told(&planned, NarrowingState::Watched);
    assert_eq!(told.narrowing.as_ref().unwrap().targets[0].pods, None);
    let after = Situation::of(&written(&closed(), |text| text));
    assert!(recover(&after.input(), &after.plan(), &told).unwrap().is_empty());
}
