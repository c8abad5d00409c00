//! Names of attributes, as filters and changes have them: `userName`, `name.givenName`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.

use serde_json::{Map, Value};

use super::schema::{self, ENTERPRISE, USER};

/// The name of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The extension that has the attribute.
    pub extension: Option<String>,
    /// The attribute; `None` for the extension as a whole.
    pub attribute: Option<String>,
    /// The member of a complex attribute.
    pub sub: Option<String>,
}

impl Name {
    /// Reads a name. `None` if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (extension, rest) = split_urn(text)?;
        let extension = extension.map(|urn| schema::extension(urn).to_owned());
        let Some(rest) = rest else { return Some(Self { extension, attribute: None, sub: None }) };
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        let is_name = |text: &str| {
            let text = text.strip_prefix('$').unwrap_or(text);
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        let is_whole = is_name(name) && sub.is_none_or(is_name);
        is_whole.then(|| Self { extension, attribute: Some(name.to_owned()), sub: sub.map(str::to_owned) })
    }

    /// True if it is this attribute of the user itself, or a member of it.
    pub fn is(&self, name: &str) -> bool {
        self.extension.is_none() && self.attribute.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }

    /// The values that a resource has under the name.
    pub fn values<'a>(&self, resource: &'a Map<String, Value>) -> Vec<&'a Value> {
        let object = match &self.extension {
            Some(urn) => match get(resource, urn) {
                Some(Value::Object(object)) => object,
                _ => return Vec::new(),
            },
            None => resource,
        };
        let Some(name) = &self.attribute else { return Vec::new() };
        let values = get(object, name).map(each).unwrap_or_default();
        match &self.sub {
            Some(sub) => values.into_iter().filter_map(|value| get(value.as_object()?, sub)).flat_map(each).collect(),
            None => values,
        }
    }
}

/// The member with this name in any case.
pub fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

/// The extension and the rest of a name. The version in a URN has a dot too, so known URNs are recognised first.
fn split_urn(text: &str) -> Option<(Option<&str>, Option<&str>)> {
    if !starts_with(text, "urn:") {
        return Some((None, Some(text)));
    }
    for known in [USER, ENTERPRISE] {
        if !starts_with(text, known) {
            continue;
        }
        let urn = Some(known).filter(|known| *known != USER);
        match text[known.len()..].strip_prefix(':') {
            Some(rest) => return Some((urn, Some(rest))),
            None if text.len() == known.len() && urn.is_some() => return Some((urn, None)),
            None => {}
        }
    }
    let (urn, rest) = text.rsplit_once(':')?;
    Some((Some(urn), Some(rest)))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(text: &str) -> (Option<String>, Option<String>, Option<String>) {
        let Name { extension, attribute, sub } = Name::parse(text).unwrap();
        (extension, attribute, sub)
    }

    #[test]
    fn names_have_an_extension_an_attribute_and_a_member() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(name("userName"), (None, text("userName"), None));
        assert_eq!(name("name.givenName"), (None, text("name"), text("givenName")));
        assert_eq!(name(&format!("{USER}:name.givenName")), (None, text("name"), text("givenName")));
        let manager = format!("{}:manager.$ref", ENTERPRISE.to_lowercase());
        assert_eq!(name(&manager), (text(ENTERPRISE), text("manager"), text("$ref")));
        assert_eq!(name(ENTERPRISE), (text(ENTERPRISE), None, None));
        assert_eq!(name("urn:x:2.0:User:nick"), (text("urn:x:2.0:User"), text("nick"), None));
    }

    #[test]
    fn other_texts_are_no_names() {
        for text in ["", ".", "a.", "a.b.c", "a b", "1a", "urn:", "é", "name[0]", "$"] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_found_in_any_case_and_in_lists() {
        let resource = json!({ "emails": [{ "value": "a" }, { "value": "b" }, {}], ENTERPRISE: { "department": "d" } });
        let resource = resource.as_object().unwrap();
        assert_eq!(Name::parse("Emails.Value").unwrap().values(resource), [&json!("a"), &json!("b")]);
        assert_eq!(Name::parse(&format!("{ENTERPRISE}:department")).unwrap().values(resource), [&json!("d")]);
        assert!(Name::parse("title").unwrap().values(resource).is_empty());
    }
}
