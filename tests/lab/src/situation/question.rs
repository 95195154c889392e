//! From a situation to a command line: the `ProtectedOrigin` that describes it, and the arguments.

use std::ffi::OsString;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::file::{Access, Ask, Control, Situation};
use super::stage::{MARKER, SITE, Stage};
use crate::servers::Kind;

/// The arguments of one `leeward diagnose`; the files they name are written.
#[derive(Debug)]
pub struct Question {
    pub arguments: Vec<OsString>,
}

impl Question {
    pub fn write(situation: &Situation, stage: &Stage) -> Result<Self> {
        let folder = stage.vantage.folder()?;
        let mut arguments: Vec<OsString> = ["diagnose", "-o", "json"].map(Into::into).to_vec();
        let mut add = |words: &[&dyn AsRef<std::ffi::OsStr>]| {
            arguments.extend(words.iter().map(|word| word.as_ref().to_owned()));
        };

        if situation.vantage.ask == Ask::Flags {
            add(&[&"--via", &url(situation)]);
            for origin in &stage.origins {
                add(&[&"--origin", &origin.to_string()]);
            }
            add(&[&"--access", &access(situation.vantage.access)]);
            if situation.origins.first().is_some_and(|origin| origin.marker) {
                add(&[&"--marker", &format!("{}={}", MARKER.0, MARKER.1)]);
            }
        } else {
            let path = folder.join("origin.yaml");
            let mut documents = vec![protected_origin(situation, stage)];
            if let Some(spec) = &situation.network {
                documents.push(json!({
                    "apiVersion": "leeward.dev/v1alpha1", "kind": "ProxyNetwork",
                    "metadata": {"name": "proxy"}, "spec": spec,
                }));
            }
            std::fs::write(&path, as_documents(&documents)?)?;
            add(&[&"-f", &path]);
            if let Some(metrics) = &situation.metrics {
                let path = folder.join("profiles.yaml");
                let profiles = json!({"profiles": {"default": metrics.profile}});
                std::fs::write(&path, serde_json::to_string_pretty(&profiles)?)?;
                add(&[&"--prometheus-url", &format!("http://{}", stage.metrics), &"--traffic-profiles", &path]);
            }
            if !situation.objects.is_empty() {
                let path = folder.join("objects.yaml");
                std::fs::write(&path, as_documents(&situation.objects)?)?;
                add(&[&"-f", &path]);
            }
        }

        if situation.vantage.ask == Ask::Offline {
            add(&[&"--offline"]);
        } else {
            add(&[&"--resolver", &stage.name_server.address().to_string()]);
            add(&[&"--ca-file", &stage.authority.file()]);
            if situation.control != Control::None {
                add(&[&"--control", &format!("http://{}/", stage.control.ip())]);
            }
        }
        if !situation.merge.is_empty() {
            let path = folder.join("record.json");
            let record = json!({"apiVersion": "leeward.dev/v1alpha1", "kind": "Evidence", "facts": situation.merge});
            std::fs::write(&path, serde_json::to_string_pretty(&record)?)?;
            arguments.extend(["--merge".into(), path.into()]);
        }
        arguments.extend(situation.arguments.iter().map(Into::into));
        Ok(Self { arguments })
    }
}

fn url(situation: &Situation) -> String {
    let scheme = if situation.site.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{SITE}{}", situation.site.path)
}

fn protected_origin(situation: &Situation, stage: &Stage) -> Value {
    let mut proxy = json!({"url": url(situation)});
    let mut origin = json!({"vantages": [{"name": "local", "access": access(situation.vantage.access)}]});
    if let Some(description) = &situation.proxy {
        proxy["provider"] = json!(match description.kind {
            Kind::Nginx => "Nginx",
            Kind::Haproxy => "HAProxy",
            Kind::Envoy => "Envoy",
        });
        proxy["connectTimeoutSeconds"] = json!(description.connect_timeout_seconds);
        proxy["readTimeoutSeconds"] = json!(description.read_timeout_seconds);
        if description.verify {
            proxy["verifiesOriginCertificate"] = json!("Always");
        }
    }
    if let (Some(first), Some(address)) = (situation.origins.first(), stage.origins.first()) {
        let ips: Vec<String> = stage.origins.iter().map(|origin| origin.ip().to_string()).collect();
        origin["type"] = json!("Addresses");
        origin["addresses"] = json!({"ips": ips, "port": address.port()});
        origin["scheme"] = json!(if first.tls.is_some() { "HTTPS" } else { "HTTP" });
        if first.marker {
            origin["marker"] = json!({"header": MARKER.0, "value": MARKER.1});
        }
    }
    let mut spec = json!({"proxy": proxy, "origin": origin});
    if situation.network.is_some() {
        spec["proxy"]["networkRef"] = json!({"name": "proxy"});
    }
    if situation.metrics.is_some() {
        spec["traffic"] = json!({"profile": "default"});
    }
    merge(&mut spec, &situation.spec);
    json!({
        "apiVersion": "leeward.dev/v1alpha1", "kind": "ProtectedOrigin",
        "metadata": {"name": "shop", "namespace": "shop"}, "spec": spec,
    })
}

/// JSON is YAML; one document a line.
fn as_documents(documents: &[Value]) -> Result<String> {
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        text.push_str(&serde_json::to_string_pretty(document)?);
        text.push('\n');
    }
    Ok(text)
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Listed => "Listed",
        Access::Unlisted => "Unlisted",
        Access::Unknown => "Unknown",
    }
}

/// A merge patch (RFC 7396): maps are merged, null removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        if !patch.is_null() {
            *target = patch.clone();
        }
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_merges_maps_replaces_lists_and_removes_by_null() {
        let mut target = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        merge(&mut target, &json!({"a": {"c": [3], "e": {"f": null, "g": 1}}, "d": null}));
        assert_eq!(target, json!({"a": {"b": 1, "c": [3], "e": {"g": 1}}}));
    }
}
