//! Ctrl-C: the demo ends as it does at its end, so that nothing is left; who asks twice ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Longer than everything in the demo that does not ask [`check`].
const PATIENCE: Duration = Duration::from_secs(20);

/// From here on SIGINT, SIGTERM and SIGHUP are taken as the wish to end.
pub fn listen() -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime for signals")?;
    let mut signals = {
        let _inside = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .into_iter()
            .map(signal)
            .collect::<std::io::Result<Vec<Signal>>>()?
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            any(&mut signals).await;
            ASKED.store(true, Ordering::Relaxed);
            eprintln!("\nending: taking the lab down");
            let _ = tokio::time::timeout(PATIENCE, any(&mut signals)).await;
        });
        // Children die with this process; its namespaces and folders are removed here.
        crate::cleanup::remove_own();
        std::process::exit(130);
    });
    Ok(())
}

/// Somebody wants the demo to end.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// An error once somebody wants the demo to end.
pub fn check() -> Result<()> {
    if asked() {
        bail!("interrupted");
    }
    Ok(())
}

async fn any(signals: &mut [Signal]) {
    std::future::poll_fn(|context| {
        if signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
