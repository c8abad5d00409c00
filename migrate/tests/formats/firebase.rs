use umoja_crypto::legacy::ImportError;
use umoja_migrate::Rejected;
use umoja_migrate::formats::{Format, Options, keys};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{assert_logs_in, rejections, rows};

const JSON: &str = include_str!("fixtures/firebase.json");
const CSV: &str = include_str!("fixtures/firebase.csv");

/// The parameters and the hash in the README of <https://github.com/firebase/scrypt>.
fn options() -> Options {
    let keys = br#"{"app": {"firebase": {"signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}}"#;
    Options { keys: keys::parse(keys).unwrap(), ..Options::default() }
}

#[test]
fn users_of_both_exports_log_in_with_their_old_passwords() {
    let options = options();
    let (json, csv) = (rows(Format::Firebase, JSON, &options), rows(Format::Firebase, CSV, &options));
    for row in [&json[0], &json[1], &csv[0]] {
        assert_logs_in(row, &options, "user1password");
    }
    assert!(json[2].hash.is_none() && csv[1].hash.is_none());
    assert_eq!((json.len(), csv.len()), (3, 2));
}

#[test]
fn both_exports_have_the_same_content() {
    let options = options();
    let (json, csv) = (rows(Format::Firebase, JSON, &options), rows(Format::Firebase, CSV, &options));
    for (row, name) in [(&json[0], "User One"), (&csv[0], "One, User")] {
        assert_eq!(row.external_id.as_deref(), Some("Zl3bQj5yGkRkUwvGgUd8wmJk1Hq2"));
        assert_eq!((row.email.as_deref(), row.email_verified), (Some("User1@example.com"), true));
        assert_eq!((row.phone_number.as_deref(), row.phone_number_verified), (Some("+12015550100"), false));
        assert_eq!((row.created_at, row.status), (Some(Millis(1_486_324_170_000)), Some(AccountStatus::Active)));
        assert_eq!(
            serde_json::to_value(&row.profile).unwrap(),
            serde_json::json!({
                "name": name, "picture": "https://example.com/1.png", "custom": {"customAttributes": {"plan": "premium"}},
            })
        );
    }
    assert_eq!((json[1].status, csv[1].status), (Some(AccountStatus::Disabled), None));
}

#[test]
fn hashes_without_the_parameters_of_one_project_are_rejected() {
    for options in [Options::default(), two_projects()] {
        let rejected = rejections(Format::Firebase, JSON, &options);
        let missing = Rejected::Hash(ImportError::MissingKey);
        assert_eq!(rejected, [(2, missing.clone()), (17, missing)]);
    }
}

fn two_projects() -> Options {
    let project = r#"{"firebase": {"signer_key": "AAAA", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}"#;
    let keys = format!(r#"{{"a": {project}, "b": {project}}}"#);
    Options { keys: keys::parse(keys.as_bytes()).unwrap(), ..Options::default() }
}
