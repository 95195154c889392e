//! What each refusal says: what is wrong, and what to do. One line for every way in which a plan refuses.

use super::*;

/// What the first target, or this one, is refused with.
fn of(plan: &Plan, target: usize) -> String {
    plan.targets[target].veto.as_ref().map_or_else(|| "not refused".to_owned(), ToString::to_string)
}

fn of_site(text: &str) -> String {
    of(&Situation::of(text).plan(), 0)
}

const INLINE: &str = "source: {type: Inline, inline: {cidrs: [192.0.2.0/24, '2001:db8::/32']}}";

/// A list of so many prefixes.
fn many(count: u32) -> String {
    let one = |i: u32| format!("198.{}.{}.{}/32", 18 + (i >> 15), (i >> 7) & 255, (i & 127) * 2);
    let all: Vec<String> = (0..count).map(one).collect();
    INLINE.replace("192.0.2.0/24, '2001:db8::/32'", &all.join(", "))
}

#[test]
fn of_lists_that_cannot_be_used() {
    let with = |to: &str| of_site(&closed().replace(INLINE, to));
    let status = |status: &str| {
        let active =
            "active: {hash: h, shortHash: h, prefixes: 1, ipv4Prefixes: 1, ipv6Prefixes: 0, cidrs: [203.0.113.0/24]}";
        let kind = format!("kind: ProxyNetwork\nmetadata: {{name: edge}}\nstatus: {{{active}, {status}}}");
        let site = closed().replace("kind: ProxyNetwork\nmetadata: {name: edge}", &kind);
        Situation::of(&site).plan().desired.unwrap().concern.unwrap().to_string()
    };
    let unnamed = Situation::of(&closed().replace(", networkRef: {name: edge}", "").replace("Enforce", "Observe"));
    let unnamed = plan(&PlanInput { mode: Mode::Enforce, ..unnamed.input() });
    let lines = [
        of(&unnamed, 0),
        of_site(&closed().replace("networkRef: {name: edge}", "networkRef: {name: other}")),
        with("source: {type: Preset, preset: {name: Cloudflare}}"),
        with("source: {type: Inline, inline: {cidrs: [0.0.0.0/0]}}"),
        of_site(&closed().replace("allowlist:", "allowlist:\n    extraCIDRs: [{cidr: 0.0.0.0/0, reason: all}]")),
        status("conditions: [], quarantined: {hash: 'sha256:new', added: 0, removed: 9, reason: Loss}"),
        status(
            "conditions: [{type: Fetched, status: 'False', reason: Unreachable, message: no route, lastTransitionTime: '2026-01-01T00:00:00Z'}]",
        ),
    ];
    insta::assert_snapshot!("messages_of_lists", lines.join("\n"));
}

#[test]
fn of_policies() {
    let narrow = "networkPolicy: {podSelector: {matchLabels: {app: web, tier: x}}, isolation";
    let turned = written(&closed(), |t| t).replace(CLOSED, "").replace("networkPolicy: {isolation", narrow);
    let extra = "allowlist:\n    extraCIDRs: [{cidr: 10.0.9.9/32, reason: leeward}]";
    let locked = written(&closed().replace("allowlist:", extra), |t| t).replace(extra, "allowlist:");
    let mut locked = Situation::of(&locked);
    locked.own = vec!["10.0.9.9".parse().unwrap()];
    let last = written(&closed(), |t| t)
        .replace(CLOSED, "")
        .replace("mode: Enforce", "mode: Enforce\n    deletionPolicy: Delete");
    let last = Situation::of(&last);
    let lines = [
        of_site(&closed().replace("{leeward.dev/enforce: allowed}", "{}")),
        of_site(&written(&closed(), |t| t.replace("shop/shop", "shop/other"))),
        of_site(&written(&closed(), |t| t.replace("leeward.dev/origin", "example.com/origin"))),
        of_site(&closed().replace(
            "networkPolicy: {isolation",
            "networkPolicy: {podSelector: {matchLabels: {app: other}}, isolation",
        )),
        of_site(&turned),
        of(&release(&last.input()), 0),
        of(&locked.plan(), 0),
        of_site(&closed().replace(INLINE, &many(30_000))),
    ];
    insta::assert_snapshot!("messages_of_policies", lines.join("\n"));
}

