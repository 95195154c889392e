//! Keys of accounts outside a cluster: a Secret that stands in the same file as the ProxyNetwork, else the environment.

use crate::observe::ranges::account::{KeyProblem, Keys, Lacking};
use crate::observe::ranges::{Account, FeedError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Secrets of a file, by name. Debug shows the names alone.
#[derive(Clone, Default)]
pub struct FileSecrets(BTreeMap<String, BTreeMap<String, SecretString>>);

impl fmt::Debug for FileSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FileSecrets {
    /// Takes a Secret in, with `data` in base64 and `stringData` as it is. False: it is something else.
    pub fn take(&mut self, document: &Value) -> bool {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
        if text("/kind") != Some("Secret") || text("/apiVersion") != Some("v1") {
            return false;
        }
        let entries = |member: &str| document.get(member).and_then(Value::as_object).into_iter().flatten();
        let decoded = entries("data").filter_map(|(name, value)| {
            let bytes = STANDARD.decode(value.as_str()?.trim()).ok()?;
            Some((name.clone(), SecretString::from(String::from_utf8(bytes).ok()?)))
        });
        let plain = entries("stringData").filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into())));
        let values = decoded.chain(plain).collect();
        self.0.insert(text("/metadata/name").unwrap_or_default().to_owned(), values);
        true
    }

    /// The key of an account.
    pub fn keys(&self, account: &Account) -> Result<Keys, FeedError> {
        let (secret, place) = (self.0.get(&account.secret), "in the file");
        if let Some(secret) = secret {
            let value = |name: &str| secret.get(name).map(|value| SecretString::from(value.expose_secret()));
            return Keys::of(account.product, value)
                .map_err(|problem| account.without_key(place, Lacking::Part(problem)));
        }
        let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(SecretString::from);
        Keys::of(account.product, value).map_err(|problem| match problem {
            KeyProblem::Missing(_) => {
                account.without_key("in the file, and the environment does not hold its parts", Lacking::Secret)
            }
            KeyProblem::Unusable(_) => account.without_key("as the environment holds it", Lacking::Part(problem)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn account() -> Account {
        let source = json!({"product": "AlibabaAntiDDoS", "region": "Mainland", "secretRef": {"name": "alibaba"}});
        Account::new(&serde_json::from_value(source).unwrap()).unwrap()
    }

    #[test]
    fn a_secret_of_the_file_is_taken_in_both_of_its_forms_and_not_shown() {
        let mut secrets = FileSecrets::default();
        assert!(!secrets.take(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "alibaba"}})));
        assert!(secrets.take(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "alibaba"},
            "data": {"ALIBABA_CLOUD_ACCESS_KEY_ID": "TFRBSWNhbmFyeQ=="},
            "stringData": {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "canary"},
        })));
        assert!(secrets.keys(&account()).is_ok());
        assert!(!format!("{secrets:?}").contains("canary"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut secrets = FileSecrets::default();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "alibaba"}, "stringData": {"ALIBABA_CLOUD_ACCESS_KEY_ID": "x"}});
        assert!(secrets.take(&secret));
        let said = secrets.keys(&account()).unwrap_err().to_string();
        assert!(
            said.contains("Secret alibaba in the file is incomplete: ALIBABA_CLOUD_ACCESS_KEY_SECRET is not set"),
            "{said}"
        );
    }
}
