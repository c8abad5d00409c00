use super::super::resource::{MAX_RESOURCE, MAX_VALUES};
use super::super::schema::USER;
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn user() -> Resource {
    let body = json!({
        "schemas": [USER], "userName": "ada", "active": true,
        "name": { "givenName": "Ada", "familyName": "L" },
        "emails": [{ "value": "a@work.example", "type": "work", "primary": true }, { "value": "a@home.example", "type": "home" }],
        ENTERPRISE: { "department": "R&D" },
    });
    Resource::read(&body).unwrap()
}

fn apply_to(operations: Value) -> Result<Value, ScimError> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    apply(&user(), &body).map(|user| Value::Object(user.0))
}

/// The user after the operations, with these members changed.
fn expect(operations: Value, changed: &Value) {
    let mut expected = user().0;
    for (name, value) in changed.as_object().unwrap() {
        put(&mut expected, name, Some(value.clone()));
    }
    assert_eq!(apply_to(operations.clone()), Ok(Value::Object(expected)), "{operations}");
}

#[test]
fn entra_disables_with_a_text_and_a_capital_letter() {
    for operation in ["Replace", "Add", "replace"] {
        for value in [json!("False"), json!(false), json!("false")] {
            expect(json!([{ "op": operation, "path": "active", "value": value }]), &json!({ "active": false }));
            expect(json!([{ "op": operation, "value": { "active": value } }]), &json!({ "active": false }));
        }
    }
}

#[test]
fn values_without_a_path_have_dotted_names() {
    let values = json!({ "name.givenName": "Augusta", "title": "Countess", "shoe": 42, "id": "x",
        format!("{ENTERPRISE}:department"): "Mathematics" });
    let changed = json!({ "name": { "givenName": "Augusta", "familyName": "L" }, "title": "Countess",
        ENTERPRISE: { "department": "Mathematics" } });
    expect(json!([{ "op": "Replace", "value": values }]), &changed);
    let extension = json!({ ENTERPRISE: { "manager": "7" } });
    let changed = json!({ ENTERPRISE: { "department": "R&D", "manager": { "value": "7" } } });
    expect(json!([{ "op": "Add", "value": extension }]), &changed);
}

#[test]
fn a_path_selects_values_of_a_list() {
    let work = |value: &str| json!({ "value": value, "type": "work", "primary": true });
    let home = json!({ "value": "a@home.example", "type": "home" });
    let path = "emails[type eq \"work\"].value";
    expect(
        json!([{ "op": "Replace", "path": path, "value": "b@b.example" }]),
        &json!({ "emails": [work("b@b.example"), home] }),
    );
    expect(json!([{ "op": "remove", "path": "emails[type eq \"work\"]" }]), &json!({ "emails": [home] }));
    let both = json!([{ "type": "work", "primary": true }, home]);
    expect(json!([{ "op": "remove", "path": path }]), &json!({ "emails": both }));
    let value = json!([{ "op": "remove", "path": "emails", "value": [{ "value": "a@work.example" }] }]);
    expect(value, &json!({ "emails": [home] }));
}

#[test]
fn entra_sets_a_value_that_the_list_does_not_have_yet() {
    let phone = json!([{ "type": "mobile", "value": "+254712123456" }]);
    for operation in ["Add", "Replace"] {
        let path = "phoneNumbers[type eq \"mobile\"].value";
        expect(json!([{ "op": operation, "path": path, "value": "+254712123456" }]), &json!({ "phoneNumbers": phone }));
    }
    let role = json!([{ "op": "Add", "path": "roles[primary eq \"True\"].value", "value": "admin" }]);
    expect(role, &json!({ "roles": [{ "primary": true, "value": "admin" }] }));
}

#[test]
fn an_added_value_joins_the_list_once_and_takes_the_primary_flag() {
    let add = |value: Value| json!([{ "op": "add", "path": "emails", "value": value }]);
    expect(add(json!([{ "value": "a@home.example", "type": "home" }])), &json!({}));
    expect(add(json!([{ "value": "a@work.example", "type": "work", "primary": true }])), &json!({}));
    let after = apply_to(add(json!([{ "value": "c@c.example", "primary": true }]))).unwrap();
    assert_eq!(after["emails"][0]["primary"], false);
    assert_eq!(after["emails"][2], json!({ "value": "c@c.example", "primary": true }));
}

