//! What the last status says of writes that hurt. Memory ends with its process; without this, the next one would try the same
//! narrowing again, and cut visitors off again.

use super::{Change, Plan};
use crate::allow::memory::Memory;
use crate::api::status::AllowlistStatus;

/// Stands in the detail of a target whose narrowing was taken back.
pub(super) const ROLLED_BACK: &str = "was followed by failures and was rolled back";

impl Plan {
    /// Notes narrowings that another process took back. `prior` is the status of this very spec; another list may be tried.
    /// Whether there was one.
    pub fn recall(&self, prior: &AllowlistStatus, memory: &mut Memory) -> bool {
        if self.desired.as_ref().is_ok_and(|desired| desired.hash() != prior.hash) {
            return false;
        }
        let mut found = false;
        for target in self.targets.iter().filter(|target| target.change != Change::Nothing) {
            let told = prior.targets.iter().find(|told| told.name == target.name);
            if told.and_then(|told| told.detail.as_deref()).is_some_and(|detail| detail.contains(ROLLED_BACK)) {
                memory.roll_back(&target.spot, &target.fingerprint);
                found = true;
            }
        }
        found
    }
}
