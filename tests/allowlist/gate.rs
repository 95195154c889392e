//! A layer in front of the API server through which every request of a test goes. Each write is held against the
//! promises of `allow::invariants`, with the world as an administrator reads it at that moment; one that is broken fails
//! the test.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use lab::rights::Right;
use leeward::allow::invariants::{Sent, World, violations};
use leeward::api::field::{Field, ObjectRef};
use leeward::api::{ProtectedOrigin, ProxyNetwork};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tower::{BoxError, Layer, Service};

#[derive(Clone)]
pub struct Gate {
    /// The administrator, who goes through no gate.
    admin: Client,
    /// Name of the network of the test.
    network: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    requests: usize,
    writes: usize,
    rolling_back: bool,
    /// Writes after which the process dies.
    dies_after: Option<usize>,
    /// Every prefix that the proxy's list ever held.
    listed: BTreeSet<String>,
    broken: Vec<String>,
    used: BTreeSet<Right>,
}

impl Gate {
    pub fn new(admin: Client, network: &str) -> Self {
        Self { admin, network: network.to_owned(), state: Arc::default() }
    }

    /// Requests so far, watches aside.
    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// Writes since the last [`Self::forget`].
    pub fn writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().writes = 0;
    }

    /// The process dies once so many writes have left it: it does not hear what came of the last one.
    pub fn die_after(&self, writes: usize) {
        let mut state = self.state.lock().unwrap();
        state.writes = 0;
        state.dies_after = Some(writes);
    }

    /// Another process takes over.
    pub fn revive(&self) {
        self.state.lock().unwrap().dies_after = None;
    }

    /// From here on, or no longer, what was narrowed is taken back.
    pub fn rolling_back(&self, now: bool) {
        self.state.lock().unwrap().rolling_back = now;
    }

    /// The rights that all requests so far needed, watches and lists included.
    #[allow(dead_code, reason = "the tests of owned objects need it not")]
    pub fn used(&self) -> BTreeSet<Right> {
        self.state.lock().unwrap().used.clone()
    }

    pub fn broken(&self) -> Vec<String> {
        self.state.lock().unwrap().broken.clone()
    }

    fn see(&self, parts: &http::request::Parts, body: &[u8]) -> Fate {
        let query = parts.uri.query().unwrap_or_default();
        let mut state = self.state.lock().unwrap();
        state.used.extend(right(&parts.method, parts.uri.path(), query));
        // Watches and lists are those of the stores, which outlive the process.
        if query.contains("watch=true") {
            return Fate::Lives;
        }
        state.requests += 1;
        if parts.method == Method::GET {
            let dead = state.dies_after.is_some_and(|most| state.writes >= most && most > 0);
            return if dead && !query.contains("limit=") { Fate::Dead } else { Fate::Lives };
        }
        if state.dies_after.is_some_and(|most| state.writes >= most) {
            return Fate::Dead;
        }
        state.writes += 1;
        let fate = if state.dies_after == Some(state.writes) { Fate::Deaf } else { Fate::Lives };
        let kind = parts.headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let Some(sent) = Sent::of(parts.method.as_str(), parts.uri.path(), query, kind, body) else {
            state.broken.push(format!("{} {} is no write that anybody knows", parts.method, parts.uri));
            return fate;
        };
        let (mut world, prior) = self.world(&sent, parts.uri.path(), state.rolling_back);
        for inline in world.networks.iter_mut().filter_map(|n| n.spec.source.inline.as_mut()) {
            state.listed.extend(inline.cidrs.iter().cloned());
            // Taking back a narrowing restores what was listed before it.
            if state.rolling_back {
                inline.cidrs = state.listed.iter().cloned().collect();
            }
        }
        let found = violations(&sent, prior.as_ref(), &world);
        state.broken.extend(found.iter().map(|violation| format!("{violation}\n{}", sent.object)));
        fate
    }

    fn world(&self, sent: &Sent, path: &str, rolling_back: bool) -> (World, Option<Value>) {
        let namespace = sent.namespace.as_deref().unwrap_or_default();
        let origins: Vec<ProtectedOrigin> = self.list("/apis/leeward.dev/v1alpha1/protectedorigins");
        let world = World {
            objects: self.objects(&origins, namespace),
            origins,
            networks: vec![self.network()],
            policies: self.list(&format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies")),
            pods: self.list(&format!("/api/v1/namespaces/{namespace}/pods")),
            namespaces: self.list("/api/v1/namespaces"),
            canaries: Vec::new(),
            rolling_back,
        };
        (world, read(&self.admin, path))
    }

    /// What the targets of the namespace name.
    fn objects(&self, origins: &[ProtectedOrigin], namespace: &str) -> Vec<Value> {
        let here = origins.iter().filter(|origin| origin.metadata.namespace.as_deref() == Some(namespace));
        let targets = here.flat_map(|origin| &origin.spec.allowlist.targets);
        let fields = targets.filter_map(|target| Field::of(target).unwrap());
        fields.filter_map(|field| read(&self.admin, &path_of(&field.object, namespace))).collect()
    }

    fn network(&self) -> ProxyNetwork {
        let path = format!("/apis/leeward.dev/v1alpha1/proxynetworks/{}", self.network);
        serde_json::from_value(read(&self.admin, &path).unwrap()).unwrap()
    }

    fn list<K: DeserializeOwned>(&self, path: &str) -> Vec<K> {
        serde_json::from_value(read(&self.admin, path).unwrap()["items"].take()).unwrap()
    }
}

