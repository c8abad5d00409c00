//! The attributes of a user: those of RFC 7643 that are served, as `Schemas` publishes them.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// The schema of a user (RFC 7643 section 4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The extension for users of an enterprise (RFC 7643 section 4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The attributes that every resource has (RFC 7643 section 3.1) and that no schema lists.
static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    let text = |name: &str, mutability: &str| Attribute {
        name: name.to_owned(),
        kind: Kind::String,
        multi_valued: false,
        case_exact: true,
        mutability: mutability.to_owned(),
        sub_attributes: Vec::new(),
    };
    let meta = ["resourceType", "created", "lastModified", "location", "version"];
    let meta = Attribute {
        kind: Kind::Complex,
        sub_attributes: meta.iter().map(|name| text(name, "readOnly")).collect(),
        ..text("meta", "readOnly")
    };
    let many = |name| Attribute { multi_valued: true, ..text(name, "readOnly") };
    vec![text("id", "readOnly"), text("externalId", "readWrite"), many("schemas"), many("groups"), meta]
});

static SCHEMAS: LazyLock<[(Schema, Value); 2]> =
    LazyLock::new(|| [include_str!("schemas/user.json"), include_str!("schemas/enterprise.json")].map(read));

fn read(text: &str) -> (Schema, Value) {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    (serde_json::from_value(value.clone()).unwrap_or_default(), value)
}

/// The documents of the schemas.
pub fn documents() -> impl Iterator<Item = &'static Value> {
    SCHEMAS.iter().map(|(_, document)| document)
}

/// A schema.
#[derive(Default, Deserialize)]
struct Schema {
    id: String,
    attributes: Vec<Attribute>,
}

/// An attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Its name, in the spelling of its schema.
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// True if it has a list of values.
    pub multi_valued: bool,
    /// True if texts that differ in case are different values.
    #[serde(default)]
    pub case_exact: bool,
    mutability: String,
    /// The members of a complex value.
    #[serde(default)]
    pub sub_attributes: Vec<Attribute>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A text.
    #[serde(alias = "reference", alias = "binary")]
    String,
    /// True or false.
    Boolean,
    /// An object.
    Complex,
}

impl Attribute {
    /// True if only the server sets it.
    pub fn is_read_only(&self) -> bool {
        self.mutability == "readOnly"
    }

    /// The member of a complex value with this name, in any case.
    pub fn sub(&self, name: &str) -> Option<&Attribute> {
        named(&self.sub_attributes, name)
    }
}

/// The attribute of a name in any case: of the extension, or of the user itself.
pub fn attribute(extension: Option<&str>, name: &str) -> Option<&'static Attribute> {
    let id = extension.unwrap_or(USER);
    let own = SCHEMAS.iter().find(|(schema, _)| schema.id.eq_ignore_ascii_case(id));
    let own = own.and_then(|(schema, _)| named(&schema.attributes, name));
    own.or_else(|| if extension.is_none() { named(&COMMON, name) } else { None })
}

/// The URN of a known extension in its own spelling, or the text as it is.
pub fn extension(urn: &str) -> &str {
    if urn.eq_ignore_ascii_case(ENTERPRISE) { ENTERPRISE } else { urn }
}

fn named<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schemas_can_be_read() {
        let ids: Vec<_> = documents().map(|document| document["id"].as_str().unwrap_or_default()).collect();
        assert_eq!(ids, [USER, ENTERPRISE]);
        for (schema, document) in SCHEMAS.iter() {
            assert_eq!(Some(schema.attributes.len()), document["attributes"].as_array().map(Vec::len));
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let user_name = attribute(None, "USERNAME").unwrap();
        assert_eq!((user_name.name.as_str(), user_name.case_exact), ("userName", false));
        assert!(attribute(None, "Meta").unwrap().is_read_only());
        assert_eq!(attribute(Some(&ENTERPRISE.to_uppercase()), "department").unwrap().kind, Kind::String);
        assert!(attribute(Some(ENTERPRISE), "userName").is_none());
        assert!(attribute(Some("urn:x:y"), "userName").is_none());
    }

    #[test]
    fn no_secret_and_no_group_is_published() {
        assert!(attribute(None, "password").is_none());
        assert!(attribute(None, "groups").unwrap().is_read_only());
    }
}
