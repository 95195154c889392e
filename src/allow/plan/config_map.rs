//! The plan for an output `ConfigMap`.

use super::{Change, Course, Direction, PlanInput, Step, TargetPlan, Write, course, fingerprint, policy};
use crate::allow::guard::{self, Veto};
use crate::allow::render::config_map::{self as render, OutputShape};
use crate::api::conditions::Reason;
use crate::api::spec::DeletionPolicy;
use crate::api::targets::OutputFormat;
use crate::api::validated::ValidTarget;
use crate::net::{AdmittedRanges, RangeSet};
use crate::observe::cluster::Kind;
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn plan(
    input: &PlanInput<'_>,
    target: &ValidTarget,
    keys: &BTreeSet<OutputFormat>,
    ranges: &AdmittedRanges,
) -> TargetPlan {
    let mut planned = TargetPlan::new(input.origin, target);
    let found = input.source.config_map(&input.origin.namespace, &planned.object);
    if found.is_none() && input.source.live() && !input.source.knows(Kind::ConfigMap) {
        let veto = Veto::new(Reason::Pending, format!("{} is being read", planned.key));
        return planned.vetoed(veto);
    }
    let deleted = input.origin.allowlist.deletion == DeletionPolicy::Delete;
    let shape = OutputShape {
        namespace: input.origin.namespace.clone(),
        name: planned.object.clone(),
        origin: input.origin.key(),
        owner: policy::reference(input).filter(|_| deleted),
        network: input.origin.network.clone().unwrap_or_default(),
        keys: keys.clone(),
    };
    let rendered = render::render(&shape, ranges);
    planned.fingerprint = fingerprint(&rendered);
    planned.between(&found.as_deref().map_or_else(RangeSet::empty, render::covered), ranges.ranges());
    planned.veto = found.as_deref().and_then(|f| guard::foreign_object("ConfigMap", &f.metadata, &shape.origin));
    if found.as_deref().is_some_and(|f| render::same(&rendered, f)) {
        return planned;
    }
    planned.diff = render::difference(&planned.key, found.as_deref(), Some(&rendered));
    planned.change = if found.is_some() { Change::Update } else { Change::Create };
    planned.steps = steps(input, &planned, &shape, ranges, rendered.clone(), found.as_ref());
    planned.veto = planned.veto.take().or_else(|| guard::object_too_large("ConfigMap", &rendered));
    planned
}

fn steps(
    input: &PlanInput<'_>,
    planned: &TargetPlan,
    shape: &OutputShape,
    ranges: &AdmittedRanges,
    rendered: ConfigMap,
    found: Option<&Arc<ConfigMap>>,
) -> Vec<Step> {
    let repair = input.memory.wrote(&planned.spot, &planned.fingerprint);
    let step = |direction, rendered: ConfigMap, had: Option<ConfigMap>| Step {
        direction,
        repair,
        fingerprint: fingerprint(&rendered),
        write: Write::ConfigMap { rendered: Box::new(rendered), had: had.map(Box::new) },
    };
    let had = found.map(|f| ConfigMap::clone(f));
    let before = found.map_or_else(RangeSet::empty, |f| render::covered(f));
    // Whoever reads it begins to when it is there.
    let union = match course(&before, ranges.ranges(), repair) {
        Course::Once(direction) => return vec![step(direction, rendered, had)],
        Course::Through(union) => union,
    };
    let widened = render::render(shape, &union);
    vec![step(Direction::Widen, widened.clone(), had), step(Direction::Narrow, rendered, Some(widened))]
}
