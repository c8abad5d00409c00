//! Applies the events of sources.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::ingest_worker::{BuildWorker, NEEDS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(NEEDS, BuildWorker::new).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
