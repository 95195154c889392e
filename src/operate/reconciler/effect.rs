//! What a write did: a round of probes after it, and the way back from a narrowing that hurt.

use super::keep::{After, Keep};
use crate::operate::prober::Answered;
use std::time::Duration;
use tokio::time::Instant;

/// Failing rounds after a narrowing that are too many: one can be chance.
const TOO_MANY: u8 = 2;
/// How long what enforces an allowlist may take until a write has its effect: a policy engine, a reload of an ingress
/// controller, a load balancer. A round before that shows the world as it was.
const SETTLES: Duration = Duration::from_secs(30);
/// Between two rounds until then.
const PAUSE: Duration = Duration::from_secs(5);

/// End of the message while the effect of a write is not known.
const PROBING: &str = "; probing after the write";

/// Whether a message of AllowlistSynced says that the effect of a write is not known yet.
pub fn is_probing(message: &str) -> bool {
    message.ends_with(PROBING)
}

/// What follows from the round after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing was asked, or the answer is not there yet.
    Nothing,
    /// The effect is known; the words for it are kept.
    Known,
    /// Look once more, now.
    LookAgain,
    /// Look once more after so long: the write may not have taken effect yet.
    Wait(Duration),
    /// Take back what was narrowed.
    RollBack,
}

/// Takes in the answer, if it is one to the write that is waited for.
pub fn weigh(keep: &mut Keep, answered: Option<Answered>, now: Instant) -> Next {
    let Some(after) = &mut keep.after else { return Next::Nothing };
    if let Some(due) = after.due {
        return if now >= due { Next::LookAgain } else { Next::Wait(due - now) };
    }
    let Some(answer) = answered.filter(|a| a.ask >= after.ask) else { return Next::Nothing };
    let narrowed = !after.rollbacks.is_empty();
    if narrowed && after.was_healthy && answer.proxied == Some(false) {
        after.bad = after.bad.saturating_add(1);
        return if after.bad >= TOO_MANY { Next::RollBack } else { Next::LookAgain };
    }
    // That a narrowing does no harm, and that a widening does not help, shows only once it is in force.
    let early = now.saturating_duration_since(after.since) < SETTLES;
    if early && (narrowed || answer.proxied != Some(true)) {
        after.due = Some(now + PAUSE);
        return Next::Wait(PAUSE);
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
        return format!("{message}{PROBING}");
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
    use crate::allow::Rollback;

    fn keep(was_healthy: bool, rollbacks: Vec<Rollback>) -> Keep {
        let after = After { since: Instant::now(), ask: 3, due: None, was_healthy, bad: 0, rollbacks };
        Keep { asks: 3, after: Some(after), ..Keep::default() }
    }

    fn answer(ask: u64, proxied: Option<bool>) -> Answered {
        Answered { ask, proxied, direct: None }
    }

    fn seconds(k: &Keep, seconds: u64) -> Instant {
        k.after.as_ref().map_or_else(Instant::now, |after| after.since) + Duration::from_secs(seconds)
    }

    #[test]
    fn only_a_round_that_began_after_the_write_counts() {
        let mut k = keep(false, Vec::new());
        let now = seconds(&k, 1);
        assert_eq!(weigh(&mut k, None, now), Next::Nothing);
        assert_eq!(weigh(&mut k, Some(answer(2, Some(true))), now), Next::Nothing);
        assert_eq!(weigh(&mut k, Some(answer(3, Some(true))), now), Next::Known);
        assert_eq!(k.effect, Some("probed after the write: the site works through the proxy again"));
        assert_eq!(weigh(&mut k, Some(answer(3, Some(true))), now), Next::Nothing);
    }

    #[test]
    fn a_widening_is_kept_and_the_words_say_if_it_did_not_help_once_it_must_be_in_force() {
        let mut k = keep(true, Vec::new());
        let (early, later) = (seconds(&k, 1), seconds(&k, 31));
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false))), early), Next::Wait(PAUSE));
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false))), early + PAUSE / 2), Next::Wait(PAUSE / 2));
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false))), early + PAUSE), Next::LookAgain);
        k.after.as_mut().unwrap().due = None;
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false))), later), Next::Known);
        assert_eq!(
            k.effect,
            Some("probed after the write: the site still fails through the proxy, so this was not all")
        );
        let mut unseen = keep(true, Vec::new());
        assert_eq!(weigh(&mut unseen, Some(answer(3, None)), later), Next::Known);
        assert_eq!(unseen.effect, Some("probed after the write: nothing definite was seen"));
    }

    #[test]
    fn a_narrowing_is_watched_until_it_must_be_in_force() {
        let mut k = keep(true, vec![Rollback::any()]);
        let (early, later) = (seconds(&k, 1), seconds(&k, 31));
        // The engine had not enforced it yet.
        assert_eq!(weigh(&mut k, Some(answer(3, Some(true))), early), Next::Wait(PAUSE));
        k.after.as_mut().unwrap().due = None;
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false))), early + PAUSE), Next::LookAgain);
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false))), early + PAUSE), Next::RollBack);
        let mut k = keep(true, vec![Rollback::any()]);
        assert_eq!(weigh(&mut k, Some(answer(3, Some(true))), later), Next::Known);
        // What failed before is no harm of the write.
        let mut k = keep(false, vec![Rollback::any()]);
        assert_eq!(weigh(&mut k, Some(answer(3, Some(false))), later), Next::Known);
    }

    #[test]
    fn a_restart_takes_no_words_away() {
        let full = said("1 target carries 2 prefixes", Some("probed after the write: the site works"), false, None);
        assert_eq!(said("1 target carries 2 prefixes", None, false, Some(&full)), full);
        let other = "1 target carries 3 prefixes";
        assert_eq!(said(other, None, false, Some(&full)), other);
    }
}
