use super::*;

const TRIGGER: &[u8] = include_bytes!("../../../tests/fixtures/cognito.json");
const LISTED: &[u8] = include_bytes!("../../../../migrate/examples/cognito.users.json");

const TESS: &str = "eaad0219-2117-439f-8d46-4db20e59268f";

fn trigger(pointer: &str, value: Value) -> String {
    summary(&one(SourceKind::Cognito, None, &with(TRIGGER, pointer, value)))
}

/// The same user as an import of the list reads it, without what a trigger does not know.
fn listed() -> Row {
    let mapping = formats::Mapping::parse(formats::COGNITO.as_bytes()).unwrap();
    let options = Options { mapping: Some(mapping), ..Options::default() };
    imported(Format::Ndjson, LISTED, &options)
}

#[test]
fn the_user_of_a_trigger_is_that_of_an_import() {
    let changes = changes(SourceKind::Cognito, None, TRIGGER);
    assert_same(row(&changes[0]), &Row { status: None, created_at: None, ..listed() });
}

#[test]
fn a_listed_user_is_that_of_an_import() {
    let list: Value = serde_json::from_slice(LISTED).unwrap();
    let user = list["Users"][0].as_object().unwrap().clone();
    assert_same(&crate::providers::cognito::row(user).unwrap(), &listed());
    assert!(crate::providers::cognito::row(Map::new()).is_err());
}

#[test]
fn every_attribute_of_a_pools_own_is_taken() {
    let attributes = json!({"sub": "1", "custom:a/b~c=d]": "x", "custom:api_token": "secret", "custom:": "y"});
    let body = with(TRIGGER, "/request/userAttributes", attributes);
    let changes = changes(SourceKind::Cognito, None, &body);
    assert_eq!(Value::Object(row(&changes[0]).profile.custom.clone()), json!({"a/b~c=d]": "x"}));
}

#[test]
fn a_user_has_at_most_as_many_custom_attributes_as_a_pool_can_have() {
    let of = |count: usize| {
        let custom = (0..count).map(|n| (format!("custom:{n}"), json!("x")));
        let attributes: Map<String, Value> = custom.chain([("sub".to_owned(), json!("1"))]).collect();
        with(TRIGGER, "/request/userAttributes", Value::Object(attributes))
    };
    let most = changes(SourceKind::Cognito, None, &of(50));
    assert_eq!(row(&most[0]).profile.custom.len(), 50);
    let more = one(SourceKind::Cognito, None, &of(51));
    assert_eq!(more.err(), Some(Malformed::Member("userAttributes")));
}

#[test]
fn an_event_with_too_many_members_is_not_accepted() {
    let attributes = (0..=MAX_MEMBERS).map(|n| (format!("custom:{n}"), json!("")));
    let body = with(TRIGGER, "/request/userAttributes", Value::Object(attributes.collect()));
    assert_eq!(split(SourceKind::Cognito, None, &body).err(), Some(Malformed::TooManyMembers));
    assert_eq!(one(SourceKind::Cognito, None, &body).err(), Some(Malformed::TooManyMembers), "nor read");
}

#[test]
fn the_first_of_two_listed_attributes_with_one_name_counts() {
    let attributes = json!([
        { "Name": "sub", "Value": "1" }, { "Name": "custom:a", "Value": "x" }, { "Name": "custom:a", "Value": "y" },
    ]);
    let user = Map::from_iter([("Attributes".to_owned(), attributes)]);
    assert_eq!(Value::Object(crate::providers::cognito::row(user).unwrap().profile.custom), json!({ "a": "x" }));
}

#[test]
fn each_trigger_has_its_meaning() {
    let received = RECEIVED_AT.since(Millis(1_764_417_600_000));
    for (source, said) in [
        ("PostConfirmation_ConfirmSignUp", format!("state testuser@example.com of {TESS} at {received}")),
        ("PostConfirmation_ConfirmForgotPassword", format!("password of {TESS} at {received}")),
        ("PostAuthentication_Authentication", format!("login testuser@example.com of {TESS} at {received}")),
        ("TokenGeneration_Authentication", format!("state testuser@example.com of {TESS} at {received}")),
        ("PreSignUp_SignUp", "unknown".to_owned()),
        ("CustomMessage_SignUp", "unknown".to_owned()),
    ] {
        assert_eq!(trigger("/triggerSource", json!(source)), said);
    }
}

#[test]
fn the_function_that_a_pool_calls_adds_the_id_and_the_time() {
    let body = with(&with(TRIGGER, "/id", json!("c-1")), "/time", json!(1_764_417_600_005_u64));
    let said = said(SourceKind::Cognito, None, &body);
    assert_eq!(said, [("c-1".to_owned(), format!("state testuser@example.com of {TESS} at 5"))]);
    assert_eq!(trigger("/time", json!("noon")), Malformed::Member("time").to_string());
}

#[test]
fn a_member_that_a_change_needs_is_named() {
    for (pointer, broken, named) in [
        ("/triggerSource", json!(null), "triggerSource"),
        ("/request", json!([]), "request"),
        ("/request/userAttributes", json!(null), "userAttributes"),
        ("/request/userAttributes/sub", json!(""), "sub"),
    ] {
        assert_eq!(trigger(pointer, broken), Malformed::Member(named).to_string(), "{pointer}");
    }
}