#[test]
fn a_removal_ends_an_attribute_a_member_or_an_extension() {
    expect(json!([{ "op": "remove", "path": "name.givenName" }]), &json!({ "name": { "familyName": "L" } }));
    expect(json!([{ "op": "remove", "path": "emails" }]), &json!({ "emails": [] }));
    expect(json!([{ "op": "remove", "path": ENTERPRISE }]), &json!({ ENTERPRISE: {} }));
    expect(json!([{ "op": "remove", "path": format!("{ENTERPRISE}:department") }]), &json!({ ENTERPRISE: {} }));
    expect(json!([{ "op": "replace", "path": "name", "value": null }]), &json!({ "name": null }));
}

#[test]
fn an_extension_of_another_schema_is_changed_as_it_is() {
    let path = "urn:example:2.0:User:nick";
    expect(json!([{ "op": "add", "path": path, "value": 1 }]), &json!({ "urn:example:2.0:User": { "nick": 1 } }));
}

#[test]
fn a_password_changes_nothing() {
    expect(json!([{ "op": "replace", "path": "password", "value": "secret" }]), &json!({}));
    expect(json!([{ "op": "replace", "value": { "password": "secret" } }]), &json!({}));
}

#[test]
fn changes_that_are_not_possible_have_their_keyword() {
    for (operation, kind) in [
        (json!({ "op": "move", "path": "title", "value": "a" }), "invalidSyntax"),
        (json!({ "path": "title", "value": "a" }), "invalidSyntax"),
        (json!({ "op": "add", "path": "shoe", "value": "a" }), "invalidPath"),
        (json!({ "op": "add", "path": "name.shoe", "value": "a" }), "invalidPath"),
        (json!({ "op": "add", "path": "name[", "value": "a" }), "invalidPath"),
        (json!({ "op": "add", "path": "emails[x]", "value": "a" }), "invalidPath"),
        (json!({ "op": "add", "path": format!("{ENTERPRISE}:shoe"), "value": "a" }), "invalidPath"),
        (json!({ "op": "add", "path": "id", "value": "a" }), "mutability"),
        (json!({ "op": "add", "path": "groups", "value": [] }), "mutability"),
        (json!({ "op": "add", "path": "title" }), "invalidValue"),
        (json!({ "op": "add", "path": "active", "value": "perhaps" }), "invalidValue"),
        (json!({ "op": "add", "value": "a" }), "invalidValue"),
        (json!({ "op": "remove", "path": "userName" }), "invalidValue"),
        (json!({ "op": "remove" }), "noTarget"),
        (json!({ "op": "remove", "path": "emails[type eq \"other\"]" }), "noTarget"),
        (
            json!({ "op": "replace", "path": "emails[type ne \"x\" and value eq \"y\"].value", "value": "z" }),
            "noTarget",
        ),
    ] {
        assert_eq!(apply_to(json!([operation])).map_err(|error| error.kind), Err(Some(kind)), "{operation}");
    }
    assert!(apply_to(json!([])).is_err());
    assert!(apply(&user(), &json!({ "schemas": [] })).is_err());
}

#[test]
fn operations_are_done_in_order() {
    let operations = json!([
        { "op": "add", "path": "title", "value": "a" },
        { "op": "replace", "path": "title", "value": "b" },
        { "op": "remove", "path": "name" },
        { "op": "add", "path": "name.givenName", "value": "c" },
    ]);
    expect(operations, &json!({ "title": "b", "name": { "givenName": "c" } }));
}

