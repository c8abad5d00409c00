use umoja_crypto::legacy::ImportError;
use umoja_migrate::Rejected;
use umoja_migrate::formats::{Format, Options, keys};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{assert_logs_in, entries, rejections, rows};

const IMPORT: &str = include_str!("fixtures/auth0-import.json");
const EXPORT: &str = include_str!("fixtures/auth0-export.ndjson");

fn options() -> Options {
    let keys = br#"{"old-site": {"secret": "70108387805", "encoding": "utf8"}}"#;
    Options { keys: keys::parse(keys).unwrap(), ..Options::default() }
}

#[test]
fn users_of_a_bulk_import_log_in_with_their_old_passwords() {
    let options = options();
    let rows = rows(Format::Auth0, IMPORT, &options);
    let passwords = ["U*U", "hashcat", "hashcat", "hashcat", "password", "testing123"];
    assert_eq!(rows.len(), passwords.len() + 1);
    for (row, password) in rows.iter().zip(passwords) {
        assert_logs_in(row, &options, password);
    }
    assert!(rows[6].hash.is_none(), "a user of another identity provider");
}

#[test]
fn members_of_a_bulk_import_become_claims() {
    let rows = rows(Format::Auth0, IMPORT, &options());
    let (jane, john) = (&rows[0], &rows[1]);
    assert_eq!(jane.line, 2);
    assert_eq!(jane.external_id.as_deref(), Some("583c3ac3f38e84297c002546"));
    assert_eq!((jane.email.as_deref(), jane.email_verified), (Some("Jane.Doe@example.com"), true));
    assert_eq!(jane.username.as_deref(), Some("jane"));
    assert_eq!(
        serde_json::to_value(&jane.profile).unwrap(),
        serde_json::json!({
            "name": "Jane Doe", "given_name": "Jane", "family_name": "Doe", "nickname": "jd",
            "picture": "https://example.com/jane.png",
            "custom": {"user_metadata": {"theme": "light"}, "app_metadata": {"roles": ["admin"], "plan": "premium"}},
        })
    );
    assert_eq!((john.status, john.email_verified), (Some(AccountStatus::Disabled), false));
    assert_eq!((john.phone_number.as_deref(), john.phone_number_verified), (Some("+12015551234"), true));
}

#[test]
fn exports_with_hashes_are_read_line_by_line() {
    let options = options();
    let rows = rows(Format::Auth0, EXPORT, &options);
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(rows[0].external_id.as_deref(), Some("auth0|5d7b6f6f1b2c3d0e8c9a1b2c"));
    assert_eq!(rows[0].created_at, Some(Millis(1_568_370_543_123)));
    assert!(rows[0].hash.is_none());
    assert_eq!(rows[1].external_id.as_deref(), Some("auth0|60425dc43519d90068f82973"));
    assert_logs_in(&rows[1], &options, "U*U*");
}

#[test]
fn an_invalid_record_does_not_stop_reading() {
    let source = "[\n{\"user_id\":\"1\",\"email\":7},\n{\"user_id\":\"2\",\"email_verified\":\"yes\"},\n\
        {\"user_id\":\"3\",\"password_hash\":\"5f4dcc3b5aa765d61d8327deb882cf99\"},\n{\"user_id\":\"4\",\n\
        \"custom_password_hash\":{\"algorithm\":\"rot13\",\"hash\":{\"value\":\"x\"}}},\n7,\n{\"user_id\":\"5\",},\n\
        {\"user_id\":\"6\"}]";
    let rejected = rejections(Format::Auth0, source, &Options::default());
    let json = Rejected::Form("not JSON, or a duplicate name in an object");
    assert_eq!(
        rejected,
        [
            (4, Rejected::Hash(ImportError::Unsupported)),
            (5, Rejected::Hash(ImportError::Unsupported)),
            (7, Rejected::Form("not an object")),
            (8, json),
        ]
    );
    let left_out = |line: u64| -> Vec<String> {
        let mut entries = entries(Format::Auth0, source, &Options::default()).into_iter();
        let row = entries.find(|entry| entry.line == line).unwrap().row.unwrap();
        row.left_out.into_iter().map(|left| left.field).collect()
    };
    assert_eq!((left_out(2), left_out(3)), (vec!["email".to_owned()], vec!["email_verified".to_owned()]));
    let missing = rejections(Format::Auth0, IMPORT, &Options::default());
    assert_eq!(missing, [(38, Rejected::Hash(ImportError::MissingKey))]);
}

#[test]
fn a_record_without_an_id_is_one_of_a_bulk_import_or_rejected() {
    let keycloak = r#"{"realm": "x", "id": "1", "email": "a@example.com"}"#;
    assert!(matches!(rejections(Format::Auth0, keycloak, &Options::default())[..], [(_, Rejected::Form(_))]));
    let bulk = r#"{"email": "a@example.com", "user_metadata": {"secret_santa": true, "theme": 1}}"#;
    let row = rows(Format::Auth0, bulk, &Options::default()).remove(0);
    assert_eq!(row.not_taken, ["user_metadata.secret_santa"]);
}
