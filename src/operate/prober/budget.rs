//! How often an address may be dialled, whoever asks. At most one probe a second and a burst of four
//! per declared origin address over all resources; all edges together share one rate. A probe waits
//! its turn for a while, namespace after namespace; past that it is starved, which is Unknown and never
//! a failure.

use crate::operate::turns::Turns;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// Probes that an address takes at once after it was left alone.
const BURST: u32 = 4;
/// How long a probe waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// Buckets beyond which full ones that nobody waits at are dropped.
const MANY: usize = 4096;

/// What a probe draws from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    /// All edges together.
    Edges,
    /// One edge address asked for one host.
    Edge(IpAddr, String),
    /// One origin address, whatever is asked for there.
    Origin(IpAddr),
}

/// Every bucket of the process.
#[derive(Debug)]
pub struct Budget {
    edges_per_second: u32,
    buckets: Mutex<HashMap<Source, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    per_second: f64,
    most: f64,
    tokens: f64,
    at: Instant,
    waiting: Turns<oneshot::Sender<()>>,
}

impl Bucket {
    fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let most = f64::from(burst.max(1));
        Self { per_second: f64::from(per_second.max(1)), most, tokens: most, at: now, waiting: Turns::default() }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.most);
        self.at = now;
    }

    /// Serves those who wait; who has gone away costs nothing.
    fn serve(&mut self, now: Instant) {
        self.refill(now);
        while self.tokens >= 1.0 {
            let Some(first) = self.waiting.pop() else { return };
            if first.send(()).is_ok() {
                self.tokens -= 1.0;
            }
        }
    }

    /// Until the next token.
    fn wait(&self) -> Duration {
        Duration::from_secs_f64(((1.0 - self.tokens) / self.per_second).max(0.001))
    }

    fn idle(&self) -> bool {
        self.waiting.is_empty() && self.tokens >= self.most
    }
}

impl Budget {
    /// `edges_per_second` is what all edge addresses share.
    pub fn new(edges_per_second: u32) -> Self {
        Self { edges_per_second: edges_per_second.max(1), buckets: Mutex::default() }
    }

    /// Waits for a probe of an origin address. False: starved.
    pub async fn origin(&self, namespace: &str, address: IpAddr) -> bool {
        self.draw(Source::Origin(address), namespace, Instant::now() + PATIENCE).await
    }

    /// Waits for a probe of an edge address for a host. False: starved.
    pub async fn edge(&self, namespace: &str, address: IpAddr, host: &str) -> bool {
        let until = Instant::now() + PATIENCE;
        self.draw(Source::Edge(address, host.to_owned()), namespace, until).await
            && self.draw(Source::Edges, namespace, until).await
    }

    async fn draw(&self, source: Source, namespace: &str, until: Instant) -> bool {
        let (sender, mut turn) = oneshot::channel();
        let mut wait = self.line_up(source.clone(), namespace, sender);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                served = &mut turn => return served.is_ok(),
                () = sleep(wait.min(left)) => {}
            }
            wait = self.serve(&source);
            if let Ok(()) = turn.try_recv() {
                return true;
            }
            if until <= Instant::now() {
                return false;
            }
        }
    }

    fn line_up(&self, source: Source, namespace: &str, sender: oneshot::Sender<()>) -> Duration {
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        if buckets.len() > MANY {
            buckets.retain(|_, bucket| {
                bucket.refill(now);
                !bucket.idle()
            });
        }
        let (rate, burst) = match source {
            Source::Edges => (self.edges_per_second, self.edges_per_second.max(BURST)),
            Source::Edge(..) | Source::Origin(_) => (1, BURST),
        };
        let bucket = buckets.entry(source).or_insert_with(|| Bucket::new(rate, burst, now));
        bucket.waiting.push(namespace, sender);
        bucket.serve(now);
        bucket.wait()
    }

    fn serve(&self, source: &Source) -> Duration {
        let mut buckets = self.buckets.lock();
        let Some(bucket) = buckets.get_mut(source) else { return PATIENCE };
        bucket.serve(Instant::now());
        bucket.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_address_takes_four_at_once_and_then_one_a_second() {
        let budget = Budget::new(50);
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..7 {
            assert!(budget.origin("shop", address(1)).await);
            times.push(start.elapsed().as_millis());
        }
        assert_eq!(times[3], 0);
        for (i, at) in [(4, 1000), (5, 2000), (6, 3000)] {
            assert!(times[i].abs_diff(at) < 20, "{times:?}");
        }
        assert!(budget.origin("shop", address(2)).await, "another address has a budget of its own");
        assert!(start.elapsed().as_millis() < 3100);
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_served_in_time_is_starved() {
        let budget = Arc::new(Budget::new(50));
        let all: Vec<_> = (0..20)
            .map(|_| {
                let budget = Arc::clone(&budget);
                tokio::spawn(async move { budget.origin("shop", address(1)).await })
            })
            .collect();
        let mut served = 0;
        for one in all {
            served += u32::from(one.await.unwrap());
        }
        assert!((8..=10).contains(&served), "{served} of 20 in five seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_greedy_namespace_does_not_starve_another() {
        let budget = Arc::new(Budget::new(50));
        for _ in 0..200 {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move { budget.origin("greedy", address(1)).await });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        let start = Instant::now();
        assert!(budget.origin("modest", address(1)).await);
        assert!(start.elapsed() <= Duration::from_millis(2100), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn edges_share_one_rate() {
        let budget = Arc::new(Budget::new(10));
        let start = Instant::now();
        let all: Vec<_> = (0..30)
            .map(|i| {
                let budget = Arc::clone(&budget);
                tokio::spawn(async move { budget.edge("shop", address(i), "shop.example.com").await })
            })
            .collect();
        for one in all {
            assert!(one.await.unwrap());
        }
        assert!((1900..2200).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
}
