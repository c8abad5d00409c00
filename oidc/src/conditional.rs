//! The answer to who has a document already (RFC 9110 section 13.1.2): clients ask for the keys again and again.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// A JSON document with its ETag, made once and sent often.
#[derive(Debug, Clone)]
pub struct Document {
    json: String,
    etag: HeaderValue,
    cached: HeaderValue,
}

impl Document {
    /// A document with its ETag, in quotes, that a client may keep for some seconds.
    pub fn new(json: String, etag: &str, max_age_secs: u32) -> Self {
        let cached = HeaderValue::from_str(&format!("public, max-age={max_age_secs}"));
        let [etag, cached] =
            [HeaderValue::from_str(etag), cached].map(|value| value.unwrap_or(HeaderValue::from_static("no-cache")));
        Self { json, etag, cached }
    }

    /// The document, or 304 if the request says that its sender has it.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let had = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut had = had.flat_map(|value| value.split(',')).map(str::trim);
        let has = had.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.etag.as_bytes());
        let mut response = Response::new(if has { Body::empty() } else { Body::from(self.json.clone()) });
        if has {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, self.cached.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Programs in browsers read the keys too (Fetch: CORS).
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(document: &Document, tag: Option<&str>) -> u16 {
        let mut request = HeaderMap::new();
        if let Some(tag) = tag {
            request.insert(header::IF_NONE_MATCH, tag.parse().unwrap());
        }
        document.answer(&request).status().as_u16()
    }

    #[test]
    fn who_has_the_document_does_not_get_it_again() {
        let document = Document::new("{\"keys\":[]}".to_owned(), "\"a-tag\"", 300);
        let answer = document.answer(&HeaderMap::new());
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=300");
        let etag = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
        for tag in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            assert_eq!(status(&document, Some(&tag)), 304, "{tag}");
        }
        for tag in [None, Some("\"x\""), Some(etag.trim_matches('"'))] {
            assert_eq!(status(&document, tag), 200, "{tag:?}");
        }
    }
}
