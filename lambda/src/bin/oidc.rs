//! Single sign-on, behind a REST API of its own.

use lambda_http::{Error, Request, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::oidc::{BuildOidc, NEEDS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start_with(NEEDS, |_, environment| BuildOidc::new(environment)).await?;
    lambda_http::run(service_fn(async |request: Request| Ok::<_, Error>(handle(&function, request).await))).await
}
