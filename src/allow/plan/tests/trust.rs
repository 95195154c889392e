//! Lists of trusted proxies: they hold the proxy's addresses alone, need the mark, and are never given up.

use super::*;

const TRUST: &str = "type: TrustedProxies, trustedProxies: {name: settings, preset: IngressNginx}";

fn settings(annotations: &str, data: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings, namespace: shop, uid: map-uid, annotations: {{{annotations}}}}}, data: {{{data}}}}}"
    )
}

const MARK: &str = "leeward.dev/origin: shop/shop";

#[test]
fn it_holds_the_proxys_addresses_and_nobody_elses() {
    let extra = "allowlist:\n    extraCIDRs: [{cidr: 198.51.100.7/32, reason: office}]";
    let site = foreign(TRUST, &settings(MARK, "use-forwarded-headers: 'true'")).replace("allowlist:", extra);
    let planned = Situation::of(&site).plan();
    let target = &planned.targets[0];
    assert_eq!(target.veto, None);
    let manifest = target.manifest().unwrap();
    assert_eq!(manifest["data"], serde_json::json!({"proxy-real-ip-cidr": "192.0.2.0/24,2001:db8::/32"}));
    // Without a list everybody is believed.
    assert_eq!(directions(target), [Direction::Narrow]);
    let f5 = Situation::of(&site.replace("preset: IngressNginx", "preset: F5Nginx")).plan();
    assert_eq!(directions(&f5.targets[0]), [Direction::Widen], "without a list nobody is believed");
}

#[test]
fn it_needs_the_mark() {
    let refused = Situation::of(&foreign(TRUST, &settings("", ""))).plan();
    let veto = refused.targets[0].veto.as_ref().unwrap();
    assert_eq!(veto.reason, Reason::ForeignObject);
    assert!(
        veto.message.ends_with("kubectl annotate -n shop configmaps settings leeward.dev/origin=shop/shop"),
        "{}",
        veto.message
    );
}

#[test]
fn it_is_never_given_up() {
    let fields = "managedFields: [{manager: leeward-shop, operation: Apply, fieldsV1: {'f:data': {'f:proxy-real-ip-cidr': {}}}}]";
    let object =
        settings(MARK, "proxy-real-ip-cidr: 192.0.2.0/24").replace("uid: map-uid", &format!("uid: map-uid, {fields}"));
    let site = foreign(TRUST, &object).replace("mode: Enforce", "mode: Enforce\n    deletionPolicy: Delete");
    let situation = Situation::of(&site);
    let end = release(&situation.input());
    let veto = end.targets[0].veto.as_ref().unwrap();
    assert_eq!(veto.reason, Reason::IsolationNotAcknowledged);
    insta::assert_snapshot!("trust_is_kept", veto.message);
}

#[test]
fn what_stands_beside_it_must_not_contradict_it() {
    let target = "type: TrustedProxies, trustedProxies: {name: edge, preset: EnvoyGateway}";
    for (beside, said) in [
        ("xForwardedFor: {numTrustedHops: 1}", "numTrustedHops"),
        ("customHeader: {name: CF-Connecting-IP}", "customHeader"),
        ("directSourceIP: {a: b}", "directSourceIP"),
    ] {
        let object = format!(
            "{{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: ClientTrafficPolicy, metadata: {{name: edge, namespace: shop, annotations: {{{MARK}}}}}, spec: {{clientIPDetection: {{{beside}}}}}}}"
        );
        let planned = Situation::of(&foreign(target, &object)).plan();
        let veto = planned.targets[0].veto.as_ref().unwrap();
        assert_eq!(veto.reason, Reason::InvalidTarget);
        assert!(veto.message.contains(said), "{}", veto.message);
    }
}
