//! The routes: one for each operation, and the public documents.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use umoja_schema::api::ERRORS_PATH;

use crate::app::App;
use crate::discovery;
use crate::form::Form;
use crate::handler::handle;
use crate::kinds::{METHOD, NO_OPERATION};
use crate::operation::Operation;
use crate::operations::{Visitor, visit};
use crate::problem::Problem;
use crate::request_id::with_request_ids;
use crate::respond::{not_serving, unsigned};

struct Routes(Router<Arc<App>>);

impl Visitor for Routes {
    fn operation<O: Operation>(&mut self) {
        let form = Arc::new(Form::of::<O::Body>());
        let handler = async move |State(app): State<Arc<App>>, request: Request| handle::<O>(app, form, request).await;
        self.0 = std::mem::take(&mut self.0).route(O::PATH, post(handler));
    }
}

/// The API of a region.
pub fn router(app: Arc<App>) -> Router {
    let entropy = Arc::clone(&app.accounts.home.entropy);
    with_request_ids(routes(app), &entropy)
}

/// The API of a region that does not serve. It answers `/healthz` and the discovery documents, and rejects `/readyz`
/// and every operation with 503 before it reads the body.
pub fn closed(app: Arc<App>) -> Router {
    let entropy = Arc::clone(&app.accounts.home.entropy);
    let reject = middleware::from_fn(async |request: Request, next: Next| {
        let path = request.uri().path();
        if ["/readyz", "/s"].contains(&path) || ["/v1/", "/scim/", "/s/"].iter().any(|prefix| path.starts_with(prefix))
        {
            return not_serving();
        }
        next.run(request).await
    });
    with_request_ids(routes(app).layer(reject), &entropy)
}

/// The paths of other routes of a region that does not serve: each request is answered 503, as those of [`closed`].
pub fn not_served(routes: Router) -> Router {
    routes.layer(middleware::from_fn(async |_: Request, _: Next| not_serving()))
}

fn routes(app: Arc<App>) -> Router {
    let mut routes = Routes(Router::new());
    visit(&mut routes);
    routes
        .0
        .route("/healthz", get(discovery::healthz))
        .route("/readyz", get(discovery::readyz))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route("/.well-known/retired-jwks.json", get(discovery::retired_jwks))
        .route("/.well-known/umoja.json", get(discovery::deployment))
        .route("/openapi.json", get(discovery::openapi))
        .route(ERRORS_PATH, get(discovery::errors))
        .method_not_allowed_fallback(async || unsigned(&Problem::from(&METHOD)))
        .fallback(async || unsigned(&Problem::from(&NO_OPERATION)))
        .with_state(app)
}
