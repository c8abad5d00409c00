//! Rings again for the webhooks, targets and clients at which something is due, by a schedule: a delivery that failed and is to be
//! repeated, a system that was out and is tried, a message that was lost.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::Service;
use umoja_provisioner::{logouts, targets, webhooks};
use umoja_runtime::aws::Needs;
use umoja_store::Home;
use umoja_store::ports::StoreError;

use crate::function::{Function, time_left};
use crate::metrics::Metrics;
use crate::reconcile::{BuildHome, ready};

/// The services that ringing calls.
pub const NEEDS: Needs = Needs { own: &[Service::Sqs], peers: &[] };

/// Rings for what is due, and reports how long it has been.
///
/// # Errors
/// Never: the next run rings again.
pub async fn handle(function: &Function<BuildHome>, event: LambdaEvent<Value>) -> Result<(), Error> {
    let time = time_left(&event.context, function.live.clock().now());
    if let Some(home) = ready(function).await {
        rung(&home, function.metrics, time).await;
    }
    function.metrics.write();
    Ok(())
}

async fn rung(home: &Home, metrics: Metrics, time: Duration) {
    let all = async {
        let (targets, oldest_due) = targets::wake_due(home).await?;
        metrics.write_oldest_due(oldest_due);
        let webhooks = webhooks::wake_due(home).await?;
        metrics.write_oldest_webhook_event(webhooks::oldest_ms(home).await?);
        logouts::wake_due(home).await?;
        metrics.write_oldest_logout(logouts::oldest_ms(home).await?);
        Ok::<_, StoreError>((targets, webhooks, oldest_due))
    };
    match tokio::time::timeout(time, all).await {
        Ok(Ok((targets, webhooks, oldest_due_ms))) => tracing::info!(targets, webhooks, oldest_due_ms, "rang again"),
        Ok(Err(error)) => tracing::error!(%error, "it is not known at which systems something is due"),
        Err(_) => tracing::error!("not every system was looked at in time"),
    }
}
