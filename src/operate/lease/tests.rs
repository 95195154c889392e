//! Elections in paused time, against records in memory that can be cut off.

use super::*;
use parking_lot::Mutex;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    record: Option<Record>,
    serial: u64,
    writes: Vec<(Instant, String)>,
    cut_off: Vec<String>,
    hang: bool,
}

/// One replica's view of the records: what it may reach is its own.
#[derive(Debug)]
struct View {
    memory: Memory,
    replica: String,
}

impl Memory {
    fn view(&self, replica: &str) -> View {
        View { memory: self.clone(), replica: replica.to_owned() }
    }

    fn cut(&self, replica: &str) {
        self.0.lock().cut_off.push(replica.to_owned());
    }

    fn holder(&self) -> String {
        self.0.lock().record.as_ref().map(|r| r.holder.clone()).unwrap_or_default()
    }
}

impl View {
    async fn reach(&self) -> Result<(), RecordError> {
        if self.memory.0.lock().hang {
            std::future::pending::<()>().await;
        }
        if self.memory.0.lock().cut_off.contains(&self.replica) {
            return Err(RecordError::NoVersion { lease: "cut off".into() });
        }
        Ok(())
    }

    fn put(&self, prior: Option<&Record>, mut next: Record) -> Result<Record, RecordError> {
        let mut state = self.memory.0.lock();
        if state.record.as_ref().map(|r| &r.version) != prior.map(|r| &r.version) {
            return Err(RecordError::Conflict);
        }
        state.serial += 1;
        next.version = state.serial.to_string();
        state.record = Some(next.clone());
        state.writes.push((Instant::now(), self.replica.clone()));
        Ok(next)
    }
}

impl Records for View {
    async fn read(&self) -> Result<Option<Record>, RecordError> {
        self.reach().await?;
        Ok(self.memory.0.lock().record.clone())
    }

    async fn write(&self, prior: Option<&Record>, identity: &str, duration: Duration) -> Result<Record, RecordError> {
        self.reach().await?;
        self.put(prior, Record { holder: identity.into(), duration, ..Record::default() })
    }

    async fn release(&self, prior: &Record) -> Result<(), RecordError> {
        self.reach().await?;
        self.put(Some(prior), Record { duration: Duration::from_secs(1), ..Record::default() }).map(|_| ())
    }
}

fn stand(memory: &Memory, name: &str) -> (Claim, CancellationToken, tokio::task::JoinHandle<()>) {
    let terms = Terms { identity: name.to_owned(), duration: Duration::from_secs(15) };
    let (election, claim) = Election::new(memory.view(name), terms);
    let stop = CancellationToken::new();
    let task = tokio::spawn(election.run(stop.clone()));
    (claim, stop, task)
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn one_of_two_leads_and_keeps_leading() {
    let memory = Memory::default();
    let (a, _sa, _ta) = stand(&memory, "a");
    pass(1).await;
    let (b, _sb, _tb) = stand(&memory, "b");
    for _ in 0..100 {
        pass(1).await;
        assert!(a.is_current() && !b.is_current());
    }
    let writes = memory.0.lock().writes.len();
    assert!(writes <= 52, "{writes} lease writes in 100 s; at most one per 2 s");
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_within_three_seconds() {
    let memory = Memory::default();
    let (a, stop, task) = stand(&memory, "a");
    pass(1).await;
    let (mut b, _sb, _tb) = stand(&memory, "b");
    pass(5).await;
    stop.cancel();
    task.await.unwrap();
    assert!(!a.is_current());
    assert_eq!(memory.holder(), "");
    tokio::time::timeout(Duration::from_secs(3), b.held()).await.expect("taken over");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_cut_off_stops_before_another_starts() {
    let memory = Memory::default();
    let (mut a, _sa, _ta) = stand(&memory, "a");
    pass(1).await;
    let (mut b, _sb, _tb) = stand(&memory, "b");
    pass(10).await;
    memory.cut("a");
    let cut = Instant::now();
    a.lost().await;
    let stopped = Instant::now();
    assert!(!b.is_current());
    assert!(b.held().await);
    assert!(stopped < Instant::now());
    assert!(cut.elapsed() <= Duration::from_secs(20), "{:?}", cut.elapsed());
    assert!(!a.is_current() && b.is_current());
}

#[tokio::test(start_paused = true)]
async fn a_claim_ends_by_itself_when_the_server_hangs() {
    let memory = Memory::default();
    let (mut a, _sa, _ta) = stand(&memory, "a");
    assert!(a.held().await);
    memory.0.lock().hang = true;
    let start = Instant::now();
    a.lost().await;
    assert!(start.elapsed() <= Duration::from_secs(10), "{:?}", start.elapsed());
    memory.0.lock().hang = false;
    // The record is still ours, and nobody else took it: leading again at the next round.
    tokio::time::timeout(Duration::from_secs(6), a.held()).await.expect("leading again");
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_no_claim() {
    let memory = Memory::default();
    let (a, _sa, _ta) = stand(&memory, "a");
    let (b, _sb, _tb) = stand(&memory, "b");
    pass(1).await;
    assert!(a.is_current() ^ b.is_current(), "exactly one leads");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_made_again_by_its_holder() {
    let memory = Memory::default();
    let (mut a, _sa, _ta) = stand(&memory, "a");
    assert!(a.held().await);
    memory.0.lock().record = None;
    pass(6).await;
    assert!(a.is_current());
    assert_eq!(memory.holder(), "a");
}

#[test]
fn what_stood_in_the_way_of_a_record_is_said_with_the_lease() {
    assert_eq!(RecordError::Conflict.to_string(), "somebody else changed the lease meanwhile");
    let lease = "leeward-system/leeward".to_owned();
    assert_eq!(
        RecordError::NoVersion { lease }.to_string(),
        "lease leeward-system/leeward came back without a resourceVersion"
    );
}
