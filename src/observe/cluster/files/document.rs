//! One YAML document, and what can be wrong with it.

use super::super::Kind;
use crate::api;
use crate::api::shape::{self, Shapes};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Spanned;
use std::fmt;
use strum::IntoEnumIterator as _;

/// Largest file that is read, in bytes.
pub const MOST_BYTES: usize = 8 << 20;

/// What aliases may make of a file, as a multiple of its size.
const EXPANSION: usize = 10;

/// A file's text with the name that errors give it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Path, or `standard input`.
    pub name: &'a str,
    pub text: &'a str,
}

/// Where a document begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text's name.
    pub file: String,
    /// Counted from 1.
    pub line: Option<u64>,
}

/// What is wrong with a file: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// File, document and object, as far as known.
    place: Option<String>,
    problem: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl FileError {
    pub(super) fn nowhere(problem: &str) -> Self {
        Self { place: None, problem: problem.to_owned() }
    }

    fn of(file: &str, problem: String) -> Self {
        Self { place: Some(file.to_owned()), problem }
    }
}

/// A document that has a kind.
#[derive(Debug)]
pub(super) struct Document {
    begins: Place,
    /// Counted from 1, as `---` separates them.
    number: usize,
    pub api_version: String,
    pub kind: String,
    name: Option<String>,
    value: Value,
}

/// Splits a text into its documents; empty ones are skipped, lists are unpacked.
pub(super) fn split(text: Text<'_>) -> Result<Vec<Document>, FileError> {
    if text.text.len() > MOST_BYTES {
        return Err(FileError::of(text.name, format!("is larger than {} MiB", MOST_BYTES >> 20)));
    }
    let values: Vec<Spanned<Value>> = serde_saphyr::from_multiple_with_options(text.text, options(text.text.len()))
        .map_err(|e| FileError::of(text.name, format!("is not YAML that can be read: {}", e.without_snippet())))?;
    let mut documents = Vec::with_capacity(values.len());
    for (i, value) in values.into_iter().enumerate() {
        let line = value.referenced.line();
        let begins = Place { file: text.name.to_owned(), line: (line > 0).then_some(line) };
        let document = Document::new(begins, i + 1, value.value)?;
        if document.kind == "List" {
            documents.extend(document.unpacked()?);
        } else {
            documents.push(document);
        }
    }
    Ok(documents)
}

/// Limits for a text of so many bytes. Each event of a parser takes at least one byte of the text, unless an alias
/// makes it.
fn options(bytes: usize) -> serde_saphyr::Options {
    let floor = 64 << 10;
    let most = bytes.saturating_mul(EXPANSION).max(floor);
    serde_saphyr::options! {
        // `no` and `on` are words, as in YAML 1.2.
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_events: most,
            max_nodes: most,
            max_documents: bytes.max(1),
            max_total_scalar_bytes: most,
            max_depth: 128,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: bytes.max(floor),
            max_replay_stack_depth: 16,
        },
    }
}

/// Groups with a dot of which kinds are read.
const READ: [&str; 4] = [api::GROUP, "networking.k8s.io", "discovery.k8s.io", "events.k8s.io"];
/// One that has many more kinds than those.
const GATEWAY_API: &str = "gateway.networking.k8s.io";

