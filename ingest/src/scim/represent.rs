//! A user as an answer shows it.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use umoja_schema::Millis;

use super::directory::Entry;

/// The weak entity tag of a user (RFC 9110 section 8.8.3).
pub(super) fn etag(entry: &Entry) -> String {
    format!("W/\"{}\"", entry.version)
}

/// Where a user is.
pub(super) fn location(base: &str, entry: &Entry) -> String {
    format!("{base}/Users/{}", entry.id)
}

/// The whole representation of a user.
pub(super) fn represent(base: &str, entry: &Entry) -> Map<String, Value> {
    // What is the server's is set last, so that no stored attribute can take its place.
    let mut members = entry.user.0.clone();
    members.insert("schemas".to_owned(), entry.user.schemas().into());
    members.insert("id".to_owned(), entry.id.to_string().into());
    let meta = json!({
        "resourceType": "User", "created": date(entry.created), "lastModified": date(entry.modified),
        "location": location(base, entry), "version": etag(entry),
    });
    members.insert("meta".to_owned(), meta);
    members
}

/// A time as RFC 7643 section 2.3.5 has it, in whole seconds, so that texts compare as times do.
fn date(at: Millis) -> String {
    let at = i64::try_from(at.secs()).ok().and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok());
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

/// True if a header such as `If-Match` names the version of a user, or any.
pub(super) fn names(header: &str, entry: &Entry) -> bool {
    let tag = |text: &str| text.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    header.split(',').any(|text| text.trim() == "*" || tag(text) == entry.version)
}

#[cfg(test)]
mod tests {
    use umoja_schema::UserId;

    use super::super::resource::Resource;
    use super::*;

    #[test]
    fn a_user_is_shown_with_its_place_and_version() {
        let user = Resource(Map::from_iter([("userName".to_owned(), "ada".into())]));
        let (id, at) = (UserId::v8([1; 16]), Millis(1_800_000_000_999));
        let entry = Entry { id, version: "v1".to_owned(), created: at, modified: at, user };
        let shown = Value::Object(represent("https://a.example/scim/v2/acme", &entry));
        let expected = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": id, "userName": "ada",
            "meta": {
                "resourceType": "User", "created": "2027-01-15T08:00:00Z", "lastModified": "2027-01-15T08:00:00Z",
                "location": format!("https://a.example/scim/v2/acme/Users/{id}"), "version": "W/\"v1\"",
            },
        });
        assert_eq!(shown, expected);
        assert!(names("W/\"v1\"", &entry) && names("\"v0\", \"v1\"", &entry) && names("*", &entry));
        assert!(!names("W/\"v2\"", &entry) && !names("", &entry));
    }
}
