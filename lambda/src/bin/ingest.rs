//! Accepts the events of sources, behind the REST API.

use lambda_http::{Error, Request, service_fn};
use umoja_lambda::function::Function;
use umoja_lambda::ingest::{BuildIngest, NEEDS};
use umoja_lambda::routes::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let build = |deployment: &_, environment: &_| Ok::<_, Error>(BuildIngest::new(deployment, environment));
    let function = Function::start_with(NEEDS, build).await?;
    lambda_http::run(service_fn(async |request: Request| Ok::<_, Error>(handle(&function, request).await))).await
}