/// Where an object lies that a target of an origin of this namespace names.
pub fn path_of(object: &ObjectRef, origin_namespace: &str) -> String {
    let group = match object.api.group.as_str() {
        "" => format!("/api/{}", object.api.version),
        group => format!("/apis/{group}/{}", object.api.version),
    };
    let namespace = object.namespace(origin_namespace).map_or_else(String::new, |n| format!("/namespaces/{n}"));
    format!("{group}{namespace}/{}/{}", object.api.plural, object.name)
}

/// What a request needs; nothing where it is not about a resource.
fn right(method: &Method, path: &str, query: &str) -> Option<Right> {
    let (group, rest) = if let Some(rest) = path.strip_prefix("/api/v1/") {
        ("", rest)
    } else {
        let (group, rest) = path.strip_prefix("/apis/")?.split_once('/')?;
        (group, rest.split_once('/')?.1)
    };
    let parts: Vec<&str> = rest.split('/').collect();
    // A Namespace itself is a resource too, with its name and nothing behind it.
    let parts = if parts.first() == Some(&"namespaces") && parts.len() > 2 { &parts[2..] } else { &parts[..] };
    let (resource, name) = match *parts {
        [plural] => (plural.to_owned(), false),
        [plural, _] => (plural.to_owned(), true),
        [plural, _, sub] => (format!("{plural}/{sub}"), true),
        _ => return None,
    };
    let verb = match method.as_str() {
        "GET" if query.contains("watch=true") => "watch",
        "GET" if name => "get",
        "GET" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        other => panic!("{other} {path} is no request that anybody knows"),
    };
    Some(Right { verb: verb.to_owned(), group: group.to_owned(), resource })
}

/// What becomes of a request and of who sent it.
enum Fate {
    Lives,
    /// It arrives, and nobody hears the answer.
    Deaf,
    /// It never leaves.
    Dead,
}

/// What lies at a path of the API server, if anything does.
pub fn read(client: &Client, path: &str) -> Option<Value> {
    let request = Request::get(path).body(Vec::new()).unwrap();
    match waited(client.request::<Value>(request)) {
        Ok(value) => Some(value),
        // A kind that does not exist is answered with a page for people.
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(error) => panic!("{path}: {error}"),
    }
}

/// Waits for a future where nobody can await.
pub fn waited<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { inner, gate: self.clone() }
    }
}

pub struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S, B> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        // Bodies of requests lie in memory, so this does not wait.
        let bytes = body.collect_bytes().now_or_never().unwrap().unwrap();
        let fate = self.gate.see(&parts, &bytes);
        if matches!(fate, Fate::Dead) {
            return Box::pin(async { Err("the process is dead".into()) });
        }
        let patched = (parts.method == Method::PATCH).then(|| right(&parts.method, parts.uri.path(), "")).flatten();
        let gate = self.gate.clone();
        let answer = self.inner.call(Request::from_parts(parts, Body::from(bytes)));
        Box::pin(async move {
            let answer = answer.await.map_err(Into::into);
            // An apply that made the object needed the right to create it as well.
            if let (Some(right), Ok(answer)) = (patched, &answer)
                && answer.status() == StatusCode::CREATED
            {
                gate.state.lock().unwrap().used.insert(Right { verb: "create".to_owned(), ..right });
            }
            if matches!(fate, Fate::Deaf) { Err("the process died".into()) } else { answer }
        })
    }
}
