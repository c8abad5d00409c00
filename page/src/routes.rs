//! The routes of the page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use umoja_look::Wanted;
use umoja_schema::Company;

use crate::events::{self, Seen};
use crate::page::{Page, View};
use crate::problem::Problem;
use crate::session;
use crate::statuses::Opened;

/// The most bytes of the body with the ticket.
const MAX_BODY: usize = 8 * 1024;

/// The page of a region.
pub fn router(page: Arc<Page>) -> Router {
    Router::new()
        .route("/s", get(html))
        .route("/s/session", post(begin))
        .route("/s/state", get(state))
        .route("/s/events", get(stream))
        .layer(middleware::from_fn(guarded))
        .with_state(page)
}

/// What every answer says to the browser: keep it to yourself, and to this site.
async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let other = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(other);
    response
}

async fn html(State(page): State<Arc<Page>>, uri: Uri, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let chosen = uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("lang="));
    let language = Wanted { chosen, accepted: accepted.unwrap_or_default(), ..Wanted::default() }.language();
    let named = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, "accept-language"),
        (header::CONTENT_SECURITY_POLICY, &page.policy),
    ];
    (named, page.html(language)).into_response()
}

/// Exchanges the ticket for the cookie.
async fn begin(State(page): State<Arc<Page>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    if session::is_foreign(&parts.headers) {
        return Err(Problem::Foreign);
    }
    // A page of others can send such a body only if this site agreed to it, which it does not.
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(Problem::Body);
    }
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Problem::Body)?;
    let body: Value = serde_json::from_slice(&body.to_bytes()).map_err(|_| Problem::Body)?;
    let (text, now) = (body["ticket"].as_str().unwrap_or_default(), page.clock.now());
    let (opened, company) = page.opened(text, now).await?;
    let mut response = Json(page.view(&opened, &company).await?).into_response();
    let cookie = session::cookie(&opened, &page.base_url, now).ok_or(Problem::Ticket)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    tracing::info!(company = %opened.ticket.company, user = %opened.ticket.user, "a status page is opened");
    Ok(response)
}

/// The ticket of the cookie, and the company that it is of.
async fn resumed(page: &Page, headers: &HeaderMap) -> Result<(Opened, Arc<Company>), Problem> {
    if session::is_foreign(headers) {
        return Err(Problem::Foreign);
    }
    let text = session::ticket(headers).ok_or(Problem::Ticket)?;
    page.opened(text, page.clock.now()).await
}

async fn state(State(page): State<Arc<Page>>, headers: HeaderMap) -> Result<Json<View>, Problem> {
    let (opened, company) = resumed(&page, &headers).await?;
    Ok(Json(page.view(&opened, &company).await?))
}

async fn stream(State(page): State<Arc<Page>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (opened, _) = resumed(&page, &headers).await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let seen = Seen::read(&opened.text, last);
    events::answer(&page, opened, seen).await
}

#[cfg(test)]
mod tests;
