//! Writes of a network's status: the list in use must never shrink for a wrong reason.

use serde_json::Value;

use crate::api::ProxyNetwork;
use crate::api::conditions::{self, ConditionType};
use crate::net::{AdmittedRanges, Family, Provenance, RangeSet};

use super::{Findings, Invariant, Sent};

pub(super) fn check(sent: &Sent, prior: Option<&Value>, found: &mut Findings) {
    let read = |value: &Value| serde_json::from_value::<ProxyNetwork>(value.clone()).ok();
    let Some(prior) = prior.and_then(read) else { return };
    let mut after = prior.clone();
    after.status = sent.object.get("status").and_then(|status| serde_json::from_value(status.clone()).ok());
    let before = in_use(&prior);
    let now = in_use(&after);
    if now.is_empty() && !before.is_empty() {
        return found.add(Invariant::S3, format!("{sent} forgets the last known good list"));
    }
    if !now.is_empty()
        && let Err(refused) = AdmittedRanges::admit(now.clone(), Provenance::Local)
    {
        found.add(Invariant::S2, format!("{sent}: {refused}"));
    }
    let gone = before.subtract(&now);
    let is_false = |kind| {
        let conditions = after.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        conditions::get(conditions, kind).is_some_and(|condition| condition.status == "False")
    };
    if !gone.is_empty() && (is_false(ConditionType::Fetched) || is_false(ConditionType::Plausible)) {
        found.add(Invariant::S3, format!("{sent} drops {gone:?} while its source fails or is not plausible"));
    }
    check_shrink(sent, &prior, &before, &gone, found);
}

/// S4: a large shrink needs a name in `acknowledgedHash`.
fn check_shrink(sent: &Sent, prior: &ProxyNetwork, before: &RangeSet, gone: &RangeSet, found: &mut Findings) {
    let limit = u128::try_from(prior.spec.guards.max_loss_percent).unwrap_or_default();
    let acknowledged = !prior.spec.acknowledged_hash.is_empty();
    for family in [Family::V4, Family::V6] {
        let (part, whole) = (gone.coverage(family), before.coverage(family));
        // Room for the factor 100 where nearly all of IPv6 is listed.
        let shift = if whole.leading_zeros() < 8 { 8 } else { 0 };
        let (part, whole) = (part >> shift, whole >> shift);
        if part * 100 > whole * limit && part > 0 && !acknowledged {
            found.add(Invariant::S4, format!("{sent} drops more than {limit} percent of {family} at once"));
        }
    }
}

fn in_use(network: &ProxyNetwork) -> RangeSet {
    let active = network.status.as_ref().and_then(|status| status.active.as_ref());
    super::read(active.into_iter().flat_map(|active| active.cidrs.iter()).map(String::as_str))
}
