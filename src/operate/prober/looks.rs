//! Making rounds: the network, or a stand-in for it.

use super::entry::Round;
use super::pools::Pool;
use crate::observe::probe::Prober;
use crate::observe::round::{Ask, Look, Plan, look};
use crate::operate::key::OriginKey;
use futures::future::BoxFuture;
use std::time::Duration;
use tokio::time::timeout;

/// After this long a round is given up, whatever it waits for: longer than any sum of deadlines.
const GIVE_UP: Duration = Duration::from_secs(320);
/// Looks at one origin once.
pub trait Looks: Send + Sync + 'static {
    fn look(&self, plan: Plan, ask: Ask) -> BoxFuture<'static, Look>;
}

impl Looks for Prober {
    fn look(&self, plan: Plan, ask: Ask) -> BoxFuture<'static, Look> {
        let prober = self.clone();
        Box::pin(async move { look(&prober, &plan, &ask).await })
    }
}

/// What became of a round.
pub(super) struct Ended {
    pub(super) key: OriginKey,
    pub(super) question: String,
    pub(super) round: Round,
    pub(super) pool: Option<Pool>,
    pub(super) request: Option<String>,
    pub(super) ask: Option<u64>,
    /// Absent: given up.
    pub(super) look: Option<Look>,
}

impl Ended {
    /// Waits for the look that this is the end of.
    pub(super) async fn after(self, looking: BoxFuture<'static, Look>) -> Self {
        let look = timeout(GIVE_UP, looking).await.ok();
        Self { look, ..self }
    }
}
