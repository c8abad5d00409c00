//! Members of a profile that have an owner: `custom.scim.<company>` has what a SCIM client of the company wrote. No other
//! company, source or import changes it, because the client trusts what it reads there.

use serde_json::Value;
use umoja_schema::{CompanyId, Profile};

/// The member of `custom` with the attributes of SCIM clients, by company.
pub const SCIM: &str = "scim";

/// Gives a changed profile the attributes of other companies that it had before. Of the own company only an object is
/// kept.
pub(crate) fn keep(before: &Profile, after: &mut Profile, company: &CompanyId) {
    let own = after.custom.get(SCIM).and_then(|all| all.get(company.as_str())).filter(|own| own.is_object()).cloned();
    let mut all = before.custom.get(SCIM).and_then(Value::as_object).cloned().unwrap_or_default();
    all.remove(company.as_str());
    all.extend(own.map(|own| (company.to_string(), own)));
    if all.is_empty() {
        after.custom.remove(SCIM);
    } else {
        after.custom.insert(SCIM.to_owned(), Value::Object(all));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(before: Value, after: Value) -> Value {
        let profile = |custom: Value| Profile { custom: custom.as_object().unwrap().clone(), ..Profile::default() };
        let mut changed = profile(after);
        keep(&profile(before), &mut changed, &"acme".parse().unwrap());
        Value::Object(changed.custom)
    }

    #[test]
    fn a_company_changes_only_its_own_attributes_of_scim() {
        let before = json!({ "scim": { "acme": { "title": "a" }, "food": { "title": "b" } } });
        let changed = json!({ "scim": { "acme": { "title": "c" }, "food": { "title": "d" }, "blog": {} } });
        let expected = json!({ "scim": { "acme": { "title": "c" }, "food": { "title": "b" } } });
        assert_eq!(kept(before.clone(), changed), expected);
        assert_eq!(kept(before.clone(), json!({})), json!({ "scim": { "food": { "title": "b" } } }));
        assert_eq!(kept(before, json!({ "scim": ["x"] })), json!({ "scim": { "food": { "title": "b" } } }));
    }

    #[test]
    fn another_value_of_the_name_is_dropped() {
        assert_eq!(kept(json!({}), json!({ "scim": ["x"], "plan": 1 })), json!({ "plan": 1 }));
        assert_eq!(kept(json!({}), json!({ "scim": { "acme": "x" } })), json!({}));
    }
}
