//! Comparing what `leeward diagnose` said with what a situation demands.

use serde_json::Value;

use super::file::{Confidence, Expect, Healthy, Level, Unknown};
use crate::process::tail;

/// The verdict in a word or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub cause: String,
    pub confidence: String,
}

impl std::fmt::Display for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.cause, self.confidence)
    }
}

/// What was said, and everything that is wrong with it.
pub fn judge(expect: &Expect, code: i32, stdout: &str, stderr: &str) -> (Option<Said>, Vec<String>) {
    let diagnosis: Value = match serde_json::from_str(stdout) {
        Ok(diagnosis) => diagnosis,
        Err(error) => {
            let problem = format!("exit code {code}, no JSON on stdout ({error}): {}", tail(stderr, 10));
            return (None, vec![problem]);
        }
    };
    let text = |key: &str| diagnosis[key].as_str().unwrap_or_default().to_owned();
    let (cause, confidence) = (text("cause"), text("confidence"));
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, problem: String| {
        if !holds {
            wrong.push(problem);
        }
    };

    demand(cause == expect.cause, format!("cause is {cause}, not {}: {}", expect.cause, text("summary")));
    let (healthy, exit) = match expect.healthy {
        Healthy::Known(true) => (Value::Bool(true), 0),
        Healthy::Known(false) => (Value::Bool(false), 2),
        Healthy::Word(Unknown::Unknown) => (Value::Null, 3),
    };
    demand(diagnosis["healthy"] == healthy, format!("healthy is {}, not {healthy}", diagnosis["healthy"]));
    demand(code == exit, format!("exit code is {code}, not {exit}: {}", tail(stderr, 5)));
    for problem in confidence_problems(expect.confidence, &confidence) {
        demand(false, problem);
    }
    for (key, wanted) in [("layer", &expect.layer), ("pattern", &expect.pattern)] {
        if let Some(wanted) = wanted {
            demand(text(key) == *wanted, format!("{key} is {}, not {wanted}", text(key)));
        }
    }
    if let Some(scope) = &expect.scope {
        demand(contains(&diagnosis["scope"], scope), format!("scope is {}, not {scope}", diagnosis["scope"]));
    }
    for (key, wanted) in
        [("contributing", &expect.contributing), ("alternatives", &expect.alternatives), ("risks", &expect.risks)]
    {
        for word in wanted {
            demand(words(&diagnosis[key]).contains(word), format!("{key} {} lack {word}", diagnosis[key]));
        }
    }
    for word in &expect.not {
        let claimed = cause == *word
            || words(&diagnosis["contributing"]).contains(word)
            || words(&diagnosis["risks"]).contains(word);
        demand(!claimed, format!("{word} is claimed, and must not be"));
    }
    for wanted in &expect.evidence {
        let found = diagnosis["evidence"].as_array().is_some_and(|all| all.iter().any(|item| contains(item, wanted)));
        demand(found, format!("no evidence contains {wanted}"));
    }
    if !wrong.is_empty() {
        let evidence: Vec<String> = diagnosis["evidence"]
            .as_array()
            .map(|all| all.iter().map(|item| format!("  evidence {item}")).collect())
            .unwrap_or_default();
        wrong.extend(evidence);
    }
    (Some(Said { cause, confidence }), wrong)
}

fn confidence_problems(wanted: Confidence, text: &str) -> Vec<String> {
    let level = match text {
        "Low" => Level::Low,
        "Medium" => Level::Medium,
        "High" => Level::High,
        other => {
            return vec![format!("confidence is \"{other}\", not Low, Medium or High")];
        }
    };
    let mut problems = Vec::new();
    if wanted.is.is_some_and(|wanted| level != wanted)
        || wanted.at_most.is_some_and(|most| level > most)
        || wanted.at_least.is_some_and(|least| level < least)
    {
        problems.push(format!("confidence is {text}: {wanted:?}"));
    }
    problems
}

fn words(list: &Value) -> Vec<String> {
    list.as_array()
        .map(|items| items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
        .unwrap_or_default()
}

/// Maps contain maps key by key, lists contain each wanted item, anything else is equal.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|own| contains(own, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            part.iter().all(|wanted| whole.iter().any(|own| contains(own, wanted)))
        }
        (whole, part) => whole == part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(text: &str) -> Expect {
        serde_saphyr::from_str(text).unwrap()
    }

    const ANSWER: &str = r#"{"cause": "ProxyBlocked", "confidence": "High", "healthy": false,
        "contributing": ["OriginCertExpired"], "risks": [], "scope": {"type": "All"},
        "evidence": [{"observation": "ViaProxy", "result": "UnexpectedStatus", "statusCode": 504}]}"#;

    #[test]
    fn an_answer_that_meets_every_demand_has_no_problems() {
        let expect = expectation(
            "{cause: ProxyBlocked, healthy: false, confidence: {is: High}, contributing: [OriginCertExpired], \
             evidence: [{observation: ViaProxy, statusCode: 504}], not: [OriginTimeout], scope: {type: All}}",
        );
        let said = Said { cause: "ProxyBlocked".to_owned(), confidence: "High".to_owned() };
        assert_eq!(judge(&expect, 2, ANSWER, ""), (Some(said), Vec::new()));
    }

    #[test]
    fn what_must_not_be_claimed_is_found_among_contributing_causes_too() {
        let expect = expectation(
            "{cause: ProxyBlocked, healthy: false, confidence: {atMost: Medium}, not: [OriginCertExpired]}",
        );
        let (_, wrong) = judge(&expect, 3, ANSWER, "");
        assert!(wrong.iter().any(|problem| problem.starts_with("exit code is 3, not 2")), "{wrong:?}");
        assert!(wrong.iter().any(|problem| problem.starts_with("confidence is High")), "{wrong:?}");
        assert!(wrong.iter().any(|problem| problem.starts_with("OriginCertExpired is claimed")), "{wrong:?}");
    }
}
