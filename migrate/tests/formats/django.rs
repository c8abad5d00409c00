use umoja_crypto::legacy::ImportError;
use umoja_migrate::Rejected;
use umoja_migrate::formats::{Format, Options};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{assert_logs_in, entries};

const DUMP: &str = include_str!("fixtures/django.json");

#[test]
fn users_of_a_dump_are_read_and_other_models_are_not() {
    let options = Options::default();
    let entries = entries(Format::Django, DUMP, &options);
    let row = |index: usize| entries[index].row.as_ref().unwrap();
    // The hashes of Django's own tests.
    for index in [0, 1, 3] {
        assert_logs_in(row(index), &options, "l\u{e8}tmein");
    }
    let ada = row(0);
    assert_eq!((ada.line, ada.external_id.as_deref()), (3, Some("7")));
    assert_eq!((ada.username.as_deref(), ada.email.as_deref()), (Some("ada"), Some("Ada@example.com")));
    assert!(!ada.email_verified, "Django does not say");
    assert_eq!((ada.created_at, ada.status), (Some(Millis(1_363_425_025_848)), Some(AccountStatus::Active)));
    let profile = serde_json::to_value(&ada.profile).unwrap();
    assert_eq!(profile, serde_json::json!({"given_name": "Ada", "family_name": "Lovelace"}));
    assert_eq!((row(1).email.as_deref(), row(1).status), (None, Some(AccountStatus::Disabled)));
    assert!(row(2).hash.is_none(), "an unusable password");
    assert_eq!(row(3).external_id.as_deref(), Some("1c9f6f0e-3f0f-4e3b-8a53-0f6ddc4fa6a4"));
    assert_eq!(entries[4].row.as_ref().err(), Some(&Rejected::Hash(ImportError::Unsupported)));
    assert_eq!((entries.len(), entries[4].line), (5, 25));
}

#[test]
fn users_that_are_marked_as_deleted_are_rejected() {
    for (fields, is_deleted) in [
        (r#""is_deleted": true"#, true),
        (r#""deleted_at": "2020-02-29T12:30:05Z""#, true),
        (r#""deleted": "2020-02-29T12:30:05Z""#, true),
        (r#""deleted": true"#, true),
        (r#""is_deleted": false, "deleted_at": null, "deleted": null"#, false),
        (r#""deleted": 0"#, false),
    ] {
        let source = format!(r#"[{{"model": "auth.user", "pk": 1, "fields": {{{fields}}}}}]"#);
        let entry = entries(Format::Django, &source, &Options::default()).remove(0);
        assert_eq!(entry.row.err(), is_deleted.then_some(Rejected::Deleted), "{fields}");
    }
}
