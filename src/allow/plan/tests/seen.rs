//! Whose address a list would be compared with: each situation in which it would do harm, and what is said then.

use super::*;

/// A controller, its settings and the Service in front of it.
fn controller(settings: &str, policy: &str) -> String {
    format!(
        "
---
apiVersion: v1
kind: Pod
metadata: {{name: controller-1, namespace: ingress-nginx, labels: {{app: ingress}}}}
spec: {{containers: [{{name: controller, args: [/nginx-ingress-controller, --configmap=$(POD_NAMESPACE)/settings]}}]}}
status: {{phase: Running}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: ingress-nginx}}
data: {{{settings}}}
---
apiVersion: v1
kind: Service
metadata: {{name: front, namespace: ingress-nginx}}
spec: {{type: LoadBalancer, externalTrafficPolicy: {policy}, selector: {{app: ingress}}, ports: [{{port: 443, nodePort: 30443}}]}}
"
    )
}

/// What is said of the Ingress, with an origin that says nothing, or this, of whose address is seen.
fn said(site: &str, seen: &str) -> (Option<Reason>, String) {
    let planned = Situation::of(&site.replace("addressSeen: Proxy", seen)).plan();
    let target = &planned.targets[1];
    let text = target.veto.as_ref().map(|veto| veto.message.clone());
    (target.veto.as_ref().map(|veto| veto.reason), text.unwrap_or_else(|| target.notes.join("\n")))
}

/// A class of a Helm release in this namespace.
fn class(namespace: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{name: {namespace}, annotations: {{meta.helm.sh/release-namespace: {namespace}}}}}\nspec: {{controller: example.com/{namespace}}}\n"
    )
}

const UNKNOWN: &str = "addressSeen: Unknown";

#[test]
fn a_header_that_is_believed_from_anybody_stops_the_list_and_says_what_to_do() {
    let site = |settings: &str| format!("{}{}", closed(), controller(settings, "Local"));
    let forwarded = site("use-forwarded-headers: 'true'");
    let (reason, message) = said(&forwarded, UNKNOWN);
    assert_eq!(reason, Some(Reason::AddressSeenMismatch));
    insta::assert_snapshot!("header_from_anybody", message);
    // What is read counts more than what the spec says.
    assert_eq!(said(&forwarded, "addressSeen: Proxy"), (reason, message));
    let everybody = site("enable-real-ip: 'true', proxy-real-ip-cidr: '0.0.0.0/0'");
    assert_eq!(said(&everybody, UNKNOWN).0, Some(Reason::AddressSeenMismatch));
    let (reason, message) = said(&site("use-proxy-protocol: 'true'"), UNKNOWN);
    assert_eq!(reason, Some(Reason::AddressSeenMismatch));
    insta::assert_snapshot!("preamble_from_anybody", message);
}

#[test]
fn a_list_that_visitors_would_be_compared_with_is_not_written() {
    let trusting = |settings: &str| said(&format!("{}{}", closed(), controller(settings, "Local")), UNKNOWN);
    let (reason, message) = trusting("use-forwarded-headers: 'true', proxy-real-ip-cidr: '192.0.2.0/24,2001:db8::/32'");
    assert_eq!(reason, Some(Reason::AddressSeenMismatch));
    insta::assert_snapshot!("visitors", message);
    let part = trusting("use-forwarded-headers: 'true', proxy-real-ip-cidr: '192.0.2.128/25'");
    assert_eq!(part.0, Some(Reason::AddressSeenMismatch), "some visitors are some too many");
    // A load balancer that is believed says which address of the proxy connects to it.
    for right in [
        "use-forwarded-headers: 'true', proxy-real-ip-cidr: '10.0.0.0/8'",
        "use-proxy-protocol: 'true', proxy-real-ip-cidr: '10.0.0.0/8'",
        "proxy-real-ip-cidr: '192.0.2.0/24'",
        "",
    ] {
        assert_eq!(trusting(right), (None, String::new()), "{right}");
    }
    // The proxy itself sends the preamble: then it names visitors.
    let preamble = "use-proxy-protocol: 'true', proxy-real-ip-cidr: '192.0.2.0/24'";
    let site = format!("{}{}", closed(), controller(preamble, "Local"));
    assert_eq!(said(&site, "proxyProtocol: V1").0, Some(Reason::AddressSeenMismatch));
}

