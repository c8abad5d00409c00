//! The cookie that stands for a ticket. It holds the ticket itself, so every region can read it and none stores it.

use axum::http::{HeaderMap, HeaderValue, header};
use umoja_schema::Millis;
use umoja_schema::api::MAX_TICKET;

use crate::statuses::Opened;

const NAME: &str = "umoja_status";

/// Whether a text can be a ticket: the characters of URLs that need no escape (RFC 3986 section 2.3). So it can stand in a
/// cookie.
pub(crate) fn is_ticket(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    !text.is_empty() && text.len() <= MAX_TICKET && text.bytes().all(is_plain)
}

/// The cookie of a ticket: kept from programs and from other sites, sent to the page only, until the ticket ends.
pub(crate) fn cookie(opened: &Opened, base_url: &str, now: Millis) -> Option<HeaderValue> {
    let secs = opened.expires_at().since(now) / 1000;
    let secure = if base_url.starts_with("https://") { "; Secure" } else { "" };
    let text = &opened.text;
    format!("{NAME}={text}; Path=/s; Max-Age={secs}; HttpOnly; SameSite=Strict{secure}").parse().ok()
}

/// The ticket of a request.
pub(crate) fn ticket(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(name, _)| *name == NAME).map(|(_, text)| text).filter(|text| is_ticket(text))
}

/// True if a browser says that a page of another site makes the request (Fetch Metadata). Programs say nothing.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}
