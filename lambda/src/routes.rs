//! Routes behind API Gateway that are not the API's: one router, and nothing while the region does not serve.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::{PathAndQuery, Uri};
use axum::response::Response;
use lambda_http::RequestExt as _;
use tower::ServiceExt as _;
use umoja_api::{RequestId, identified, not_serving, unavailable};
use umoja_host::OsEntropy;
use umoja_runtime::region::{Build, Live, Settings};

use crate::function::Function;

/// The routes of a region; none while it does not serve.
#[derive(Debug)]
pub struct Routes(Option<Router>);

impl Routes {
    /// These routes, if the region serves.
    pub fn new(settings: &Settings, router: impl FnOnce() -> Router) -> Self {
        Self(settings.own.state.serves().then(router))
    }

    /// No routes, whatever the state of the region.
    pub const fn none() -> Self {
        Self(None)
    }

    async fn answer(&self, request: Request) -> Response {
        let Some(router) = &self.0 else { return not_serving() };
        let Ok(response) = router.clone().oneshot(request).await;
        response
    }
}

/// Answers a request of API Gateway.
pub async fn handle<B: Build<Service = Routes>>(function: &Function<B>, request: lambda_http::Request) -> Response {
    let response = answer(&function.live, of_gateway(request)).await;
    function.metrics.write();
    response
}

/// The request with Lambda's id, which its span and so every log line already has, and without the stage in its path,
/// which is a part of a REST API's own URL only.
pub(crate) fn of_gateway(request: lambda_http::Request) -> Request {
    let id = request.lambda_context_ref().and_then(|context| RequestId::of_host(&context.request_id));
    let target = match request.uri().query() {
        Some(query) => format!("{}?{query}", request.raw_http_path()),
        None => request.raw_http_path().to_owned(),
    };
    let mut request = request.map(Body::new);
    if let Ok(target) = target.parse::<PathAndQuery>() {
        *request.uri_mut() = Uri::from(target);
    }
    if let Some(id) = id {
        request.extensions_mut().insert(id);
    }
    request
}

pub(crate) async fn answer<B: Build<Service = Routes>>(live: &Live<B>, request: Request) -> Response {
    let answered = async |request: Request| match live.service().await {
        Ok(routes) => routes.answer(request).await,
        Err(reason) => {
            tracing::error!(%reason, "not ready");
            unavailable()
        }
    };
    identified(&OsEntropy, request, answered).await
}
