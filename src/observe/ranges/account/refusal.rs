//! Why a vendor refuses, in our own words. Of the vendor's only a code of harmless shape is repeated.

use std::fmt;

use crate::api::conditions::Reason;

use super::Keys;

/// A vendor's own error code, such as `AuthFailure.SignatureFailure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// Takes a code that is one: words of letters and digits, joined by dots, and nothing of the key.
    pub fn of(text: &str, keys: &Keys) -> Option<Self> {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let fits = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.split(['.', '-', '_']).all(word);
        (fits && !keys.show_in(text)).then(|| Self(text.to_owned()))
    }
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The key is wrong, disabled or gone.
    Key,
    /// The key is right and may not do this.
    Right,
    /// The moment of the request is too far from the vendor's.
    Clock,
    /// Too many requests.
    Throttled,
    /// There is no such instance, site, zone, map or project for this key.
    Resource,
    /// The feature that keeps the list is switched off.
    Disabled,
    /// Anything else.
    Other,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Why,
    /// The vendor's code.
    pub code: Option<Code>,
    /// The status of the answer, where it is not 200.
    pub status: Option<u16>,
}

impl Refusal {
    /// One without a code.
    pub const fn of(why: Why) -> Self {
        Self { why, code: None, status: None }
    }

    /// What the status alone says.
    pub const fn by_status(status: u16) -> Why {
        match status {
            401 => Why::Key,
            403 => Why::Right,
            404 => Why::Resource,
            429 => Why::Throttled,
            _ => Why::Other,
        }
    }

    /// Reason of the condition Fetched.
    pub const fn reason(&self) -> Reason {
        match self.why {
            Why::Key | Why::Right => Reason::Forbidden,
            Why::Clock | Why::Throttled | Why::Resource | Why::Disabled | Why::Other => Reason::Unreachable,
        }
    }

    /// The sentence, about a product, the Secret with the key, and the right that is needed.
    pub fn sentence(&self, product: &impl fmt::Display, secret: &str, right: &str) -> String {
        let what = match self.why {
            Why::Key => format!(
                "{product} refuses the key in Secret {secret}: it is wrong, expired, disabled or gone; put a new one there"
            ),
            Why::Right => {
                format!("{product} does not let the key in Secret {secret} do this: give it the right {right}")
            }
            Why::Clock => {
                format!("{product} says that the request is too old or too new: set the clock of the operator's node")
            }
            Why::Throttled => format!("{product} answers that there were too many requests; it is asked again"),
            Why::Resource => format!(
                "{product} knows nothing of that name for the key in Secret {secret}: correct source.account.resourceID or region"
            ),
            Why::Disabled => format!(
                "origin protection is off for this resource of {product}, so there is no list to keep to: switch it on there"
            ),
            Why::Other => format!("{product} answers with an error of its own"),
        };
        match (&self.code, self.status) {
            (Some(Code(code)), _) => format!("{what} ({code})"),
            (None, Some(status)) => format!("{what} (status {status})"),
            (None, None) => what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::proxy_network::Product;
    use secrecy::SecretString;

    #[test]
    fn a_refusal_says_what_to_do() {
        for (why, said) in [
            (
                Why::Key,
                "HuaweiAAD refuses the key in Secret key: it is wrong, expired, disabled or gone; put a new one there",
            ),
            (Why::Right, "HuaweiAAD does not let the key in Secret key do this: give it the right waf:get"),
            (Why::Clock, "HuaweiAAD says that the request is too old or too new: set the clock of the operator's node"),
            (Why::Throttled, "HuaweiAAD answers that there were too many requests; it is asked again"),
            (
                Why::Resource,
                "HuaweiAAD knows nothing of that name for the key in Secret key: correct source.account.resourceID or region",
            ),
            (
                Why::Disabled,
                "origin protection is off for this resource of HuaweiAAD, so there is no list to keep to: switch it on there",
            ),
            (Why::Other, "HuaweiAAD answers with an error of its own"),
        ] {
            let refusal = Refusal { why, code: None, status: Some(400) };
            assert_eq!(refusal.sentence(&Product::HuaweiAAD, "key", "waf:get"), format!("{said} (status 400)"));
        }
    }

    #[test]
    fn only_a_code_of_harmless_shape_is_repeated() {
        let keys = Keys::of(Product::HuaweiAAD, |_| Some(SecretString::from("canarytoken0123"))).unwrap();
        for code in ["AuthFailure.SignatureFailure", "Throttling.User", "WAF.00011001", "InvalidTimeStamp.Expired"] {
            assert_eq!(Code::of(code, &keys), Some(Code(code.to_owned())));
        }
        let long = "A".repeat(65);
        for text in [
            "",
            "Two words",
            "<b>",
            "a..b",
            ".a",
            "1.2.3.4",
            "x\n",
            "canarytoken0123",
            "canarytoken",
            "K.canarytoken0123",
            &long,
        ] {
            assert_eq!(Code::of(text, &keys), None, "{text}");
        }
    }
}
