//! The API, behind API Gateway.

use lambda_http::{Error, Request, service_fn};
use umoja_lambda::api::{build, handle};
use umoja_lambda::function::Function;
use umoja_runtime::api::NEEDS;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start_with(NEEDS, |_, environment| build(environment)).await?;
    lambda_http::run(service_fn(async |request: Request| Ok::<_, Error>(handle(&function, request).await))).await
}
