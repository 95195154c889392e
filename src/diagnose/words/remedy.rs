//! What to do about a cause, and whether Leeward does it by itself.

use crate::api::status::Remedy;
use crate::api::{Cause, conditions};
use crate::diagnose::judge::Judgement;
use crate::diagnose::view::{Exhibit, View};
use crate::evidence::Fact;

/// The remedy of a judgement. `Healthy` needs one only for its gravest risk.
pub fn remedy(view: &View<'_>, judgement: &Judgement<'_>) -> Option<Remedy> {
    let cause = match judgement.cause {
        Cause::Healthy => *judgement.risks.first()?,
        cause => cause,
    };
    Some(Remedy {
        action: conditions::cut(cause.action(), super::SENTENCE),
        automatic: view.subject.enforcing && cures(cause, judgement),
        reference: format!("docs/causes/{cause}.md"),
    })
}

/// Whether one of Leeward's own targets cures it: a list or policy in the cluster lacks prefixes.
fn cures(cause: Cause, judgement: &Judgement<'_>) -> bool {
    let object = || judgement.exhibits.iter().any(|e| matches!(e, Exhibit::Fact(Fact::Allowlist(_) | Fact::Policy(_))));
    match cause {
        Cause::NetworkPolicyBlocks => true,
        Cause::AllowlistIncomplete | Cause::ProxyBlocked => object(),
        _ => false,
    }
}
