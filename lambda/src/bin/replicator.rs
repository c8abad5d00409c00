//! Replicates the streams to the peers.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::replicator::{BuildReplicator, NEEDS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(NEEDS, || Ok::<_, Error>(BuildReplicator)).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
