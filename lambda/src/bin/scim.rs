//! The SCIM server, behind the HTTP API.

use lambda_http::{Error, Request, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::routes::handle;
use umoja_lambda::scim::{BuildScim, NEEDS};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start(NEEDS, BuildScim::new).await?;
    lambda_http::run(service_fn(async |request: Request| Ok::<_, Error>(handle(&function, request).await))).await
}