#[test]
fn what_was_not_seen_is_said_and_the_spec_decides() {
    let (reason, note) = said(&closed(), UNKNOWN);
    assert_eq!(reason, None);
    insta::assert_snapshot!("not_seen", note);
    let (reason, message) = said(&closed(), "addressSeen: Client");
    assert_eq!(reason, Some(Reason::AddressSeenMismatch));
    insta::assert_snapshot!("said_to_be_visitors", message);
    // Two of them, and which serves the Ingress is not to be told.
    let two = controller("", "Local").replace("ingress-nginx", "other").replace("[/", "[--ingress-class=other, /");
    let two = format!("{}{}{two}{}", closed(), controller("use-forwarded-headers: 'true'", "Local"), class("other"));
    let classless = said(&two, UNKNOWN);
    assert!(classless.0.is_none() && classless.1.contains("which of several"), "{}", classless.1);
    let of_class = |class: &str| {
        said(&two.replace("{other: thing}", &format!("{{kubernetes.io/ingress.class: {class}}}")), UNKNOWN)
    };
    assert_eq!(of_class("nginx").0, Some(Reason::AddressSeenMismatch));
    assert_eq!(of_class("other"), (None, String::new()));
    let lost = closed() + &controller("", "Local").replace("name: settings", "name: else");
    assert!(said(&lost, UNKNOWN).1.contains("ConfigMap ingress-nginx/settings is not there"));
}

#[test]
fn a_tenants_pod_with_a_controllers_arguments_changes_nothing() {
    let forged = controller("use-forwarded-headers: 'true'", "Cluster").replace("ingress-nginx\n", "tenant\n");
    let forged = forged.replace("namespace: ingress-nginx", "namespace: tenant");
    // Alone it refuses nothing, and who vouches for it how is said.
    let alone = format!("{}{forged}", closed());
    let (reason, note) = said(&alone, UNKNOWN);
    assert_eq!(reason, None);
    insta::assert_snapshot!("a_tenants_controller", note);
    assert_eq!(said(&alone, "addressSeen: Proxy"), (None, String::new()));
    assert_eq!(said(&alone, "addressSeen: Client").0, Some(Reason::AddressSeenMismatch), "as for one that is not seen");
    // Beside the real one it is nobody.
    let real = controller("use-forwarded-headers: 'true'", "Local");
    let alike = format!("{}{real}", closed());
    assert_eq!(said(&format!("{alike}{forged}"), UNKNOWN), said(&alike, UNKNOWN));
    let harmless = format!("{}{}", closed(), controller("", "Local"));
    assert_eq!(said(&format!("{harmless}{forged}"), UNKNOWN), (None, String::new()));
    // By an IngressClass, or by the flag, it is vouched for.
    assert_eq!(said(&format!("{alone}{}", class("tenant")), UNKNOWN).0, Some(Reason::AddressSeenMismatch));
    let vouched = |namespaces: &[&str]| {
        let mut situation = Situation::of(&alone.replace("addressSeen: Proxy", UNKNOWN));
        situation.files.vouch(namespaces.iter().map(|n| (*n).to_owned()).collect());
        situation.plan().targets[1].veto.as_ref().map(|veto| veto.reason)
    };
    assert_eq!((vouched(&["tenant"]), vouched(&["edge", ""])), (Some(Reason::AddressSeenMismatch), None));
}