#[test]
fn no_operation_makes_a_list_longer_than_its_limit() {
    let emails = |from: usize, count: usize| -> Vec<Value> {
        (from..from + count).map(|n| json!({ "value": format!("{n}@a.example") })).collect()
    };
    let add = |values: Vec<Value>| json!({ "op": "add", "path": "emails", "value": values });
    let replace = json!({ "op": "replace", "path": "emails", "value": emails(0, MAX_VALUES) });
    let after = apply_to(json!([replace, add(emails(0, MAX_VALUES))])).unwrap();
    assert_eq!(after["emails"].as_array().map(Vec::len), Some(MAX_VALUES), "no value is there twice");
    for one_more in [
        add(emails(MAX_VALUES, 1)),
        add(emails(0, MAX_VALUES + 1)),
        json!({ "op": "add", "value": { "emails": emails(MAX_VALUES, 1) } }),
        json!({ "op": "add", "path": "emails[type eq \"x\"].value", "value": "x@a.example" }),
        json!({ "op": "remove", "path": "emails", "value": emails(0, MAX_VALUES + 1) }),
    ] {
        // What is too much in between is rejected, also if the last operation takes it away.
        let operations = json!([replace, one_more, { "op": "remove", "path": "emails" }]);
        assert_eq!(apply_to(operations).map_err(|error| error.kind), Err(Some("invalidValue")), "{one_more}");
    }
}

#[test]
fn no_operation_makes_a_user_larger_than_its_limit() {
    let remove = json!({ "op": "remove", "path": "title" });
    let title = |bytes: usize| json!({ "op": "add", "path": "title", "value": "x".repeat(bytes) });
    assert!(apply_to(json!([title(MAX_RESOURCE / 2), title(MAX_RESOURCE / 2)])).is_ok());
    for large in [title(MAX_RESOURCE), json!({ "op": "add", "value": { "title": "x".repeat(MAX_RESOURCE) } })] {
        let operations = json!([large, remove]);
        assert_eq!(apply_to(operations).map_err(|error| error.kind), Err(Some("invalidValue")));
    }
}

#[test]
fn a_user_that_is_too_large_already_can_be_disabled() {
    let mut large = user();
    put(&mut large.0, "profileUrl", Some("x".repeat(2 * MAX_RESOURCE).into()));
    let change = |path: &str, value: Value| {
        apply(&large, &json!({ "Operations": [{ "op": "replace", "path": path, "value": value }] }))
    };
    assert!(!change("active", json!(false)).unwrap().is_active());
    assert!(change("title", json!("x".repeat(MAX_RESOURCE))).is_err());
}

#[test]
fn the_members_of_values_without_a_path_are_counted_as_operations() {
    let with_path = json!({ "op": "add", "path": "title", "value": "a" });
    assert!(apply_to(Value::from(vec![with_path.clone(); MAX_OPERATIONS])).is_ok());
    assert!(apply_to(Value::from(vec![with_path.clone(); MAX_OPERATIONS + 1])).is_err());
    let members = |count: usize| json!({ "op": "add", "value": (0..count).map(|n| (n.to_string(), json!(n))).collect::<Map<_, _>>() });
    assert!(apply_to(json!([members(MAX_OPERATIONS - 1), with_path])).is_ok());
    assert_eq!(apply_to(json!([members(MAX_OPERATIONS), with_path])), Err(TOO_MANY));
}

proptest! {
    #[test]
    fn what_a_change_makes_is_a_user(path in "[a-zA-Z.:\\[\\]\" ]{0,40}", value in prop::sample::select(vec![
        json!(null), json!(true), json!("x"), json!(1), json!([]), json!({}), json!([{ "value": "x" }]), json!([[1]]),
    ]), op in prop::sample::select(vec!["add", "replace", "remove"])) {
        let known = ["emails", "emails.value", "emails[type eq \"home\"].type", "emails[type eq \"x\"]", "name", "active", ENTERPRISE];
        let paths = [path.clone(), format!("emails[{path}].value"), format!("name.{path}")];
        for path in paths.into_iter().chain(known.map(str::to_owned)) {
            for operation in [json!({ "op": op, "path": path, "value": value }), json!({ "op": op, "value": { path: value.clone() } })] {
                let Ok(mut after) = apply_to(json!([operation])) else { continue };
                let expected = after.clone();
                after["schemas"] = json!([USER]);
                prop_assert_eq!(Resource::read(&after).map(|user| Value::Object(user.0)), Ok(expected), "{}", operation);
            }
        }
    }
}
