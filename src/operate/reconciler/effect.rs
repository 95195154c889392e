//! What a write did: a round of probes after it, and the way back from a narrowing that hurt.

use super::keep::{After, Keep};
use crate::operate::prober::Answered;

/// Failing rounds after a narrowing that are too many: one can be chance.
const TOO_MANY: u8 = 2;

/// What follows from the round after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing was asked, or the answer is not there yet.
    Nothing,
    /// The effect is known; the words for it are kept.
    Known,
    /// Look once more before anything is taken back.
    LookAgain,
    /// Take back what was narrowed.
    RollBack,
}

/// Takes in the answer, if it is one to the write that is waited for.
pub fn weigh(keep: &mut Keep, answered: Option<Answered>) -> Next {
    let Some(after) = &mut keep.after else { return Next::Nothing };
    let Some(answer) = answered.filter(|a| a.ask >= after.ask) else { return Next::Nothing };
    let narrowed = !after.rollbacks.is_empty();
    let hurt = narrowed && after.was_healthy && answer.proxied == Some(false);
    if hurt {
        after.bad = after.bad.saturating_add(1);
        return if after.bad >= TOO_MANY { Next::RollBack } else { Next::LookAgain };
    }
    keep.effect = Some(words(answer, after));
    keep.after = None;
    Next::Known
}

fn words(answer: Answered, after: &After) -> &'static str {
    match (answer.proxied, after.was_healthy) {
        (Some(true), true) => "probed after the write: the site works through the proxy",
        (Some(true), false) => "probed after the write: the site works through the proxy again",
        (Some(false), _) => "probed after the write: the site still fails through the proxy, so this was not all",
        (None, _) => "probed after the write: nothing definite was seen",
    }
}

/// The message of AllowlistSynced with what was seen after the last write. A restart forgets what was
/// seen, and must not take the words away: that would be a write for nothing.
pub fn said(message: &str, effect: Option<&str>, waiting: bool, before: Option<&str>) -> String {
    if waiting {
        return format!("{message}; probing after the write");
    }
    if let Some(effect) = effect {
        return format!("{message}; {effect}");
    }
    match before {
        Some(before) if before.strip_prefix(message).is_some_and(|rest| rest.starts_with("; probed after")) => {
            before.to_owned()
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(was_healthy: bool) -> Keep {
        let after = After { ask: 3, was_healthy, bad: 0, rollbacks: Vec::new() };
        Keep { asks: 3, after: Some(after), ..Keep::default() }
    }

    fn answer(ask: u64, proxied: Option<bool>) -> Answered {
        Answered { ask, proxied, direct: None }
    }

    #[test]
    fn only_a_round_that_began_after_the_write_counts() {
        let mut k = keep(false);
        assert_eq!(weigh(&mut k, None), Next::Nothing);
        assert_eq!(weigh(&mut k, Some(answer(2, Some(true)))), Next::Nothing);
        assert_eq!(weigh(&mut k, Some(answer(3, Some(true)))), Next::Known);
        assert_eq!(k.effect, Some("probed after the write: the site works through the proxy again"));
        assert_eq!(weigh(&mut k, Some(answer(3, Some(true)))), Next::Nothing);
    }

    #[test]
    fn a_widening_is_kept_and_the_words_say_if_it_did_not_help() {
        let mut k = keep(true);
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false)))), Next::Known);
        assert!(k.effect.unwrap().contains("still fails"));
    }

    #[test]
    fn a_restart_takes_no_words_away() {
        let full = said("1 target carries 2 prefixes", Some("probed after the write: the site works"), false, None);
        assert_eq!(said("1 target carries 2 prefixes", None, false, Some(&full)), full);
        let other = "1 target carries 3 prefixes";
        assert_eq!(said(other, None, false, Some(&full)), other);
    }
}
