//! What is at no page: `/`, from which a person gets to its account, and addresses at which there is nothing.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use super::asked::view_of;
use super::offered::ACCOUNT;
use super::send::to;
use super::stop::Stop;
use crate::Provider;
use crate::pages::no_return;
use crate::request::NoReturn;

/// Leads to the account.
pub(super) async fn home(State(provider): State<Arc<Provider>>) -> Result<Response, Stop> {
    to(&provider.url(ACCOUNT))
}

/// Gives browsers a page where the routes of a region have nothing. Programs get what the routes answer. The issuer is a URL without a
/// trailing slash.
pub fn with_pages(issuer: &str, routes: Router) -> Router {
    routes.layer(from_fn_with_state(Arc::<str>::from(issuer), absent))
}

async fn absent(State(issuer): State<Arc<str>>, request: Request, next: Next) -> Response {
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let view = (reads && wants_page(request.headers())).then(|| view_of(&issuer, request.headers()));
    let response = next.run(request).await;
    match view {
        Some(view) if response.status() == StatusCode::NOT_FOUND && !is_page(response.headers()) => {
            no_return(&view, NoReturn::Absent)
        }
        _ => response,
    }
}

/// Whether a browser asks for a page: it names the type, which programs that take anything do not.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|one| one.split(';').next().unwrap_or_default().trim() == "text/html")
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_browser_gets_a_page_where_there_is_nothing_and_a_program_what_the_routes_say() {
        const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
        let json = || ([(header::CONTENT_TYPE, "application/problem+json")], "{}");
        let routes = Router::new()
            .route("/there", get(async || "there"))
            .route("/own", get(async || (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html")], "own")))
            .fallback(async move || (StatusCode::NOT_FOUND, json()).into_response());
        let routes = with_pages("https://login.example", routes);
        for (method, path, accepts, status, is_ours) in [
            ("GET", "/nothing", BROWSER, 404, true),
            ("HEAD", "/nothing", BROWSER, 404, true),
            ("GET", "/nothing", "*/*", 404, false),
            ("GET", "/nothing", "application/json", 404, false),
            ("POST", "/nothing", BROWSER, 404, false),
            ("GET", "/there", BROWSER, 200, false),
            ("GET", "/own", BROWSER, 404, false),
        ] {
            let request = Request::builder().method(method).uri(path).header(header::ACCEPT, accepts);
            let Ok(response) = routes.clone().oneshot(request.body(Body::empty()).unwrap()).await;
            let has_policy = response.headers().contains_key(header::CONTENT_SECURITY_POLICY);
            assert_eq!((response.status().as_u16(), has_policy), (status, is_ours), "{method} {path} {accepts}");
        }
    }
}