#[test]
fn an_ingress_class_says_which_controller_serves() {
    let two = controller("", "Local").replace("ingress-nginx", "traefik");
    let two = two.replace("[/nginx", "[--controller-class=example.com/quiet, /nginx");
    let site = format!("{}{}{two}", closed(), controller("use-forwarded-headers: 'true'", "Local"));
    let of_class = |controller: &str| {
        let class = class("traefik").replace("example.com/traefik", controller);
        let named = site.replace(
            "annotations: {other: thing}\n",
            "annotations: {other: thing}\nspec: {ingressClassName: traefik}\n",
        );
        said(&format!("{named}{class}"), UNKNOWN)
    };
    assert_eq!(of_class("k8s.io/ingress-nginx").0, Some(Reason::AddressSeenMismatch));
    assert_eq!(of_class("example.com/quiet"), (None, String::new()));
    let (reason, note) = of_class("example.com/else");
    assert_eq!(reason, None);
    assert!(
        note.contains("no pod is seen that runs example.com/else, the controller of IngressClass traefik"),
        "{note}"
    );
    let annotation = "annotations: {other: thing, kubernetes.io/ingress.class: inner}";
    let (reason, note) = said(&site.replace("annotations: {other: thing}", annotation), UNKNOWN);
    assert_eq!(reason, None);
    assert!(note.contains("no pod is seen that runs ingress-nginx for class inner"), "{note}");
    let (reason, note) = said(&site, UNKNOWN);
    assert_eq!(reason, None);
    assert!(note.contains("(which of several ingress-nginx serves it is not seen)"), "{note}");
}

#[test]
fn a_service_that_hides_who_connects_stops_the_first_list_behind_it() {
    let hidden = |policy: &str, seen: &str| said(&format!("{}{}", closed(), controller("", policy)), seen);
    let (reason, message) = hidden("Cluster", UNKNOWN);
    assert_eq!(reason, Some(Reason::AddressSeenMismatch));
    insta::assert_snapshot!("ingress_behind_nodes", message);
    assert_eq!(hidden("Cluster", "addressSeen: Proxy"), (None, String::new()), "somebody vouches for the network");
    assert_eq!(hidden("Local", UNKNOWN), (None, String::new()));
    // A list that stands is kept, and what is wrong is said beside it.
    let standing = annotated("192.0.2.0/24", &[("leeward-shop", "Apply")]);
    let (reason, note) = said(&format!("{standing}{}", controller("", "Cluster")), UNKNOWN);
    assert_eq!((reason, note == message), (None, true), "{note}");
    // The Ingress itself says where it is reached.
    let status = "annotations: {other: thing}\nstatus: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}\n";
    let balancer = "---\napiVersion: v1\nkind: Service\nmetadata: {name: front, namespace: haproxy-controller}\nspec: {type: LoadBalancer, ports: [{port: 443}]}\nstatus: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}\n";
    let site = closed()
        .replace("annotations: {other: thing}\n", status)
        .replace("preset: IngressNginx", "preset: HAProxyTech");
    let (reason, message) = said(&format!("{site}{balancer}"), UNKNOWN);
    assert_eq!(reason, Some(Reason::AddressSeenMismatch));
    assert!(message.starts_with("Service haproxy-controller/front,"), "{message}");
    // A tenant's Service at the same address neither refuses nor lifts the refusal.
    let theirs = balancer.replace("haproxy-controller", "tenant");
    let (reason, note) = said(&format!("{site}{theirs}"), UNKNOWN);
    assert_eq!(reason, None);
    insta::assert_snapshot!("a_tenants_load_balancer", note);
    let local = theirs.replace("type: LoadBalancer,", "type: LoadBalancer, externalTrafficPolicy: Local,");
    assert_eq!(said(&format!("{site}{balancer}{local}"), UNKNOWN), (Some(Reason::AddressSeenMismatch), message));
}