#[test]
fn of_fields() {
    let on = |site: &str| of(&Situation::of(site).plan(), 1);
    let filler = |bytes: usize| {
        closed().replace("annotations: {other: thing}", &format!("annotations: {{other: {}}}", "x".repeat(bytes)))
    };
    let alb = closed().replace("preset: IngressNginx", "preset: AWSALB").replace(INLINE, &many(61));
    let service = |more: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: lb, namespace: shop}}, spec: {{type: LoadBalancer{more}}}}}"
        )
    };
    let ranges = "type: ServiceSourceRanges, serviceSourceRanges: {name: lb}";
    let big = format!(", externalName: {}", "x".repeat(1 << 20));
    let middleware = "{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: edge, namespace: shop}, spec: {ipAllowList: {sourceRange: [203.0.113.0/24]}}}";
    let middleware =
        foreign(MIDDLEWARE, middleware).replace("mode: Enforce", "mode: Enforce\n    deletionPolicy: Delete");
    let held = middleware.replace("metadata: {name: edge, namespace: shop}", "metadata: {name: edge, namespace: shop, managedFields: [{manager: leeward-shop, operation: Apply, fieldsV1: {'f:spec': {'f:ipAllowList': {'f:sourceRange': {}}}}}]}");
    let held = Situation::of(&held);
    let lines = [
        on(&annotated("192.0.2.0/24", &[("kubectl", "Update")])),
        on(&closed().replace("  name: web\n  namespace: shop\n  uid", "  name: else\n  namespace: shop\n  uid")),
        on(&filler(262_100)),
        on(&alb),
        of_site(&foreign(ranges, &service(&big))),
        of_site(&foreign(ranges, &service("").replace("LoadBalancer", "ClusterIP"))),
        of(&release(&held.input()), 0),
    ];
    insta::assert_snapshot!("messages_of_fields", lines.join("\n"));
}

#[test]
fn of_what_happened_before() {
    let mut site = Situation::of(&closed());
    let (key, fingerprint) = {
        let planned = site.plan();
        (planned.targets[0].key.clone(), planned.targets[0].fingerprint.clone())
    };
    site.memory.written(&key, &fingerprint);
    for i in 0..6 {
        site.memory.may_write(&key, &fingerprint, Timestamp::from_second(i).unwrap());
    }
    let contested = of(&site.plan(), 0);
    site.memory = Memory::default();
    site.memory.roll_back(&key, &fingerprint);
    let rolled_back = of(&site.plan(), 0);
    let mut shared = Situation::of(&closed());
    let other = Situation::of(&closed().replace("{name: shop, namespace: shop}", "{name: other, namespace: shop}"));
    shared.neighbours = vec![Neighbour {
        origin: Arc::new(other.origin),
        created: Some(Timestamp::from_second(1000).unwrap()),
        leaving: false,
    }];
    let unread = Situation::of(SITE);
    let live = Live(&unread.files);
    let unseen = plan(&PlanInput { source: &live, ..unread.input() });
    let lines = [contested, rolled_back, of(&shared.plan(), 0), of(&shared.plan(), 1), of(&unseen, 0)];
    insta::assert_snapshot!("messages_of_what_happened", lines.join("\n"));
}

/// AllowlistSynced where nothing is written, and what each target would become.
#[test]
fn of_plans_that_write_nothing() {
    let says = |text: &str| Situation::of(text).plan().synced().unwrap().message;
    assert_eq!(says(&closed().replace("Enforce", "Observe")), "mode Observe: nothing is written");
    assert_eq!(says(&closed().replace("  proxy:", "  suspend: true\n  proxy:")), "suspended: nothing is written");
    let (head, rest) = SITE.split_once("    targets:\n").unwrap();
    let (_, tail) = rest.split_once("---\n").unwrap();
    assert_eq!(says(&format!("{head}---\n{tail}")), "allowlist.targets is empty: nothing is written");
    let planned = closed().replace("Enforce", "Plan");
    assert_eq!(says(&planned), "2 of 2 targets would change");
    let refused = says(&written(&planned, |t| t.replace("shop/shop", "shop/other")));
    assert!(refused.contains(" of 2 targets would change; refused: pods: "), "{refused}");
    let done = written(&planned, |text| text);
    assert_eq!(Situation::of(&done).plan().targets[0].counts(), "nothing would change");
    let last = written(&closed(), |t| t).replace("mode: Enforce", "mode: Enforce\n    deletionPolicy: Delete");
    let leaving = release(&Situation::of(&last).input());
    assert!(leaving.targets[0].counts().starts_with("would be released"), "{}", leaving.targets[0].counts());
}

