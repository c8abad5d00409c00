//! Delivers to webhooks and targets.

use lambda_runtime::{Error, service_fn};
use umoja_lambda::deliver::{BuildDeliver, NEEDS, handle};
use umoja_lambda::function::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let build = |_: &_, environment: &_| Ok::<_, Error>(BuildDeliver::new(environment));
    let function = Function::start_with(NEEDS, build).await?;
    lambda_runtime::run(service_fn(async |event| handle(&function, event).await)).await
}
