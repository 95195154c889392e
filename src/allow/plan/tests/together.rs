//! Several origins whose policies hold the same pods, and what becomes of those when some of them go at once.

use super::*;

/// A site whose policy holds the pods on a port of its own.
fn site(name: &str, port: u16, isolation: &str) -> String {
    SITE.replace(
        "{name: shop, namespace: shop}\nspec:\n  proxy",
        &format!("{{name: {name}, namespace: shop}}\nspec:\n  proxy"),
    )
    .replace("mode: Enforce", "mode: Enforce\n    deletionPolicy: Delete")
    .replace(
        "isolation: Refuse",
        &format!("podSelector: {{matchLabels: {{app: web}}}}, ports: [{port}], isolation: {isolation}"),
    )
}

/// The policy that a site has beside others, as a document; `owned`: its origin is its owner.
fn policy(site: &str, owned: bool) -> String {
    let mut manifest = Situation::of(&format!("{site}{CLOSED}")).plan().targets[0].manifest().unwrap();
    let meta = manifest["metadata"].as_object_mut().unwrap();
    assert!(meta.contains_key("ownerReferences"), "somebody else's policy stays");
    if !owned {
        meta.remove("ownerReferences");
    }
    format!("\n---\n{manifest}\n")
}

/// The shop, beside another origin's policy.
struct Pair {
    shop: String,
    other: String,
    owned: bool,
}

impl Pair {
    fn new(isolation: &str) -> Self {
        Self { shop: site("shop", 8443, "Refuse"), other: site("other", 9000, isolation), owned: false }
    }

    /// `now`: the other's spec as it stands; `leaving`: it is being deleted.
    fn beside(&self, now: &str, leaving: bool) -> Situation {
        let all = format!("{}{}{}", self.shop, policy(&self.shop, false), policy(&self.other, self.owned));
        let mut situation = Situation::of(&all);
        let origin = Arc::new(Situation::of(now).origin);
        situation.neighbours =
            vec![Neighbour { origin, created: Some(Timestamp::from_second(1000).unwrap()), leaving }];
        situation
    }

    fn with_the_other(&self) -> Situation {
        self.beside(&self.other, false)
    }
}

/// Why the shop's policy stays at the shop's end.
fn end(situation: &Situation) -> Option<String> {
    let plan = release(&situation.input());
    assert_eq!(plan.targets[0].change, Change::Release);
    plan.targets[0].veto.as_ref().map(|veto| veto.message.clone())
}

const MAY_GO: &str = "every other policy that isolates pod web-1 may go with an origin of its own: without it everybody could \
                      connect. It is kept; delete it by hand, or set networkPolicy.isolation to Allow on the target";

#[test]
fn of_two_that_go_at_once_neither_takes_the_other_for_its_successor() {
    let pair = Pair::new("Refuse");
    assert_eq!(end(&pair.with_the_other()), None, "the other stays and isolates the pods");
    let mut alone = pair.with_the_other();
    alone.neighbours[0].leaving = true;
    assert_eq!(end(&alone).as_deref(), Some(MAY_GO), "being deleted");
    alone.neighbours.clear();
    assert_eq!(end(&alone).as_deref(), Some(MAY_GO), "gone");
    let somebody = Situation::of(&format!("{}{}{CLOSED}", pair.shop, policy(&pair.shop, false)));
    assert_eq!(end(&somebody), None, "a policy of nobody here stays");
}

#[test]
fn of_three_the_one_that_stays_is_enough() {
    let pair = Pair::new("Refuse");
    let third = site("third", 9001, "Refuse");
    let all = [pair.shop.clone(), policy(&pair.shop, false), policy(&pair.other, false), policy(&third, false)];
    let mut situation = Situation::of(&all.concat());
    let neighbour =
        |text: &str, leaving| Neighbour { origin: Arc::new(Situation::of(text).origin), created: None, leaving };
    situation.neighbours = vec![neighbour(&pair.other, true), neighbour(&third, false)];
    assert_eq!(end(&situation), None);
    situation.neighbours = vec![neighbour(&pair.other, true), neighbour(&third, true)];
    assert_eq!(end(&situation).as_deref(), Some(MAY_GO));
}

#[test]
fn who_turns_to_other_pods_is_no_successor() {
    let pair = Pair::new("Refuse");
    let turned = pair.other.replace("matchLabels: {app: web}", "matchLabels: {app: web, tier: x}");
    assert_eq!(end(&pair.beside(&turned, false)).as_deref(), Some(MAY_GO));
    // Both turn away at once.
    let shop = pair.shop.replace("matchLabels: {app: web}", "matchLabels: {app: web, tier: x}");
    let mut both = pair.beside(&turned, false);
    both.origin = Situation::of(&shop).origin;
    let veto = both.plan().targets[0].veto.clone().unwrap();
    assert_eq!(
        veto.message,
        "the new podSelector leaves pod web-1 without any policy that is sure to stay, so that everybody could connect. If \
         that is meant, set networkPolicy.isolation to Allow on the target"
    );
    both.neighbours[0].origin = Arc::new(Situation::of(&pair.other).origin);
    assert_eq!(both.veto(), None, "the other stays where it is");
}

#[test]
fn kubernetes_may_remove_a_policy_only_where_nobody_elses_end_matters() {
    let pair = Pair::new("Refuse");
    let beside = |situation: &Situation| {
        let target = situation.plan().targets.remove(0);
        (target.change, target.notes)
    };
    assert_eq!(
        beside(&pair.with_the_other()),
        (Change::Nothing, vec![]),
        "it has no owner, and Leeward will see to it"
    );
    let mut alone = pair.with_the_other();
    alone.neighbours.clear();
    assert_eq!(beside(&alone), (Change::Nothing, vec![format!("deleting the origin leaves this policy: {MAY_GO}")]));
    // One that was owned while somebody else's policy stood loses its owner.
    let owned = Situation::of(&format!("{}{}{}", pair.shop, policy(&pair.shop, true), policy(&pair.other, false)));
    let target = owned.plan().targets.remove(0);
    assert_eq!((target.change, target.veto), (Change::Update, None));
    // Until that has happened it is no successor; who gave his word that it may open is one.
    let mut early = Pair { owned: true, ..Pair::new("Refuse") };
    assert_eq!(end(&early.with_the_other()).as_deref(), Some(MAY_GO));
    early.other = site("other", 9000, "Allow");
    assert_eq!(end(&early.with_the_other()), None);
}

#[test]
fn two_targets_of_one_origin_do_not_stand_in_for_each_other() {
    let text = site("shop", 8443, "Refuse").replace(
        "    - {name: web, type: IngressAnnotation",
        "    - {name: more, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: web}}, ports: [9000], isolation: Refuse}}\n    - {name: web, type: IngressAnnotation",
    );
    let planned = Situation::of(&format!("{text}{CLOSED}")).plan();
    let documents: Vec<_> = planned.targets[..2].iter().map(|t| t.manifest().unwrap().to_string()).collect();
    let situation = Situation::of(&format!("{text}\n---\n{}\n", documents.join("\n---\n")));
    for target in &release(&situation.input()).targets[..2] {
        assert_eq!(target.veto.as_ref().map(|veto| veto.message.as_str()), Some(MAY_GO), "{}", target.name);
    }
}
