//! A layer in front of the API server through which every request of a test goes. Each write is held against what
//! Leeward may write at all; the first one that breaks a rule is remembered and fails the test.

use futures::FutureExt as _;
use http::{Method, Request};
use kube::client::Body;
use leeward::allow::render::network_policy;
use leeward::api::names::{INGRESS_NGINX_ALLOWLIST, OBJECT_MANAGER, ORIGIN_ANNOTATION};
use leeward::net::admission::admit_prefix;
use leeward::net::{Prefix, Provenance, RangeSet};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tower::{Layer, Service};

#[derive(Clone, Default)]
pub struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    requests: usize,
    writes: usize,
    /// Every prefix that the test ever asked for.
    admitted: RangeSet,
    broken: Vec<String>,
}

impl Gate {
    pub fn admit(&self, prefixes: &[&str]) {
        let set: RangeSet = prefixes.iter().map(|p| Prefix::parse(p).unwrap()).collect();
        let mut state = self.state.lock().unwrap();
        state.admitted = state.admitted.union(&set);
    }

    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    pub fn writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().writes = 0;
    }

    pub fn broken(&self) -> Vec<String> {
        self.state.lock().unwrap().broken.clone()
    }

    fn see(&self, method: &Method, uri: &http::Uri, body: &[u8]) {
        let mut state = self.state.lock().unwrap();
        if uri.query().is_some_and(|q| q.contains("watch=true")) {
            return;
        }
        state.requests += 1;
        if *method == Method::GET {
            return;
        }
        state.writes += 1;
        if let Err(rule) = judge(method, uri, body, &state.admitted) {
            state.broken.push(format!("{rule}: {method} {uri}\n{}", String::from_utf8_lossy(body)));
        }
    }
}

/// The rules S1, S2, S5 and S7 of the design, and what the contract says of managers, force and fields.
fn judge(method: &Method, uri: &http::Uri, body: &[u8], admitted: &RangeSet) -> Result<(), &'static str> {
    let rule = |held: bool, text| if held { Ok(()) } else { Err(text) };
    let query: BTreeSet<&str> = uri.query().unwrap_or_default().split('&').collect();
    let forced = query.contains("force=true");
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let keys = |v: &Value| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    if uri.path().contains("/networkpolicies/") {
        if *method == Method::DELETE {
            return rule(value["preconditions"]["uid"].is_string(), "a deletion names the uid");
        }
        rule(*method == Method::PATCH, "policies are applied")?;
        rule(
            query.contains(format!("fieldManager={OBJECT_MANAGER}").as_str()),
            "the manager of owned objects is leeward",
        )?;
        rule(!forced || value["metadata"]["uid"].is_string(), "force needs the uid of an object whose mark was read")?;
        rule(value["metadata"]["annotations"][ORIGIN_ANNOTATION].is_string(), "owned objects carry the mark")?;
        let policy = serde_json::from_value(value).map_err(|_| "a policy is a policy")?;
        let content = network_policy::content(&policy).ok_or("S1: neither from nor ports is ever empty or absent")?;
        let floor = content.ranges.prefixes().into_iter().all(|p| admit_prefix(p, Provenance::Local).is_ok());
        return rule(floor && admitted.covers_all(&content.ranges), "S2: only admitted prefixes are written");
    }
    if uri.path().contains("/ingresses/") {
        rule(*method == Method::PATCH && !forced, "fields of others are applied without force")?;
        rule(query.contains("fieldManager=leeward-shop"), "the manager of foreign fields names the origin")?;
        rule(keys(&value) == ["apiVersion", "kind", "metadata"], "nothing but metadata is applied to an Ingress")?;
        rule(value["metadata"]["uid"].is_string(), "an Ingress is named by uid")?;
        let fields = keys(&value["metadata"]);
        rule(
            fields.iter().all(|f| ["annotations", "name", "namespace", "uid"].contains(&f.as_str())),
            "one field only",
        )?;
        if let Some(annotations) = value["metadata"].get("annotations") {
            rule(keys(annotations) == [INGRESS_NGINX_ALLOWLIST], "one annotation only")?;
            let text = annotations[INGRESS_NGINX_ALLOWLIST].as_str().unwrap_or_default();
            let set: Option<RangeSet> = text.split(',').map(|e| Prefix::parse_strict(e).ok()).collect();
            rule(
                set.is_some_and(|s| !s.is_empty() && admitted.covers_all(&s)),
                "S2: only admitted prefixes are written",
            )?;
        }
        return Ok(());
    }
    Err("nothing else is written")
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

impl<S: Service<Request<Body>>> Service<Request<Body>> for Gated<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        // Bodies of requests lie in memory, so this does not wait.
        let bytes = body.collect_bytes().now_or_never().unwrap().unwrap();
        self.gate.see(&parts.method, &parts.uri, &bytes);
        self.inner.call(Request::from_parts(parts, Body::from(bytes)))
    }
}
