//! Compares the region with its peers, and repairs what differs.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::anti_entropy::{BuildAntiEntropy, NEEDS, handle};
use umoja_lambda::function::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(NEEDS, || Ok::<_, Error>(BuildAntiEntropy)).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
