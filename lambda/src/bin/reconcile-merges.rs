//! Merges users that two trusted companies verified to be one person.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::reconcile::{BuildSealing, MERGES_NEED, merges};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(MERGES_NEED, || Ok::<_, Error>(BuildSealing)).await?;
    lambda_runtime::run(service_fn(async |event| merges(&function, event).await)).await
}
