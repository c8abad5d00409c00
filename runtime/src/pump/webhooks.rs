//! Posts the events of webhooks, each in a task of its own, so that none waits for another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use umoja_provisioner::Webhooks;
use umoja_provisioner::webhooks::Step;
use umoja_schema::{Region, WebhookId};

use crate::record;

/// How often webhooks are looked for that were added.
const LOOK: Duration = Duration::from_secs(1);
/// How long a webhook whose rows cannot be read or written is left alone.
const BACK_OFF: Duration = Duration::from_secs(5);

/// Posts events until stopped, and looks again after the pause where there are none.
pub(super) async fn post(webhooks: Arc<Webhooks>, region: Region, pause: Duration, mut stop: watch::Receiver<bool>) {
    let (mut running, mut tasks) = (BTreeSet::new(), JoinSet::new());
    while !*stop.borrow() {
        match webhooks.ids().await {
            Ok(ids) => {
                for id in ids.into_iter().filter(|id| running.insert(id.clone())).collect::<Vec<_>>() {
                    tasks.spawn(run(Arc::clone(&webhooks), id, pause, stop.clone()));
                }
            }
            Err(error) => tracing::warn!(%region, %error, "the webhooks cannot be read"),
        }
        tokio::select! {
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => match ended {
                Ok(id) => drop(running.remove(&id)),
                Err(error) => {
                    tracing::error!(%region, %error, "a task of a webhook failed");
                    // Its webhook is not known, so all are asked again: one that runs waits for its own step.
                    running.clear();
                }
            },
            () = sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Posts the events of one webhook until stopped, or until it has no work here.
async fn run(webhooks: Arc<Webhooks>, id: WebhookId, pause: Duration, mut stop: watch::Receiver<bool>) -> WebhookId {
    while !*stop.borrow() {
        let wait = match webhooks.step(&id).await {
            Ok(None) => break,
            Ok(Some(step)) => {
                record_step(&step);
                if step.more {
                    continue;
                }
                pause
            }
            Err(error) => {
                tracing::warn!(webhook = %id, %error, "the events of a webhook cannot be posted");
                BACK_OFF
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.changed() => {}
        }
    }
    id
}

fn record_step(step: &Step) {
    record::webhook(step.accepted, step.rejected, step.failed);
}

/// Records since when the oldest event waits that a webhook of the region has not accepted.
pub(super) async fn measure(webhooks: &Webhooks, region: &Region) {
    match webhooks.oldest_ms().await {
        Ok(oldest_ms) => record::set_oldest_webhook_event(region, oldest_ms),
        Err(error) => tracing::warn!(%region, %error, "what waits for webhooks cannot be read"),
    }
}
