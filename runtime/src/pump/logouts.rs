//! Informs clients about ended sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use umoja_provisioner::{Logouts, logouts};

use crate::record;

/// How long rows that cannot be read or written are left alone.
const BACK_OFF: Duration = Duration::from_secs(5);

/// Informs clients until stopped, and looks again after the pause where nothing is due.
pub(super) async fn inform(logouts: Arc<Logouts>, pause: Duration, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let wait = match logouts.step().await {
            Ok(informed) if informed.rows > 0 => {
                record::logouts(informed.accepted, informed.rejected, informed.given_up);
                continue;
            }
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

/// Records for how long the oldest notice has been waiting for its client.
pub(super) async fn measure(informing: &Logouts) {
    let home = informing.home();
    match logouts::oldest_ms(home).await {
        Ok(oldest_ms) => record::set_oldest_logout(&home.own.name, oldest_ms),
        Err(error) => tracing::warn!(region = %home.own.name, %error, "what waits for clients cannot be read"),
    }
}
