//! Keys of accounts: one Secret by its name, out of this installation's own namespace, read anew for each fetch.

use crate::observe::ranges::account::{Keys, Lacking};
use crate::observe::ranges::{Account, FeedError};
use crate::operate::client::CALL;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use kube::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;

/// Where the Secrets are.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    namespace: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Secrets {
    pub fn new(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned() }
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The key of an account.
    pub async fn keys(&self, account: &Account) -> Result<Keys, FeedError> {
        let place = format!("in namespace {}", self.namespace);
        let text = self.text(&account.secret).await.map_err(|lacking| account.without_key(&place, lacking))?;
        // Nothing of it is kept but the values that are wanted, and those cannot be shown.
        let secret: Value =
            serde_json::from_str(text.expose_secret()).map_err(|_| account.without_key(&place, Lacking::Answer))?;
        let value = |name: &str| {
            let bytes = STANDARD.decode(secret.pointer("/data")?.get(name)?.as_str()?).ok()?;
            String::from_utf8(bytes).ok().map(SecretString::from)
        };
        Keys::of(account.product, value).map_err(|problem| account.without_key(&place, Lacking::Part(problem)))
    }

    /// The Secret as JSON. It is asked for as text: the typed way would log an answer that it cannot read.
    async fn text(&self, name: &str) -> Result<SecretString, Lacking> {
        let path = format!("/api/v1/namespaces/{}/secrets/{name}", self.namespace);
        let request = Request::get(path).body(Vec::new()).map_err(|_| Lacking::Answer)?;
        match timeout(CALL, self.client.request_text(request)).await {
            Ok(Ok(text)) => Ok(SecretString::from(text)),
            Ok(Err(kube::Error::Api(said))) if said.is_forbidden() => Err(Lacking::Right),
            Ok(Err(kube::Error::Api(said))) if said.is_not_found() => Err(Lacking::Secret),
            Ok(Err(_)) | Err(_) => Err(Lacking::Answer),
        }
    }
}
