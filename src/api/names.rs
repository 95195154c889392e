//! Every label, annotation and field manager that Leeward uses, in one place so that two can never
//! collide. A test holds them unique.

use crate::hex::short_digest;

/// Label on a Namespace that lets Enforce write there; its value must be [`ENFORCE_ALLOWED`].
pub const ENFORCE_LABEL: &str = "leeward.dev/enforce";
/// Value of [`ENFORCE_LABEL`] that grants writes.
pub const ENFORCE_ALLOWED: &str = "allowed";
/// Annotation on a Namespace: hosts that its origins may name (comma list, `*.` prefix).
pub const ALLOWED_HOSTS_ANNOTATION: &str = "leeward.dev/allowed-hosts";
/// Annotation on a ProtectedOrigin: asks for a full round now; echoed in `status.lastHandledRequest`.
pub const REQUESTED_AT_ANNOTATION: &str = "leeward.dev/requested-at";
/// Annotation on objects that Leeward created: `NAMESPACE/NAME` of the ProtectedOrigin.
pub const ORIGIN_ANNOTATION: &str = "leeward.dev/origin";
/// Annotation on objects that Leeward created: hash of the prefixes that were written.
pub const HASH_ANNOTATION: &str = "leeward.dev/allowlist-hash";
/// Standard label; its value on created objects is [`MANAGED_BY`].
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY_LABEL`] on created objects.
pub const MANAGED_BY: &str = "leeward";

/// Field manager of objects that Leeward created.
pub const OBJECT_MANAGER: &str = "leeward";
/// Field manager of the status of both kinds.
pub const STATUS_MANAGER: &str = "leeward-status";

/// Field manager of the finalizer.
pub const FINALIZER_MANAGER: &str = "leeward-finalizer";
/// Finalizer on a ProtectedOrigin whose deletion gives up fields of objects that it does not own.
pub const RELEASE_FINALIZER: &str = "leeward.dev/release";

/// Annotation that ingress-nginx reads as the allowlist of an Ingress.
pub const INGRESS_NGINX_ALLOWLIST: &str = "nginx.ingress.kubernetes.io/whitelist-source-range";

/// Longest name of an object that Leeward creates (a DNS label).
const MAX_NAME: usize = 63;

/// Whether this is a DNS label (RFC 1123): 1 to 63 lower-case letters, digits and inner dashes.
pub fn is_dns_label(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

/// Field manager for fields of objects that somebody else created: one per ProtectedOrigin, so that
/// two of them on one object show up as a conflict.
pub fn foreign_manager(origin: &str) -> String {
    shortened(&format!("leeward-{origin}"), 128)
}

/// Name of an object that Leeward creates for a target. That of the first target of its kind of origin `shop` is
/// `leeward-shop`, further ones are `leeward-shop-TARGET`.
pub fn owned_name(origin: &str, target: &str, first: bool) -> String {
    if first {
        shortened(&format!("leeward-{origin}"), MAX_NAME)
    } else {
        shortened(&format!("leeward-{origin}-{target}"), MAX_NAME)
    }
}

/// Cuts `name` to `max` characters and keeps it unique with a hash of the whole.
fn shortened(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let hash = short_digest(name.as_bytes(), 5);
    let keep = max - hash.len() - 1;
    let head: String = name.chars().take(keep).collect();
    format!("{}-{hash}", head.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_is_used_twice() {
        let keys = [
            ENFORCE_LABEL,
            ALLOWED_HOSTS_ANNOTATION,
            REQUESTED_AT_ANNOTATION,
            ORIGIN_ANNOTATION,
            HASH_ANNOTATION,
            MANAGED_BY_LABEL,
            OBJECT_MANAGER,
            STATUS_MANAGER,
            FINALIZER_MANAGER,
            RELEASE_FINALIZER,
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert_ne!(foreign_manager("status"), OBJECT_MANAGER);
    }

    #[test]
    fn a_dns_label_is_short_lower_case_and_has_its_dashes_inside() {
        for label in ["a", "a-b", "0", &"a".repeat(63)] {
            assert!(is_dns_label(label), "{label}");
        }
        for other in ["", "-a", "a-", "A", "a.b", "a_b", "\u{e9}", &"a".repeat(64)] {
            assert!(!is_dns_label(other), "{other}");
        }
    }

    #[test]
    fn the_first_policy_carries_the_origin_name_alone() {
        assert_eq!(owned_name("shop", "pods", true), "leeward-shop");
        assert_eq!(owned_name("shop", "extra", false), "leeward-shop-extra");
    }

    #[test]
    fn long_names_are_shortened_and_stay_distinct() {
        let a = owned_name(&"a".repeat(63), "one", false);
        let b = owned_name(&"a".repeat(63), "two", false);
        assert!(a.len() <= 63 && b.len() <= 63);
        assert_ne!(a, b);
    }
}