#[test]
fn pods_that_see_nodes_are_not_closed_to_the_proxy() {
    let outward = |kind: &str, more: &str| {
        let service = format!("spec: {{type: {kind}, {more}selector: {{app: web}}, ports: [{{port: 443");
        closed().replace("spec: {selector: {app: web}, ports: [{port: 443", &service)
    };
    let veto = |site: &str, seen: &str| {
        let planned = Situation::of(&site.replace("addressSeen: Proxy", seen)).plan();
        planned.targets[0].veto.clone()
    };
    for kind in ["LoadBalancer", "NodePort"] {
        let refused = veto(&outward(kind, ""), UNKNOWN).unwrap();
        assert_eq!(refused.reason, Reason::AddressSeenMismatch);
        assert_eq!(veto(&outward(kind, ""), "addressSeen: Proxy"), None);
        assert_eq!(veto(&outward(kind, "externalTrafficPolicy: Local, "), UNKNOWN), None);
    }
    insta::assert_snapshot!("pods_behind_nodes", veto(&outward("LoadBalancer", ""), UNKNOWN).unwrap().message);
    assert_eq!(veto(&closed(), UNKNOWN), None, "a Service that only the cluster uses shows nothing");
    let local = outward("LoadBalancer", "externalTrafficPolicy: Local, ");
    let preamble = local.replace(
        "metadata: {name: web, namespace: shop}\nspec: {type",
        "metadata: {name: web, namespace: shop, annotations: {load-balancer.hetzner.cloud/uses-proxyprotocol: 'true'}}\nspec: {type",
    );
    insta::assert_snapshot!("pods_behind_a_preamble", veto(&preamble, UNKNOWN).unwrap().message);
    // Ranges of a load balancer are compared before anybody replaces an address.
    let ranges = foreign(
        "type: ServiceSourceRanges, serviceSourceRanges: {name: lb}",
        "{apiVersion: v1, kind: Service, metadata: {name: lb, namespace: shop}, spec: {type: LoadBalancer, selector: {app: web}}}",
    );
    assert_eq!(veto(&ranges, UNKNOWN), None);
}

#[test]
fn a_middleware_says_itself_whose_address_it_compares() {
    let veto = |spec: &str, seen: &str| {
        let object = format!(
            "{{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {{name: edge, namespace: shop}}, spec: {{ipAllowList: {{{spec}}}}}}}"
        );
        let planned = Situation::of(&foreign(MIDDLEWARE, &object).replace("addressSeen: Proxy", seen)).plan();
        (planned.targets[0].veto.as_ref().map(|v| v.reason), planned.targets[0].notes.len())
    };
    assert_eq!(veto("rejectStatusCode: 404", "addressSeen: Client"), (None, 0));
    assert_eq!(veto("ipStrategy: {depth: 1}", UNKNOWN), (None, 1));
    assert_eq!(veto("ipStrategy: {depth: 1}", "addressSeen: Client"), (Some(Reason::AddressSeenMismatch), 0));
}

#[test]
fn whom_traefik_does_not_believe_is_named() {
    let object = "{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: edge, namespace: shop}, spec: {ipAllowList: {}}}";
    let pod = |namespace: &str, list: &str| {
        let args = format!("['--entryPoints.websecure.forwardedHeaders.trustedIPs={list}']");
        let site = foreign(MIDDLEWARE, object);
        let pod = format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: traefik-1, namespace: {namespace}}}\nspec: {{containers: [{{name: traefik, args: {args}}}]}}\n"
        );
        Situation::of(&format!("{site}{pod}")).plan().targets[0].notes.clone()
    };
    assert_eq!(pod("traefik", "192.0.2.0/24,2001:db8::/32"), [] as [&str; 0]);
    insta::assert_snapshot!("traefik_lacks", pod("traefik", "192.0.2.0/25").join("\n"));
    insta::assert_snapshot!("a_tenants_traefik", pod("tenant", "192.0.2.0/25").join("\n"));
}
