//! Wraps data keys for the regions that lack them.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::reconcile::{BuildSealing, KEYS_NEED, keys};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(KEYS_NEED, || Ok::<_, Error>(BuildSealing)).await?;
    lambda_runtime::run(service_fn(async |event| keys(&function, event).await)).await
}
