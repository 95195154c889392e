//! One site in a namespace of its own on the shared control plane: a Service with a pod, an Ingress, a policy that closes
//! everything, a ProxyNetwork and the origin; and the few steps of a reconciler that concern allowlists.

use crate::gate::{Gate, path_of, read, waited};
use http::Request;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use lab::control_plane::ControlPlane;
use leeward::allow::{self, Applied, Memory, Narrowing, Plan, PlanInput, Recovered, Rollback, plan, release};
use leeward::api::conditions::Reason;
use leeward::api::field::{Field, ObjectRef};
use leeward::api::status::{AllowlistStatus, NarrowingState, NarrowingStatus};
use leeward::api::targets::TargetType;
use leeward::api::validated::Validated;
use leeward::api::{ProtectedOrigin, crds};
use leeward::net::Prefix;
use leeward::observe::cluster::{ClusterSource, Kind, Options, Sight, Stores};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub static SERVER: LazyLock<&'static ControlPlane> = LazyLock::new(|| {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = ControlPlane::shared();
    for (_, crd) in crds::all() {
        server.apply(&crds::yaml(&crd).unwrap()).unwrap();
        let name = format!("crd/{}", crd.metadata.name.unwrap());
        server.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &name]).unwrap();
    }
    server
});

pub struct Site {
    pub namespace: String,
    pub gate: Gate,
    pub stores: Stores,
    pub narrowing: Narrowing,
    /// What the status notes of the last narrowing.
    told: Option<NarrowingStatus>,
    /// Writes that this replica may still make.
    pub claims: usize,
    /// What the origin says of whose address its filters see.
    pub seen: &'static str,
    client: Client,
    admin: Client,
    memory: Memory,
    pub resource: ProtectedOrigin,
    beats: std::cell::Cell<u32>,
}

impl Drop for Site {
    fn drop(&mut self) {
        let broken = self.gate.broken();
        if !std::thread::panicking() {
            assert!(broken.is_empty(), "{}", broken.join("\n\n"));
        }
    }
}

/// Waits for others to act. The garbage collector learns of a new kind only every 30 seconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(75);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn config(kubeconfig: &str) -> Config {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

async fn client(kubeconfig: &str, gate: &Gate) -> Client {
    ClientBuilder::try_from(config(kubeconfig).await).unwrap().with_layer(gate).build()
}

impl Site {
    /// A site whose pods another policy isolates already.
    pub async fn new(name: &str, targets: &str, prefixes: &[&str]) -> Self {
        Self::with(name, targets, prefixes, true).await
    }

    pub async fn without_default_deny(name: &str, targets: &str, prefixes: &[&str]) -> Self {
        Self::with(name, targets, prefixes, false).await
    }

