//! Which attributes an answer has (RFC 7644 section 3.9).

use serde_json::{Map, Value};

use super::error::ScimError;
use super::path::{Name, get};
use super::schema;

/// The attributes that every answer has.
const ALWAYS: [&str; 2] = ["schemas", "id"];

/// A choice of attributes.
#[derive(Debug, Clone, Default)]
pub enum Projection {
    /// All.
    #[default]
    All,
    /// These only.
    Only(Vec<Name>),
    /// All but these.
    Without(Vec<Name>),
}

impl Projection {
    /// The choice of a request.
    ///
    /// # Errors
    /// If a name is none.
    pub fn new<'a>(
        attributes: impl Iterator<Item = &'a str>,
        excluded: impl Iterator<Item = &'a str>,
    ) -> Result<Self, ScimError> {
        fn names<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Name>, ScimError> {
            let texts = texts.map(str::trim).filter(|text| !text.is_empty());
            texts
                .map(|text| Name::parse(text).ok_or(ScimError::path("An attribute of the answer has no name.")))
                .collect()
        }
        let (attributes, excluded) = (names(attributes)?, names(excluded)?);
        Ok(match (attributes.is_empty(), excluded.is_empty()) {
            (false, _) => Self::Only(attributes),
            (true, false) => Self::Without(excluded),
            (true, true) => Self::All,
        })
    }

    /// The representation with these attributes.
    #[must_use]
    pub fn of(&self, whole: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::All => whole,
            Self::Only(names) => {
                let mut kept: Map<_, _> =
                    ALWAYS.iter().filter_map(|name| Some(((*name).to_owned(), whole.get(*name)?.clone()))).collect();
                for name in names {
                    keep(&mut kept, &whole, name);
                }
                kept
            }
            Self::Without(names) => {
                let mut whole = whole;
                for name in names.iter().filter(|name| !ALWAYS.iter().any(|always| name.is(always))) {
                    remove(&mut whole, name);
                }
                whole
            }
        }
    }
}

/// The member's own spelling.
fn spelling(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.keys().find(|own| own.eq_ignore_ascii_case(name)).cloned()
}

fn keep(kept: &mut Map<String, Value>, whole: &Map<String, Value>, name: &Name) {
    let path = [name.extension.as_deref().map(schema::extension), name.attribute.as_deref(), name.sub.as_deref()];
    let path: Vec<&str> = path.into_iter().flatten().collect();
    keep_at(kept, whole, &path);
}

fn keep_at(kept: &mut Map<String, Value>, whole: &Map<String, Value>, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else { return };
    let (Some(name), Some(value)) = (spelling(whole, first), get(whole, first)) else { return };
    if rest.is_empty() {
        kept.insert(name, value.clone());
        return;
    }
    let entry = kept.entry(name);
    match value {
        Value::Object(inner) => {
            if let Value::Object(kept) = entry.or_insert_with(|| Value::Object(Map::new())) {
                keep_at(kept, inner, rest);
            }
        }
        Value::Array(values) => {
            let empty = || Value::Array(vec![Value::Object(Map::new()); values.len()]);
            if let Value::Array(kept) = entry.or_insert_with(empty) {
                for (kept, value) in kept.iter_mut().zip(values) {
                    if let (Value::Object(kept), Value::Object(inner)) = (kept, value) {
                        keep_at(kept, inner, rest);
                    }
                }
            }
        }
        _ => {}
    }
}

fn remove(whole: &mut Map<String, Value>, name: &Name) {
    let path = [name.extension.as_deref().map(schema::extension), name.attribute.as_deref(), name.sub.as_deref()];
    let path: Vec<&str> = path.into_iter().flatten().collect();
    remove_at(whole, &path);
}

fn remove_at(whole: &mut Map<String, Value>, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(name) = spelling(whole, first) else { return };
    if rest.is_empty() {
        whole.remove(&name);
        return;
    }
    match whole.get_mut(&name) {
        Some(Value::Object(inner)) => remove_at(inner, rest),
        Some(Value::Array(values)) => {
            values.iter_mut().filter_map(Value::as_object_mut).for_each(|inner| remove_at(inner, rest));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::ENTERPRISE;
    use super::*;
    use serde_json::json;

    fn projected(attributes: &str, excluded: &str) -> Value {
        let whole = json!({
            "schemas": [], "id": "1", "userName": "ada", "name": { "givenName": "A", "familyName": "L" },
            "emails": [{ "value": "a", "type": "work" }, { "value": "b" }], ENTERPRISE: { "department": "d", "division": "e" },
        });
        let Value::Object(whole) = whole else { panic!("an object") };
        Value::Object(Projection::new(attributes.split(','), excluded.split(',')).unwrap().of(whole))
    }

    #[test]
    fn an_answer_has_the_attributes_that_were_asked_for() {
        assert_eq!(projected("USERNAME,title", ""), json!({ "schemas": [], "id": "1", "userName": "ada" }));
        let members = projected(&format!("name.familyName, emails.value,{ENTERPRISE}:department"), "id");
        let expected = json!({
            "schemas": [], "id": "1", "name": { "familyName": "L" }, "emails": [{ "value": "a" }, { "value": "b" }],
            ENTERPRISE: { "department": "d" },
        });
        assert_eq!(members, expected);
    }

    #[test]
    fn an_answer_lacks_the_attributes_that_were_excluded() {
        let rest = projected("", &format!("id,schemas,userName,name.GivenName,emails.type,{ENTERPRISE}"));
        let expected = json!({ "schemas": [], "id": "1", "name": { "familyName": "L" }, "emails": [{ "value": "a" }, { "value": "b" }] });
        assert_eq!(rest, expected);
        assert_eq!(projected("", "").as_object().map(Map::len), Some(6));
    }
}