/// What is seldom there: each sentence whole.
#[test]
fn of_rare_situations() {
    let closed = closed();
    // No pod runs, so selectors decide.
    let without = closed
        .replace("labels: {app: web}}\nspec", "labels: {app: none}}\nspec")
        .replace("targetPort: https", "targetPort: 8443");
    let mut shared = Situation::of(&without);
    let other = Situation::of(&without.replace("{name: shop, namespace: shop}", "{name: other, namespace: shop}"));
    let created = Some(Timestamp::from_second(1000).unwrap());
    shared.neighbours = vec![Neighbour { origin: Arc::new(other.origin), created, leaving: false }];
    assert_eq!(
        of(&shared.plan(), 0),
        "SharedEntrance: the allowlist of the same pods is kept by ProtectedOrigin other already: let one resource keep it, \
         with the other proxy's addresses in its extraCIDRs, or remove target pods here"
    );
    let first = of_site(&without.replace(CLOSED, ""));
    assert!(
        first.starts_with(
            "IsolationNotAcknowledged: this would be the first policy that isolates the pods of its podSelector: everybody \
             who is not listed, other pods included, would be cut off."
        ),
        "{first}"
    );
    let empty = Situation::of(&annotated("", &[("argocd", "Apply")])).plan();
    assert_eq!(
        of(&empty, 1),
        "FieldConflict: annotation nginx.ingress.kubernetes.io/whitelist-source-range of Ingress shop/web, empty as it is, is held \
         by field manager argocd: take it out of that tool's configuration, so that Leeward can keep it, or remove the target"
    );
    let right = "192.0.2.0/24,2001:db8::/32";
    let held = Situation::of(&annotated(right, &[("leeward-shop", "Apply"), ("argocd", "Apply")])).plan();
    assert_eq!(
        held.targets[1].notes,
        [
            "annotation nginx.ingress.kubernetes.io/whitelist-source-range is also held by field manager argocd, with the same \
             value: its next change will conflict"
        ]
    );
    // The list of an end, which has none.
    let end = release(&Situation::of(&closed).input());
    assert_eq!(end.desired.unwrap_err().message, "the origin is being deleted");
}

#[test]
fn of_what_somebody_else_has_to_hand_over_or_to_show() {
    let settings = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop, annotations: {leeward.dev/origin: shop/other}}}";
    let trust = "type: TrustedProxies, trustedProxies: {name: settings, preset: IngressNginx}";
    let trusted = Situation::of(&foreign(trust, settings));
    assert_eq!(
        of(&trusted.plan(), 0),
        "ForeignObject: ConfigMap shop/settings is handed over to shop/other: whoever may edit it hands it over with kubectl \
         annotate -n shop configmaps settings leeward.dev/origin=shop/shop"
    );
    let refused = plan(&PlanInput { source: &Refusing(&trusted.files), ..trusted.input() });
    assert_eq!(
        of(&refused, 0),
        "Forbidden: ConfigMap shop/settings cannot be read (403 Forbidden): grant Leeward's ServiceAccount list and watch on \
         configmaps, as deploy/enforce/targets does"
    );
}

/// The same objects for somebody who may not read what targets name.
struct Refusing<'a>(&'a Files);

impl ClusterSource for Refusing<'_> {
    fn shelves(&self) -> &crate::observe::cluster::Shelves {
        self.0.shelves()
    }

    fn knows(&self, kind: crate::observe::cluster::Kind) -> bool {
        self.0.knows(kind)
    }

    fn live(&self) -> bool {
        false
    }

    fn carrier(&self, _: &crate::api::field::ObjectRef, _: &str) -> crate::observe::cluster::Sight {
        crate::observe::cluster::Sight::Unreadable("403 Forbidden".to_owned())
    }
}
