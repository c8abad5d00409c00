//! Filters (RFC 7644 section 3.4.2.2): which users a query selects, and which values a change selects.

mod parse;
mod tree;

pub use self::parse::parse;
pub use self::tree::{Filter, Key, Operator};

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;
    use serde_json::{Value, json};

    fn holds(filter: &str) -> bool {
        let user = json!({
            "id": "7b", "userName": "Ada@Example.com", "active": true, "title": "",
            "name": { "givenName": "Ada" },
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }, { "value": "a@home.example" }],
            "meta": { "created": "2026-11-29T10:00:00Z" },
            schema::ENTERPRISE: { "department": "R&D" },
        });
        parse(filter).unwrap().holds(user.as_object().unwrap(), None)
    }

    #[test]
    fn operators_compare_as_the_rfc_says() {
        for filter in [
            "userName eq \"ada@example.COM\"",
            "USERNAME sw \"ada\"",
            "userName co \"@\" and userName ew \".com\"",
            "name.givenName pr",
            "active eq true",
            "active eq \"True\"",
            "not (title pr)",
            "nickName ne \"x\"",
            "emails eq \"a@home.example\"",
            "emails.value eq \"A@home.example\"",
            "emails[type eq \"work\" and value co \"example\"]",
            "title pr or userName pr and active eq true",
            "meta.created ge \"2026-01-01T00:00:00Z\" and meta.created lt \"2027-01-01T00:00:00Z\"",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"r&d\"",
        ] {
            assert!(holds(filter), "{filter}");
        }
        for filter in [
            "id eq \"7B\"",
            "userName ne \"ada@example.com\"",
            "emails[type eq \"work\" and value eq \"a@home.example\"]",
            "(title pr or userName pr) and active eq false",
            "title eq null",
        ] {
            assert!(!holds(filter), "{filter}");
        }
    }

    #[test]
    fn a_filter_names_the_keys_by_which_users_are_found() {
        let keys = |filter: &str| parse(filter).unwrap().keys().map(|keys| keys.len());
        assert_eq!(keys("userName eq \"a\""), Some(1));
        assert_eq!(keys("active eq true and userName eq \"a\""), Some(1));
        assert_eq!(keys("emails[type eq \"work\" and value eq \"a\"]"), Some(1));
        assert_eq!(keys("emails eq \"a\" or id eq \"b\""), Some(2));
        for scans in
            ["externalId eq \"a\"", "userName sw \"a\"", "userName eq \"a\" or active eq true", "not (id eq \"a\")"]
        {
            assert_eq!(keys(scans), None, "{scans}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert!(!format!("{:?}", Key::UserName("ada".to_owned())).contains("ada"));
    }

    #[test]
    fn a_filter_says_what_a_selected_value_has() {
        let members = |filter: &str| parse(filter).unwrap().members().map(Value::Object);
        assert_eq!(members("type eq \"work\" and primary eq true"), Some(json!({ "type": "work", "primary": true })));
        assert_eq!(members("type ne \"work\""), None);
    }
}
