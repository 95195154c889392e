//! What is to be reconciled, and when. A key is queued once however often it is asked for, is never
//! worked on twice at a time, and is looked at again when something happened while it was worked on.

use super::key::OriginKey;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A queue of keys with a time each; the size is bounded by the number of origins.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    order: BTreeSet<(Instant, OriginKey)>,
    due: HashMap<OriginKey, Instant>,
    running: HashSet<OriginKey>,
}

impl State {
    /// The earlier of two times wins.
    fn put(&mut self, key: OriginKey, at: Instant) {
        match self.due.get(&key) {
            Some(known) if *known <= at => return,
            Some(known) => {
                self.order.remove(&(*known, key.clone()));
            }
            None => {}
        }
        self.due.insert(key.clone(), at);
        self.order.insert((at, key));
    }
}

impl Queue {
    /// Asks for `key` as soon as possible.
    pub fn add(&self, key: OriginKey) {
        self.add_after(key, Duration::ZERO);
    }

    /// Asks for `key` after `delay`, or earlier where that was asked already.
    pub fn add_after(&self, key: OriginKey, delay: Duration) {
        self.state.lock().put(key, Instant::now() + delay);
        self.news.notify_one();
    }

    /// The next key that is due; it stays with the caller until [`Self::done`].
    pub async fn next(&self) -> OriginKey {
        loop {
            let news = self.news.notified();
            let wait = {
                let mut state = self.state.lock();
                match state.order.iter().find(|(_, key)| !state.running.contains(key)).cloned() {
                    Some((at, key)) if at <= Instant::now() => {
                        state.order.remove(&(at, key.clone()));
                        state.due.remove(&key);
                        state.running.insert(key.clone());
                        // Another worker may have slept through this one's news.
                        if !state.order.is_empty() {
                            self.news.notify_one();
                        }
                        return key;
                    }
                    Some((at, _)) => Some(at),
                    None => None,
                }
            };
            match wait {
                Some(at) => tokio::select! {
                    () = news => {}
                    () = sleep_until(at) => {}
                },
                None => news.await,
            }
        }
    }

    /// The key may be worked on again.
    pub fn done(&self, key: &OriginKey) {
        self.state.lock().running.remove(key);
        self.news.notify_one();
    }

    /// Keys that wait.
    pub fn len(&self) -> usize {
        self.state.lock().due.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::time::timeout;

    fn key(name: &str) -> OriginKey {
        OriginKey::new("shop", name)
    }

    async fn nothing(queue: &Queue) -> bool {
        timeout(Duration::from_millis(1), queue.next()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_asked_for_many_times_comes_once() {
        let queue = Queue::default();
        for _ in 0..10 {
            queue.add(key("a"));
        }
        assert_eq!(queue.next().await, key("a"));
        queue.done(&key("a"));
        assert!(nothing(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_not_worked_on_twice_at_a_time_and_no_news_is_lost() {
        let queue = Queue::default();
        queue.add(key("a"));
        let first = queue.next().await;
        queue.add(key("a"));
        assert!(nothing(&queue).await);
        queue.done(&first);
        assert_eq!(queue.next().await, key("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_times_wins() {
        let queue = Queue::default();
        queue.add_after(key("a"), Duration::from_mins(1));
        queue.add_after(key("a"), Duration::from_secs(1));
        queue.add_after(key("a"), Duration::from_secs(30));
        let start = Instant::now();
        queue.next().await;
        assert_eq!(start.elapsed().as_secs(), 1);
        queue.done(&key("a"));
        assert!(nothing(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_workers_share_what_comes() {
        let queue = Arc::new(Queue::default());
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move {
                    let key = queue.next().await;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    queue.done(&key);
                    key
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let start = Instant::now();
        for name in ["a", "b", "c", "d"] {
            queue.add(key(name));
        }
        let mut seen = HashSet::new();
        for worker in workers {
            seen.insert(worker.await.unwrap());
        }
        assert_eq!(seen.len(), 4);
        assert!(start.elapsed() < Duration::from_millis(1500), "side by side, not one after the other");
    }
}