impl Document {
    fn new(begins: Place, number: usize, value: Value) -> Result<Self, FileError> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let problem = |what: &str| FileError::of(&format!("{}, document {number}", begins.file), what.to_owned());
        if !value.is_object() {
            return Err(problem("must be a mapping with apiVersion and kind"));
        }
        let api_version = text("/apiVersion").ok_or_else(|| problem("apiVersion must be set"))?;
        let kind = text("/kind").ok_or_else(|| problem("kind must be set"))?;
        let name = text("/metadata/name").map(|name| match text("/metadata/namespace") {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name,
        });
        Ok(Self { begins, number, api_version, kind, name, value })
    }

    /// The items of a `List`, each a document of its own with the list's number.
    fn unpacked(mut self) -> Result<Vec<Self>, FileError> {
        let Some(Value::Array(items)) = self.value.get_mut("items").map(Value::take) else {
            return Err(self.error("items must be a list".to_owned()));
        };
        items
            .into_iter()
            .map(|item| {
                let item = Self::new(self.begins.clone(), self.number, item)?;
                if item.kind == "List" { Err(item.error("may not stand in another List".to_owned())) } else { Ok(item) }
            })
            .collect()
    }

    /// The document as it stands there.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Whether it is of a project, or of an extension of Kubernetes, of which nothing but metadata is read. In groups of
    /// which kinds are read here, another kind is taken for a slip of the pen.
    pub fn is_foreign(&self) -> bool {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        match group {
            GATEWAY_API => !matches!(self.kind.parse(), Ok(Kind::HTTPRoute | Kind::Gateway)),
            _ => group.contains('.') && !READ.contains(&group),
        }
    }

    /// An object of which only metadata is known.
    pub fn untyped(&self) -> Result<DynamicObject, FileError> {
        let object: DynamicObject =
            serde_json::from_value(self.value.clone()).map_err(|e| self.error(e.to_string()))?;
        if object.metadata.name.as_deref().unwrap_or_default().is_empty() {
            return Err(self.error("metadata.name must be set".to_owned()));
        }
        Ok(object)
    }

    /// The kind, if it is one of those that are read, in a version that is known.
    pub fn kind(&self) -> Result<Kind, FileError> {
        let kind: Kind = self.kind.parse().map_err(|_| {
            let kinds: Vec<&str> = Kind::iter().map(<&str>::from).collect();
            let hint = shape::hint(&self.kind, &kinds);
            self.error(format!("kind {} is none of {}{hint}", self.kind, kinds.join(", ")))
        })?;
        let versions = versions(kind);
        if versions.contains(&self.api_version.as_str()) {
            return Ok(kind);
        }
        Err(self.error(format!("apiVersion {} is not read here; write {}", self.api_version, versions.join(" or "))))
    }

    /// The document as its type, after its shape was checked.
    pub fn typed<K: DeserializeOwned + JsonSchema>(&self, shapes: &mut Shapes) -> Result<K, FileError> {
        let mut body = self.value.clone();
        if let Some(fields) = body.as_object_mut() {
            // Every kind has these, and a full metadata; not every generated schema says so.
            fields.remove("apiVersion");
            fields.remove("kind");
            if let Some(metadata) = fields.remove("metadata") {
                let shape = shapes.of::<ObjectMeta>();
                shape.check(&metadata, "metadata").map_err(|e| self.error(e.to_string()))?;
            }
        }
        shapes.of::<K>().check(&body, "").map_err(|e| self.error(e.to_string()))?;
        serde_json::from_value(self.value.clone()).map_err(|e| self.error(e.to_string()))
    }

    /// The document as a type that knows only a part of its kind.
    pub fn loosely<K: DeserializeOwned>(&self) -> Result<K, FileError> {
        serde_json::from_value(self.value.clone()).map_err(|e| self.error(e.to_string()))
    }

    /// `FILE, document N (KIND NAME)`.
    pub fn place(&self) -> String {
        let name = self.name.as_ref().map_or_else(String::new, |n| format!(" {n}"));
        format!("{}, document {} ({}{name})", self.begins.file, self.number, self.kind)
    }

    /// Where it begins; an item of a `List` has the list's place.
    pub fn begins(&self) -> &Place {
        &self.begins
    }

    pub fn error(&self, problem: String) -> FileError {
        FileError { place: Some(self.place()), problem }
    }
}

/// Versions of a kind that are read.
const fn versions(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::ProtectedOrigin | Kind::ProxyNetwork => &[api::API_VERSION],
        Kind::NetworkPolicy | Kind::Ingress | Kind::IngressClass => &["networking.k8s.io/v1"],
        Kind::EndpointSlice => &["discovery.k8s.io/v1"],
        Kind::HTTPRoute | Kind::Gateway => &["gateway.networking.k8s.io/v1"],
        Kind::Namespace | Kind::Service | Kind::Pod | Kind::Node | Kind::ConfigMap => &["v1"],
        Kind::Event => &["v1", "events.k8s.io/v1"],
        Kind::Foreign => &[],
    }
}
