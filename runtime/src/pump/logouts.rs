//! Informs clients about ended sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use umoja_provisioner::Logouts;

/// How long rows that cannot be read or written are left alone.
const BACK_OFF: Duration = Duration::from_secs(5);

/// Informs clients until stopped, and looks again after the pause where nothing is due.
pub(super) async fn inform(logouts: Arc<Logouts>, pause: Duration, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let wait = match logouts.step().await {
            Ok(informed) if informed.rows > 0 => continue,
            Ok(_) => pause,
            Err(error) => {
                let region = &logouts.home().own.name;
                tracing::warn!(%region, %error, "clients cannot be informed of ended sessions");
                BACK_OFF
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.changed() => {}
        }
    }
}
