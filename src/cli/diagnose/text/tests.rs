//! What a terminal says of a diagnosis, word by word.

use super::*;
use crate::diagnose::Verdict;
use serde_json::{Value, json};
use strum::IntoEnumIterator;

fn item(change: &Value) -> EvidenceItem {
    let mut item = json!({"observation": "Direct", "vantage": "local", "address": "203.0.113.10:443", "result": "OK"});
    item.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    serde_json::from_value(item).unwrap()
}

fn answer(cause: Cause, healthy: Option<bool>, confidence: Confidence, pattern: Pattern) -> Answer {
    let verdict = Verdict {
        healthy,
        cause,
        confidence,
        pattern,
        scope: Scope::default(),
        summary: String::new(),
        evidence: Vec::new(),
        contributing: Vec::new(),
        alternatives: Vec::new(),
        risks: Vec::new(),
        next_observation: None,
        remedy: None,
    };
    Answer::new("shop/shop", &verdict)
}

#[test]
fn evidence_says_where_it_was_seen_and_how_it_ended() {
    let mut said = String::new();
    for observation in Observation::iter() {
        let _ = writeln!(said, "{observation}: {}", seen(&item(&json!({"observation": observation}))));
    }
    for result in Outcome::iter() {
        let _ = writeln!(said, "{result}: {}", seen(&item(&json!({"result": result}))));
    }
    for phase in ["dns", "connect", "tls", "firstByte", "body"] {
        let _ = writeln!(said, "{phase}: {}", seen(&item(&json!({"result": "TimedOut", "phase": phase}))));
    }
    for access in [Access::Listed, Access::Unlisted, Access::Unknown] {
        let _ = writeln!(said, "{access}: {}", seen(&item(&json!({"access": access}))));
    }
    let all = json!({"statusCode": 502, "result": "TooSlow", "phase": "firstByte", "detail": "after about 19 s"});
    let _ = writeln!(said, "with a status: {}", seen(&item(&all)));
    insta::assert_snapshot!(said);
}

#[test]
fn the_headline_says_how_sure_it_is_and_what_it_cannot_say() {
    use Confidence::{High, Low, Medium};
    use Pattern::{Flapping, Intermittent, Steady};
    for (cause, healthy, confidence, pattern, said) in [
        (Cause::Healthy, Some(true), High, Steady, "✓ shop/shop is healthy"),
        (Cause::OriginRefused, Some(false), High, Steady, "✗ shop/shop fails: OriginRefused (high confidence)"),
        (
            Cause::OriginRefused,
            Some(false),
            Medium,
            Intermittent,
            "✗ shop/shop fails: OriginRefused (medium confidence, now and then)",
        ),
        (
            Cause::OriginRefused,
            Some(false),
            Low,
            Flapping,
            "✗ shop/shop fails: OriginRefused (low confidence, coming and going)",
        ),
        (Cause::VantageFault, None, High, Steady, "? This vantage reaches nothing: VantageFault"),
        (Cause::Inconclusive, None, Low, Steady, "? shop/shop: this cannot be told from here"),
        (Cause::ProxyPolicyDenied, None, High, Steady, "? shop/shop: ProxyPolicyDenied (high confidence)"),
    ] {
        let plain = anstream::adapter::strip_str(&headline(&answer(cause, healthy, confidence, pattern))).to_string();
        assert_eq!(plain, said);
    }
    let mut risky = answer(Cause::Healthy, Some(true), High, Steady);
    risky.risks = vec![Cause::OriginExposed];
    let plain = anstream::adapter::strip_str(&headline(&risky)).to_string();
    assert_eq!(plain, "✓ shop/shop is healthy, with a risk");
}
