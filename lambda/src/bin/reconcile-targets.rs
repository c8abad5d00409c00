//! Rings again for webhooks and targets at which something is due.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::reconcile::BuildHome;
use umoja_lambda::reconcile_targets::{NEEDS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(NEEDS, || Ok::<_, Error>(BuildHome)).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
