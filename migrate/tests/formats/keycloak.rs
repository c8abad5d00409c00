use serde_json::json;
use umoja_accounts::access::ForeignFactor;
use umoja_crypto::legacy::ImportError;
use umoja_migrate::Rejected;
use umoja_migrate::formats::{Format, Options};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{assert_logs_in, entries, rejections, rows};

const REALM: &str = include_str!("fixtures/keycloak-realm.json");

#[test]
fn users_of_a_realm_log_in_with_their_old_passwords() {
    let options = Options::default();
    let rows: Vec<_> = entries(Format::Keycloak, REALM, &options).into_iter().filter_map(|e| e.row.ok()).collect();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_logs_in(row, &options, "password");
    }
}

#[test]
fn members_and_attributes_become_claims() {
    let entries = entries(Format::Keycloak, REALM, &Options::default());
    let user = entries[0].row.as_ref().unwrap();
    assert_eq!(user.line, 6);
    assert_eq!(user.external_id.as_deref(), Some("5e1a1c1e-8a4b-4c7e-9d43-6f0d2b1f8d11"));
    assert_eq!((user.email.as_deref(), user.email_verified), (Some("User1@example.com"), true));
    assert_eq!((user.phone_number.as_deref(), user.phone_number_verified), (Some("+41445671234"), true));
    assert_eq!((user.username.as_deref(), user.status), (Some("user1"), Some(AccountStatus::Active)));
    assert_eq!(user.created_at, Some(Millis(1_588_684_053_123)));
    assert_eq!(
        serde_json::to_value(&user.profile).unwrap(),
        serde_json::json!({
            "given_name": "User", "family_name": "One", "locale": "de", "address": {"locality": "Zürich"},
            "custom": {"shoe_size": "42", "teams": ["a", "b"]},
        })
    );
    assert_eq!(entries[1].row.as_ref().unwrap().status, Some(AccountStatus::Disabled));
}

#[test]
fn service_accounts_and_plain_passwords_are_rejected() {
    let rejected = rejections(Format::Keycloak, REALM, &Options::default());
    let expected = [(44, Rejected::Form("the account of a service")), (45, Rejected::Hash(ImportError::Unsupported))];
    assert_eq!(rejected, expected);
    let realms = r#"[{"realm": "a", "users": [{"id": "1"}]}]"#;
    assert!(matches!(rejections(Format::Keycloak, realms, &Options::default())[..], [(1, Rejected::Form(_))]));
}

#[test]
fn a_file_of_users_alone_is_an_object_or_an_array() {
    for source in [r#"{"realm":"portal","users":[{"id":"1","username":"a"}]}"#, r#"[{"id":"1","username":"a"}]"#] {
        assert_eq!(rows(Format::Keycloak, source, &Options::default())[0].external_id.as_deref(), Some("1"));
    }
}

#[test]
fn attributes_that_are_no_texts_are_kept_but_are_no_claims() {
    for (attributes, left_out, custom) in [
        (r#"{"a": [1]}"#, &[][..], json!({"a": 1})),
        (r#"{"a": {"b": "c"}}"#, &[], json!({"a": {"b": "c"}})),
        (r#"["a"]"#, &["attributes"], json!({})),
        (r#"{"locale": [true]}"#, &["locale"], json!({})),
        (r#"{"phoneNumberVerified": ["yes"]}"#, &["phoneNumberVerified"], json!({})),
        (r#"{"costCenter": [null], "locale": [null]}"#, &[], json!({})),
    ] {
        let source = format!(r#"[{{"id": "1", "username": "a", "attributes": {attributes}}}]"#);
        let row = rows(Format::Keycloak, &source, &Options::default()).remove(0);
        let names: Vec<_> = row.left_out.iter().map(|left| left.field.as_str()).collect();
        assert_eq!((names, json!(row.profile.custom)), (left_out.to_vec(), custom), "{attributes}");
        assert!(!row.phone_number_verified);
    }
}

#[test]
fn other_credentials_and_roles_are_named_as_not_taken() {
    let source = r#"[{"id": "1", "username": "a", "realmRoles": ["admin"], "groups": [], "totp": true,
        "credentials": [{"type": "recovery-authn-codes", "secretData": "{}"}, {"type": "x"}], "attributes": {"LDAP_ID": ["7"]}}]"#;
    let mut not_taken = rows(Format::Keycloak, source, &Options::default()).remove(0).not_taken;
    not_taken.sort();
    assert_eq!(not_taken, ["LDAP_ID", "credentials", "credentials of type recovery-authn-codes", "realmRoles", "totp"]);
}

#[test]
fn factors_are_read_and_one_that_cannot_be_used_is_left_out_without_its_value() {
    let totp = r#"{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\"algorithm\":\"HmacSHA1\"}"#;
    let (data, secret) = (totp, r#"{\"value\":\"Quohp7t2mrLMUwft3g90\"}"#);
    let base32 = r#"{\"value\":\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\"}"#;
    for (data, secret, expected) in [
        (data.to_owned(), secret, Some(&b"Quohp7t2mrLMUwft3g90"[..])),
        (data.replace("30,", r#"30,\"secretEncoding\":\"BASE32\","#), base32, Some(b"12345678901234567890")),
        (data.replace("totp", "hotp"), secret, None),
        (data.replace("HmacSHA1", "HmacSHA256"), secret, None),
        (data.replace('6', "8"), secret, None),
        (data.to_owned(), r#"{\"value\":\"short\"}"#, None),
        (data.to_owned(), "", None),
        ("no JSON".to_owned(), secret, None),
    ] {
        let credential = format!(r#"{{"type": "otp", "secretData": "{secret}", "credentialData": "{data}"}}"#);
        let source = format!(r#"[{{"id": "1", "username": "a", "credentials": [{credential}]}}]"#);
        let row = rows(Format::Keycloak, &source, &Options::default()).remove(0);
        let read = row.factors.iter().map(|row| match &row.factor {
            ForeignFactor::Totp(secret) => secret.expose().to_vec(),
            ForeignFactor::Passkey { .. } => panic!("an application"),
        });
        assert_eq!(read.collect::<Vec<_>>(), expected.map(<[u8]>::to_vec).into_iter().collect::<Vec<_>>(), "{data}");
        assert_eq!(row.left_out.len(), usize::from(expected.is_none()), "{data}");
        assert!(row.left_out.iter().all(|left| left.field == "credentials of type otp" && left.value.is_null()));
    }
}
