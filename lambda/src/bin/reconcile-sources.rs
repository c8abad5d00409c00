//! Compares a user pool with the store.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::reconcile_sources::{BuildReconciler, NEEDS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start_with(NEEDS, BuildReconciler::new).await?;
    lambda_runtime::run(service_fn(async |event| Box::pin(handle(&function, event)).await)).await
}
