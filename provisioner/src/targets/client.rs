//! A target as it is called, and what its answers are read into.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use umoja_crypto::WebhookSecret;
use umoja_schema::{Millis, TargetKind};
use umoja_store::ports::{Answered, Call, Method, Outbound};
use zeroize::Zeroizing;

use crate::targets::failure::{Code, Failure};

/// The most bytes of an id or an entity tag that a target gives.
const MAX_TEXT: usize = 512;

/// An account at a target.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id at the target, which may be personal data.
    pub id: String,
    /// The entity tag of its present state, if the target gave one.
    pub etag: Option<String>,
}

/// How the change of an account ended.
#[derive(Clone, PartialEq, Eq)]
pub enum Changed {
    /// The target has it.
    Done(Account),
    /// There is no such account any more.
    Gone,
    /// It was changed since its entity tag was given, by hand or by another delivery, and nothing was done. This is what
    /// it is now.
    Stale(Account),
}

/// How the making of an account ended.
#[derive(Clone, PartialEq, Eq)]
pub enum Created {
    /// It was made.
    Made(Account),
    /// The target has one that was made for the user before. It may have other values.
    Found(Account),
}

/// A target as it is called.
pub struct Client<'a> {
    pub(crate) outbound: &'a dyn Outbound,
    pub(crate) kind: TargetKind,
    /// The base URL without a trailing slash.
    pub(crate) url: &'a str,
    pub(crate) authorization: Option<Zeroizing<String>>,
    /// The secrets that sign messages, of the kind `webhook`.
    pub(crate) secrets: Vec<WebhookSecret>,
    pub(crate) now: Millis,
}

impl<'a> Client<'a> {
    /// The client of a target with its bearer token, or the secrets of the kind `webhook`.
    pub fn new(outbound: &'a dyn Outbound, kind: TargetKind, url: &'a str, token: Option<&str>) -> Self {
        let words = token.unwrap_or_default().split_whitespace();
        let (authorization, secrets) = if kind == TargetKind::Webhook {
            (None, words.filter_map(WebhookSecret::read).collect())
        } else {
            (token.map(|token| Zeroizing::new(format!("Bearer {token}"))), Vec::new())
        };
        Self { outbound, kind, url, authorization, secrets, now: Millis(0) }
    }

    /// The same client at this time, which is said in what it signs.
    #[must_use]
    pub fn at(self, now: Millis) -> Self {
        Self { now, ..self }
    }

    /// Makes a call under the base URL, with a body of this media type.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        if_match: Option<&str>,
        body: Option<(&str, &Value)>,
    ) -> Result<Answered, Failure> {
        let url = format!("{}{path}", self.url);
        let accepted = match self.kind {
            TargetKind::Scim => "application/scim+json, application/json",
            TargetKind::Http | TargetKind::Webhook => "application/json",
        };
        let bytes = Zeroizing::new(body.map(|(_, body)| body.to_string().into_bytes()).unwrap_or_default());
        let mut headers = vec![("accept", accepted)];
        headers.extend(self.authorization.as_ref().map(|value| ("authorization", value.as_str())));
        headers.extend(body.map(|(media_type, _)| ("content-type", media_type)));
        headers.extend(if_match.map(|etag| ("if-match", etag)));
        Ok(self.outbound.call(&Call { method, url: &url, headers: &headers, body: &bytes }).await?)
    }
}

/// A text that a target gave, if it is one that can be kept and sent back.
pub(crate) fn kept(text: &str) -> Option<String> {
    let is_kept = !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
    is_kept.then(|| text.to_owned())
}

/// The object of an answer.
pub(crate) fn object(answer: &Answered) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Failure::from(Code::UnreadableAnswer)),
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || byte == b'.' && !text.trim_matches('.').is_empty()
        {
            segment.push(char::from(byte));
        } else {
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        assert_eq!(segment("2819c223-7f76"), "2819c223-7f76");
        assert_eq!(segment("a/b?c#d"), "a%2Fb%3Fc%23d");
        assert_eq!(segment("ada@example.com"), "ada%40example.com");
        assert_eq!(segment(".."), "%2E%2E");
    }

    #[test]
    fn a_text_that_could_not_be_sent_back_is_not_kept() {
        assert_eq!(kept("W/\"1\""), Some("W/\"1\"".to_owned()));
        for text in ["", "a\r\nb", &"x".repeat(MAX_TEXT + 1)] {
            assert_eq!(kept(text), None);
        }
    }
}