    async fn with(name: &str, targets: &str, prefixes: &[&str], closed: bool) -> Self {
        let server = *SERVER;
        let namespace = format!("allow-{name}");
        let deny = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: default-deny, namespace: NS}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n";
        let objects = "
apiVersion: v1
kind: Namespace
metadata: {name: NS, labels: {leeward.dev/enforce: allowed}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: NS, labels: {app: web}}
spec: {containers: [{name: web, image: x, ports: [{name: https, containerPort: 8443}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: beat, namespace: NS}
";
        server.apply(&format!("{objects}{}", if closed { deny } else { "" }).replace("NS", &namespace)).unwrap();
        server
            .kubectl(&[
                "patch",
                "pod",
                "web-1",
                "-n",
                &namespace,
                "--subresource=status",
                "--type=merge",
                "-p",
                r#"{"status":{"phase":"Running","podIP":"10.1.0.1","podIPs":[{"ip":"10.1.0.1"}]}}"#,
            ])
            .unwrap();
        let admin = Client::try_from(config(&server.kubeconfig_text()).await).unwrap();
        let gate = Gate::new(admin.clone(), &namespace);
        let client = client(&server.kubeconfig_text(), &gate).await;
        let stores =
            Stores::start(client.clone(), &Options { namespaces: vec![namespace.clone()], ..Options::default() });
        assert!(stores.ready(Duration::from_secs(20)).await, "{:?}", stores.waiting());
        let mut site = Self {
            namespace,
            gate,
            stores,
            narrowing: Narrowing::Noted(Vec::new()),
            told: None,
            claims: usize::MAX,
            seen: "Proxy",
            client,
            admin,
            memory: Memory::default(),
            resource: ProtectedOrigin::new("shop", placeholder()),
            beats: std::cell::Cell::new(0),
        };
        site.make_ingress();
        site.list(prefixes).await;
        site.origin(targets, "Orphan").await;
        site.settle().await;
        site
    }

    pub fn make_ingress(&self) {
        self.apply(
            "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, labels: {team: shop}, annotations: {team: shop}}, spec: {defaultBackend: {service: {name: web, port: {number: 443}}}}}",
        );
    }

    /// Gives the proxy this list.
    pub async fn list(&self, prefixes: &[&str]) {
        let quoted: Vec<String> = prefixes.iter().map(|p| format!("'{p}'")).collect();
        let cidrs = quoted.join(", ");
        let name = &self.namespace;
        SERVER
            .apply(&format!(
                "{{apiVersion: leeward.dev/v1alpha1, kind: ProxyNetwork, metadata: {{name: {name}}}, spec: {{source: {{type: Inline, inline: {{cidrs: [{cidrs}]}}}}}}}}"
            ))
            .unwrap();
        let seen = || {
            let network = self.stores.proxy_network(name)?;
            Some(network.spec.source.inline.clone()?.cidrs == prefixes)
        };
        eventually("the list is seen", || seen() == Some(true)).await;
    }

    /// Creates or changes the origin.
    pub async fn origin(&mut self, targets: &str, deletion: &str) {
        let (ns, seen) = (&self.namespace, self.seen);
        self.apply(&format!(
            "
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {{name: shop}}
spec:
  proxy: {{url: 'https://shop.example.com/', networkRef: {{name: {ns}}}}}
  origin: {{type: Service, addressSeen: {seen}, service: {{name: web, port: 443}}}}
  allowlist:
    mode: Enforce
    deletionPolicy: {deletion}
    targets:{targets}
"
        ));
        self.resource = Api::namespaced(self.client.clone(), ns).get("shop").await.unwrap();
    }

    /// From here on the service account of the namespace writes, which may do nothing.
    pub async fn restrict(&mut self) {
        let text = SERVER.service_account_kubeconfig(&self.namespace, "default").unwrap();
        self.client = client(&text, &self.gate).await;
    }

    /// From here on the stores are those of somebody who may read all that facts need, and nothing of other projects.
    #[allow(dead_code, reason = "the tests of owned objects need it not")]
    pub async fn watch_restricted(&mut self) {
        let ns = &self.namespace;
        let rules = "[{apiGroups: [''], resources: [services, pods, configmaps, namespaces, nodes], verbs: [list, watch]}, {apiGroups: [networking.k8s.io, discovery.k8s.io, leeward.dev], resources: ['*'], verbs: [list, watch]}]";
        SERVER
            .apply(&format!(
                "{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: {ns}}}, rules: {rules}}}\n---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {{name: {ns}}}, roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {ns}}}, subjects: [{{kind: ServiceAccount, name: default, namespace: {ns}}}]}}"
            ))
            .unwrap();
        let text = SERVER.service_account_kubeconfig(ns, "default").unwrap();
        let options = Options { namespaces: vec![ns.clone()], ..Options::default() };
        self.stores = Stores::start(client(&text, &self.gate).await, &options);
        assert!(self.stores.ready(Duration::from_secs(20)).await, "{:?}", self.stores.waiting());
    }

    /// Waits until the stores show the output `ConfigMap` so.
    #[allow(dead_code, reason = "the tests of owned objects need it not")]
    pub async fn await_config_map(&self, so: impl Fn(&Value) -> bool) {
        eventually("the ConfigMap is seen", || {
            let seen = self.stores.config_map(&self.namespace, "leeward-shop");
            seen.is_some_and(|map| so(&serde_json::to_value(map.as_ref()).unwrap()))
        })
        .await;
    }

    /// From here on nobody answers.
    pub async fn cut_off(&mut self) {
        let text = SERVER.kubeconfig_text().replace(&SERVER.url(), "https://127.0.0.1:9");
        self.client = client(&text, &self.gate).await;
    }

    /// As after a crash: a new process remembers nothing.
    pub fn restart(&mut self) {
        self.memory = Memory::default();
        self.claims = usize::MAX;
        self.gate.revive();
    }

    /// From one list to others, with a process that dies before the first write and after each: the next one always ends
    /// in the state in which one that lives would. A step from one of these lists to the next takes as many writes as there
    /// are steps.
    pub async fn crashes<const LISTS: usize>(&mut self, lists: [&[&str]; LISTS], carries: impl Fn(&Self, &[&str])) {
        // What was tried before is forgotten.
        self.restart();
        for (writes, list) in lists.into_iter().enumerate() {
            self.list(list).await;
            self.gate.die_after(writes);
            let cut = self.once().await;
            assert_eq!((self.gate.writes(), cut.again), (writes, true), "{:?}", cut.targets);
            self.restart();
            self.settle().await;
            let applied = self.reconcile().await;
            assert_eq!(applied.synced.reason, Reason::Synced, "after {writes} writes: {:?}", applied.targets);
            carries(self, list);
            self.settle().await;
            let asked = self.gate.requests();
            assert_eq!(
                (self.once().await.writes, self.gate.requests() - asked),
                (Vec::new(), 0),
                "after {writes} writes"
            );
        }
    }

    /// Waits until the stores have seen everything that was done before.
    pub async fn settle(&self) {
        self.beats.set(self.beats.get() + 1);
        let beat = self.beats.get().to_string();
        let label = json!({"metadata": {"labels": {"beat": beat}}}).to_string();
        let exists = |kind: &str, name: &str| {
            let request = Request::patch(format!("{}?fieldManager=beat", self.path(kind, name)))
                .header("content-type", "application/merge-patch+json")
                .body(label.clone().into_bytes());
            match waited(self.admin.request::<Value>(request.unwrap())) {
                Ok(_) => true,
                Err(kube::Error::Api(status)) if status.is_not_found() => false,
                Err(error) => panic!("{kind} {name}: {error}"),
            }
        };
        exists("namespace", &self.namespace);
        let (has_ingress, has_policy) = (exists("ingress", "web"), exists("networkpolicy", "leeward-shop"));
        let has_deny = self.get("networkpolicy", "default-deny").is_some();
        // A watch delivers in order, so what bears the beat has everything before it; what is gone must be gone.
        let labelled = |labels: Option<std::collections::BTreeMap<String, String>>| {
            labels.and_then(|l| l.get("beat").cloned()).as_ref() == Some(&beat)
        };
        let ns = &self.namespace;
        let fields: Vec<ObjectRef> = self.fields();
        let policy = |name: &str| {
            let all = self.stores.network_policies(ns);
            all.into_iter().find(|p| p.metadata.name.as_deref() == Some(name))
        };
        eventually("the stores are up to date", || {
            let ingress = self.stores.ingress(ns, "web");
            let owned = policy("leeward-shop");
            labelled(self.stores.namespace(ns).and_then(|n| n.metadata.labels.clone()))
                && ingress.is_some() == has_ingress
                && ingress.is_none_or(|i| labelled(i.metadata.labels.clone()))
                && owned.is_some() == has_policy
                && owned.is_none_or(|p| labelled(p.metadata.labels.clone()))
                && policy("default-deny").is_some() == has_deny
                && self.has_seen_output()
                && fields.iter().all(|object| self.has_seen(object))
                && self.stores.knows(Kind::Pod)
                && self.stores.pods(ns).iter().all(|p| p.status.as_ref().is_some_and(|s| s.pod_ip.is_some()))
        })
        .await;
    }

    /// Whether the stores show the output `ConfigMap` as it is now, if there is a target of that type.
    fn has_seen_output(&self) -> bool {
        let targets = &self.resource.spec.allowlist.targets;
        if !targets.iter().any(|target| target.kind == TargetType::ConfigMap) {
            return true;
        }
        let now = self.get("configmap", "leeward-shop");
        let seen = self.stores.config_map(&self.namespace, "leeward-shop");
        let seen = seen.map(|map| serde_json::to_value(map.as_ref()).unwrap());
        (seen.is_some() || self.stores.knows(Kind::ConfigMap))
            && seen.map(|map| map["data"].clone()) == now.map(|map| map["data"].clone())
    }

    /// The objects of other projects that the targets name.
    fn fields(&self) -> Vec<ObjectRef> {
        let targets = self.resource.spec.allowlist.targets.iter();
        let fields = targets.filter_map(|target| Field::of(target).unwrap());
        fields.map(|field| field.object).collect()
    }

    /// Whether the stores show the object as it is now.
    fn has_seen(&self, object: &ObjectRef) -> bool {
        let essence = |value: &Value| {
            let managers = value["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
            let managers = managers.into_iter().filter(|m| m["subresource"].is_null());
            // Of core kinds only those who hold an allowlist are kept.
            let managers: Vec<Value> = managers.map(|mut m| m["fieldsV1"].take()).collect();
            let ingress = object.api.kind == "Ingress";
            let mut annotations = value["metadata"]["annotations"].clone();
            // What kubectl notes for itself is not kept either.
            if let Some(map) = annotations.as_object_mut() {
                map.remove("kubectl.kubernetes.io/last-applied-configuration");
            }
            let managers = if object.api.group.is_empty() || ingress { Vec::new() } else { managers };
            (
                value["metadata"]["uid"].clone(),
                if annotations == json!({}) { Value::Null } else { annotations },
                (if ingress { Value::Null } else { value["spec"].clone() }, value["data"].clone()),
                managers,
            )
        };
        let now = read(&self.admin, &path_of(object, &self.namespace));
        match (self.stores.carrier(object, &self.namespace), now) {
            (Sight::Found(seen), Some(now)) => essence(&seen.value) == essence(&now),
            (Sight::Missing | Sight::NoKind, None) => true,
            _ => false,
        }
    }

    /// The object of the first target that is a field.
    #[allow(dead_code, reason = "the tests of owned objects need it not")]
    pub fn object(&self) -> Option<Value> {
        let mut targets = self.resource.spec.allowlist.targets.iter();
        let field = targets.find_map(|target| Field::of(target).unwrap()).unwrap();
        read(&self.admin, &path_of(&field.object, &self.namespace))
    }

    fn input<'a>(&'a self, origin: &'a Validated, narrowing: &'a Narrowing) -> PlanInput<'a> {
        PlanInput {
            origin,
            uid: self.resource.metadata.uid.as_deref(),
            created: None,
            mode: origin.allowlist.mode,
            source: &self.stores,
            neighbours: &[],
            own_addresses: &[],
            memory: &self.memory,
            narrowing,
            now: jiff::Timestamp::now(),
        }
    }

    pub fn plan(&self) -> Plan {
        let origin = Validated::new(&self.resource).unwrap();
        plan(&self.input(&origin, &self.narrowing))
    }

    pub async fn apply_plan(&mut self, plan: &Plan) -> Applied {
        let left = AtomicUsize::new(self.claims);
        let claim = || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        let applied = allow::apply(&self.client, plan, &claim, &mut self.memory, jiff::Timestamp::now()).await;
        self.claims = left.into_inner();
        applied
    }

    /// Plans and applies once; what has to stand in the status first is put there, and the rest done.
    pub async fn once(&mut self) -> Applied {
        let mut applied = self.apply_plan(&self.plan()).await;
        if let Some(note) = applied.note.take() {
            self.narrowing = Narrowing::Noted(note.targets.clone());
            let texts = |prefixes: &[Prefix]| prefixes.iter().map(Prefix::to_string).collect();
            self.told = Some(NarrowingStatus {
                state: NarrowingState::Watched,
                since_time: Time(jiff::Timestamp::UNIX_EPOCH),
                removed: texts(&note.removed),
                distrusted: texts(&note.distrusted),
                targets: note.targets,
            });
            let before = applied.writes;
            applied = self.apply_plan(&self.plan()).await;
            applied.writes.splice(0..0, before);
        }
        applied
    }

    /// Another process takes over and reads the status. What it finds of narrowings; what was taken back it remembers.
    pub fn taken_over(&mut self) -> Recovered {
        self.restart();
        let told = AllowlistStatus { narrowing: self.told.clone(), ..AllowlistStatus::default() };
        let origin = Validated::new(&self.resource).unwrap();
        let found = allow::recover(&self.input(&origin, &self.narrowing), &self.plan(), &told).unwrap();
        found.remember(&mut self.memory);
        found
    }

    /// Plans and applies until nothing asks for another look; all writes together.
    pub async fn reconcile(&mut self) -> Applied {
        let mut before = Vec::new();
        for _ in 0..50 {
            let mut applied = self.once().await;
            if !applied.again {
                before.append(&mut applied.writes);
                applied.writes = before;
                return applied;
            }
            before.append(&mut applied.writes);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never came to rest");
    }

    /// Plans and applies the end of an origin that is being deleted; its finalizer goes afterwards.
    pub async fn release(&mut self) -> Applied {
        let finalizers = |value: &str| {
            let patch = format!("{{\"metadata\":{{\"finalizers\":{value}}}}}");
            self.kubectl(&["patch", "protectedorigin", "shop", "--type=merge", "-p", &patch]);
        };
        finalizers("[\"leeward.dev/test\"]");
        self.kubectl(&["delete", "protectedorigin", "shop", "--wait=false"]);
        self.settle().await;
        let applied = self.release_again().await;
        self.kubectl(&["patch", "protectedorigin", "shop", "--type=merge", "-p", r#"{"metadata":{"finalizers":[]}}"#]);
        applied
    }

    pub async fn release_again(&mut self) -> Applied {
        let origin = Validated::new(&self.resource).unwrap();
        let plan = release(&self.input(&origin, &Narrowing::Now));
        self.apply_plan(&plan).await
    }

    pub async fn roll_back(&mut self, rollback: &Rollback) -> bool {
        self.gate.rolling_back(true);
        let done = allow::roll_back(&self.client, rollback, &|| true, &mut self.memory, jiff::Timestamp::now()).await;
        self.gate.rolling_back(false);
        let done = done.unwrap();
        self.settle().await;
        done
    }

    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-n", self.namespace.as_str()];
        all.extend(arguments);
        SERVER.kubectl(&all).unwrap()
    }

    /// Applies YAML to the namespace as `kubectl`.
    pub fn apply(&self, yaml: &str) {
        let arguments = ["apply", "-n", &self.namespace, "--server-side", "-f", "-"];
        SERVER.kubectl_with_input(&arguments, yaml).unwrap();
    }

    /// Applies the annotation as another field manager.
    pub fn annotate_as(&self, manager: &str, value: &str) {
        let key = leeward::api::names::INGRESS_NGINX_ALLOWLIST;
        self.apply_as(manager, &ingress(&format!("annotations: {{{key}: '{value}'}}")));
    }

    /// Gives the annotation up as that manager.
    pub fn release_as(&self, manager: &str) {
        self.apply_as(manager, &ingress("labels: {}"));
    }

    /// Applies YAML to the namespace as another field manager.
    pub fn apply_as(&self, manager: &str, yaml: &str) {
        let manager = format!("--field-manager={manager}");
        let arguments = ["apply", "-n", &self.namespace, "--server-side", &manager, "-f", "-"];
        SERVER.kubectl_with_input(&arguments, yaml).unwrap();
    }

    /// An object as JSON, if it exists.
    pub fn get(&self, kind: &str, name: &str) -> Option<Value> {
        read(&self.admin, &self.path(kind, name))
    }

    fn path(&self, kind: &str, name: &str) -> String {
        let ns = &self.namespace;
        match kind {
            "namespace" => format!("/api/v1/namespaces/{name}"),
            "ingress" => format!("/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses/{name}"),
            "configmap" => format!("/api/v1/namespaces/{ns}/configmaps/{name}"),
            "networkpolicy" => format!("/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies/{name}"),
            other => panic!("no path for {other}"),
        }
    }

    pub fn ingress(&self) -> Value {
        self.get("ingress", "web").unwrap()
    }

    pub fn policy(&self) -> Option<Value> {
        self.get("networkpolicy", "leeward-shop")
    }

    /// The prefixes that our policy admits, in order.
    pub fn blocks(&self) -> Vec<String> {
        let policy: NetworkPolicy = serde_json::from_value(self.policy().unwrap()).unwrap();
        let rules = policy.spec.unwrap().ingress.unwrap();
        let peers = rules.into_iter().flat_map(|r| r.from.unwrap());
        peers.map(|p| p.ip_block.unwrap().cidr).collect()
    }
}

fn ingress(metadata: &str) -> String {
    format!("{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: web, {metadata}}}}}")
}

/// Stands in until the origin has been read back.
fn placeholder() -> leeward::api::ProtectedOriginSpec {
    serde_json::from_value(serde_json::json!({
        "proxy": {"url": "https://shop.example.com/"},
        "origin": {"type": "Service", "service": {"name": "web", "port": 443}},
    }))
    .unwrap()
}
