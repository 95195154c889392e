//! Is this a list that a proxy could have? Judged before it is compared with what was there.

use crate::api::conditions::Reason;
use crate::net::{AdmissionError, AdmittedRanges, Family, Provenance, RangeSet};

use super::known::Known;
use super::revise::Limits;

/// A list that is not used at all, whatever was there before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Implausible {
    /// Reason of the condition Plausible: `Empty`, `TooWide` or `Reserved`.
    pub reason: Reason,
    /// What is wrong with it; holds nothing of the document but canonical prefixes and numbers.
    pub message: String,
}

impl From<AdmissionError> for Implausible {
    fn from(error: AdmissionError) -> Self {
        let reason = match error {
            AdmissionError::Empty => Reason::Empty,
            AdmissionError::DefaultRoute { .. } | AdmissionError::TooWide { .. } | AdmissionError::TooMany { .. } => {
                Reason::TooWide
            }
            AdmissionError::Reserved { .. } | AdmissionError::NotFromRemote { .. } => Reason::Reserved,
        };
        Self { reason, message: error.to_string() }
    }
}

/// Judges a list by itself, and by what is known of it.
pub fn judge(
    list: RangeSet,
    provenance: Provenance,
    known: &Known,
    limits: &Limits,
) -> Result<AdmittedRanges, Implausible> {
    for (family, field, least) in [
        (Family::V4, "minIPv4Prefixes", limits.min_ipv4_prefixes),
        (Family::V6, "minIPv6Prefixes", limits.min_ipv6_prefixes),
    ] {
        let count = list.prefix_count(family);
        if count < least {
            let message =
                format!("the list has {count} {family} prefixes, fewer than guards.{field}, which is {least}");
            return Err(Implausible { reason: Reason::Empty, message });
        }
        if count == 0 && known.families.contains(&family) {
            let message = format!("the list has no {family} prefix, which this source always had");
            return Err(Implausible { reason: Reason::Empty, message });
        }
    }
    // The floors of all lists first: what they say is worse.
    let admitted = AdmittedRanges::admit(list, provenance)?;
    for prefix in admitted.prefixes() {
        let Some(widest) = known.widest.of(prefix.family()).filter(|widest| prefix.length() < *widest) else {
            continue;
        };
        let message = format!(
            "{prefix} is refused: it is wider than /{widest}, the widest {} prefix that is expected in this list; if the \
             provider really has it, read the list with a source of type HTTP instead of the preset",
            prefix.family()
        );
        return Err(Implausible { reason: Reason::TooWide, message });
    }
    Ok(admitted)
}
