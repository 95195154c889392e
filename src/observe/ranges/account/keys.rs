//! Keys of accounts: values that no text can show.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::api::conditions::Reason;
use crate::api::proxy_network::Product;
use crate::observe::ranges::parse::FeedError;

use super::Account;

/// The values of one key, by name. Debug shows the names alone; the values are wiped when it is dropped.
#[derive(Clone)]
pub struct Keys(BTreeMap<&'static str, SecretString>);

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is wrong with a key. Names it, never shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// Not there.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// Empty, or no line of visible ASCII.
    #[error("{0} is empty or holds characters that no such key has (it has to be one line, as the provider shows it)")]
    Unusable(&'static str),
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// No such Secret.
    Secret,
    /// Leeward may not get it.
    Right,
    /// The API server gave no answer.
    Answer,
    /// A part of it is missing or unfit.
    Part(KeyProblem),
}

impl Account {
    /// The error for a key that cannot be had. `place` says where it was looked for.
    pub fn without_key(&self, place: &str, lacking: Lacking) -> FeedError {
        let (secret, wanted) = (&self.secret, Keys::wanted(self.product).join(", "));
        let sentence = match lacking {
            Lacking::Secret => {
                format!(
                    "Secret {secret} does not exist {place}: create it with {wanted}, or correct source.account.secretRef"
                )
            }
            Lacking::Right => format!(
                "Leeward may not get Secret {secret} {place}: grant it (accounts.secrets of the chart, or deploy/accounts)"
            ),
            Lacking::Answer => {
                format!("the API server gave no answer about Secret {secret} {place}; it is asked again")
            }
            Lacking::Part(problem) => {
                format!("the key in Secret {secret} {place} is incomplete: {problem}; {} needs {wanted}", self.product)
            }
        };
        let reason = if lacking == Lacking::Answer { Reason::Unreachable } else { Reason::Forbidden };
        FeedError::Refused { reason, sentence }
    }
}

/// Names that have to be there, then those that may: keys of the Secret, and of the environment outside a cluster. They are
/// what the vendors' own programs read.
const fn names(product: Product) -> (&'static [&'static str], &'static [&'static str]) {
    match product {
        Product::AlibabaAntiDDoS | Product::AlibabaWAF | Product::AlibabaESA => {
            (&[ALIBABA_ID, ALIBABA_SECRET], &[ALIBABA_TOKEN])
        }
        Product::TencentEdgeOne => (&[TENCENT_ID, TENCENT_KEY], &[TENCENT_TOKEN]),
        Product::AkamaiSiteShield => (&[AKAMAI_CLIENT, AKAMAI_SECRET, AKAMAI_ACCESS], &[]),
        Product::HuaweiAAD | Product::HuaweiWAF => (&[HUAWEI_TOKEN], &[]),
    }
}

pub(super) const ALIBABA_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
pub(super) const ALIBABA_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
pub(super) const ALIBABA_TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";
pub(super) const TENCENT_ID: &str = "TENCENTCLOUD_SECRET_ID";
pub(super) const TENCENT_KEY: &str = "TENCENTCLOUD_SECRET_KEY";
pub(super) const TENCENT_TOKEN: &str = "TENCENTCLOUD_SESSION_TOKEN";
pub(super) const AKAMAI_CLIENT: &str = "AKAMAI_CLIENT_TOKEN";
pub(super) const AKAMAI_SECRET: &str = "AKAMAI_CLIENT_SECRET";
pub(super) const AKAMAI_ACCESS: &str = "AKAMAI_ACCESS_TOKEN";
pub(super) const HUAWEI_TOKEN: &str = "HW_AUTH_TOKEN";

impl Keys {
    /// Names that a Secret for this product has to hold.
    pub const fn wanted(product: Product) -> &'static [&'static str] {
        names(product).0
    }

    /// Takes what `find` has. Ends of lines around a value are not part of it: `echo` puts one there.
    pub fn of(product: Product, find: impl Fn(&str) -> Option<SecretString>) -> Result<Self, KeyProblem> {
        let (wanted, optional) = names(product);
        let mut keys = BTreeMap::new();
        for name in wanted.iter().chain(optional) {
            match find(name) {
                Some(value) => {
                    let value = SecretString::from(value.expose_secret().trim());
                    if !is_usable(value.expose_secret()) {
                        return Err(KeyProblem::Unusable(name));
                    }
                    keys.insert(*name, value);
                }
                None if wanted.contains(name) => return Err(KeyProblem::Missing(name)),
                None => {}
            }
        }
        Ok(Self(keys))
    }

    /// The value of a name; empty where it is not there, which [`Keys::of`] has ruled out for the wanted ones.
    pub(super) fn get(&self, name: &str) -> &str {
        self.optional(name).unwrap_or_default()
    }

    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(ExposeSecret::expose_secret)
    }

    /// Whether a text repeats a value, whole or in a good part of it.
    pub(super) fn show_in(&self, text: &str) -> bool {
        self.0.values().any(|value| {
            let value = value.expose_secret();
            text.contains(value) || (text.len() >= 8 && value.contains(text))
        })
    }
}

/// Fit for a header: one word of visible ASCII.
fn is_usable(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Keys, KeyProblem> {
        Keys::of(Product::TencentEdgeOne, |name| {
            pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| SecretString::from(*value))
        })
    }

    #[test]
    fn no_text_shows_a_key() {
        let keys = of(&[(TENCENT_ID, "AKIDexample"), (TENCENT_KEY, "s3cr3t-canary\n")]).unwrap();
        assert_eq!(keys.get(TENCENT_KEY), "s3cr3t-canary");
        let shown = format!("{keys:?} {keys:#?}");
        assert!(shown.contains(TENCENT_KEY) && !shown.contains("canary") && !shown.contains("AKIDexample"), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_named_and_not_shown() {
        assert_eq!(of(&[(TENCENT_ID, "x")]).unwrap_err(), KeyProblem::Missing(TENCENT_KEY));
        for value in ["", "  \n", "two words", "two\nlines", "caf\u{e9}-canary"] {
            let problem = of(&[(TENCENT_ID, "x"), (TENCENT_KEY, value)]).unwrap_err();
            assert_eq!(problem, KeyProblem::Unusable(TENCENT_KEY));
            assert!(!problem.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_key_is_recognised_in_a_text_and_in_a_part_of_it() {
        let keys = of(&[(TENCENT_ID, "AKIDexample0123"), (TENCENT_KEY, "s3cr3t-canary")]).unwrap();
        assert!(keys.show_in("Bad.AKIDexample0123") && keys.show_in("AKIDexample"));
        assert!(!keys.show_in("AuthFailure.SecretIdNotFound"));
    }
}
