//! Makes events for companies from the streams.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::feed::{BuildFeed, NEEDS, handle};
use umoja_lambda::function::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(NEEDS, || Ok::<_, Error>(BuildFeed)).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
