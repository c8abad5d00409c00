//! The rate limit of a company in the answers: the headers of draft-ietf-httpapi-ratelimit-headers-11, and the problem
//! 429. [`umoja_accounts::rates`] counts.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use umoja_accounts::rates::{Standing, WINDOW_SECS};
use umoja_schema::Millis;

use crate::kinds::RATE_LIMITED;
use crate::problem::{POLICY, Problem};

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The problem 429 if the request was rejected.
pub(crate) fn problem(standing: &Standing) -> Option<Problem> {
    standing.retry_after_secs().map(|secs| Problem::later(&RATE_LIMITED, secs))
}

/// Sets the headers of an answer that is given now.
pub(crate) fn set_headers(standing: &Standing, response: &mut Response, now: Millis, retry_after: Option<u32>) {
    let headers = response.headers_mut();
    let fields = [(&RATE_LIMIT_POLICY, policy(standing)), (&RATE_LIMIT, limit(standing, now, retry_after))];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// `RateLimit-Policy`.
fn policy(standing: &Standing) -> String {
    format!("\"{POLICY}\";q={};w={WINDOW_SECS}", standing.quota)
}

/// `RateLimit`. It has no `t` if `Retry-After` has another reason and is earlier, because `Retry-After` must not be
/// earlier than `t` (section 6).
fn limit(standing: &Standing, now: Millis, retry_after: Option<u32>) -> String {
    let (left, secs) = (standing.left, standing.secs(now));
    if retry_after.is_some_and(|retry_after| u64::from(retry_after) < secs) {
        format!("\"{POLICY}\";r={left}")
    } else {
        format!("\"{POLICY}\";r={left};t={secs}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_structured_fields_without_an_early_retry() {
        let standing = Standing { quota: 50, left: 7, ends: Millis(20_000), now: Millis(12_500), is_rejected: false };
        assert_eq!(policy(&standing), "\"company\";q=50;w=10");
        assert_eq!(limit(&standing, Millis(12_500), None), "\"company\";r=7;t=8");
        assert_eq!(limit(&standing, Millis(12_500), Some(8)), "\"company\";r=7;t=8");
        assert_eq!(limit(&standing, Millis(12_500), Some(7)), "\"company\";r=7");
        assert_eq!(limit(&standing, Millis(21_000), None), "\"company\";r=7;t=0");
        assert_eq!(problem(&standing), None);
        let rejected = Standing { is_rejected: true, ..standing };
        assert_eq!(problem(&rejected).unwrap().retry_after_secs, Some(8));
    }
}
