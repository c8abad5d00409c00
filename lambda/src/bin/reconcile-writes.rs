//! Drains the retry queues.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::reconcile::{BuildHome, WRITES_NEED, writes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(WRITES_NEED, || Ok::<_, Error>(BuildHome)).await?;
    lambda_runtime::run(service_fn(async |event| writes(&function, event).await)).await
}
