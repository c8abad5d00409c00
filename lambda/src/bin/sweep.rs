//! Compares the region with its peers, and mends what differs.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::sweep::{BuildSweep, NEEDS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(NEEDS, || Ok::<_, Error>(BuildSweep)).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
