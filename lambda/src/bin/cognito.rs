//! Answers the triggers of a user pool.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::cognito::{BuildCognito, NEEDS, handle};
use umoja_lambda::function::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start_with(NEEDS, |_, environment| BuildCognito::new(environment)).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
