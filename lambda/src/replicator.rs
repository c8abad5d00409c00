//! The stream handler: [`umoja_replicator`] in Lambda.

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use umoja_aws::Service;
use umoja_replicator::Replicator;
use umoja_runtime::aws::Needs;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_schema::Region;
use umoja_store::Home;

use crate::function::{Function, time_left};
use crate::stream::{BatchAnswer, StreamEvent};

/// The services that the replicator calls.
pub const NEEDS: Needs = Needs { own: &[Service::Sqs], peers: &[Service::DynamoDb] };

/// Builds the replicator.
#[derive(Debug, Clone, Copy)]
pub struct BuildReplicator;

/// The replicator of a region.
pub struct Replicating {
    own: Region,
    replicator: Replicator,
}

#[async_trait]
impl Build for BuildReplicator {
    type Service = Replicating;
    const SECRETS: bool = false;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Replicating, NotReady> {
        settings.may_send()?;
        Ok(Replicating { own: settings.own.name().clone(), replicator: Replicator::new(home) })
    }
}

/// Handles a batch. Records that were not handled, for whatever reason, are delivered again.
///
/// # Errors
/// If a record of the batch has no sequence number to report it by. The whole batch is then delivered again.
pub async fn handle(
    function: &Function<BuildReplicator>,
    event: LambdaEvent<StreamEvent>,
) -> Result<BatchAnswer, Error> {
    let batch =
        event.payload.into_batch(&function.prefix).inspect_err(|error| tracing::error!(%error, "unreadable"))?;
    let Some(first) = batch.changes.first().map(|change| change.sequence.clone()) else {
        return Ok(BatchAnswer::failed_from(None));
    };
    let service = match function.live.service().await {
        Ok(service) => service,
        Err(reason) => {
            tracing::error!(%reason, records = batch.changes.len(), "a batch cannot be handled yet");
            return Ok(BatchAnswer::failed_from(Some(first)));
        }
    };
    let time = time_left(&event.context, function.live.clock().now());
    let Ok(outcome) = tokio::time::timeout(time, service.replicator.handle(&batch.changes)).await else {
        tracing::error!(records = batch.changes.len(), "a batch was not handled in time");
        function.metrics.write();
        return Ok(BatchAnswer::failed_from(Some(first)));
    };
    tracing::info!(?outcome, "batch");
    let lags = if outcome.sent > 0 {
        batch.lags(&service.own, outcome.failed.as_deref(), function.live.clock().now())
    } else {
        Vec::new() // no peer accepted the changes: they are queued, so their lag is not known yet
    };
    function.metrics.write_batch(&outcome, &lags);
    Ok(BatchAnswer::failed_from(outcome.failed))
}
