use umoja_crypto::legacy::ImportError;
use umoja_migrate::Rejected;
use umoja_migrate::formats::{Format, Options};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{assert_logs_in, entries, rejections, rows};

const PEOPLE: &str = include_str!("fixtures/people.ldif");

#[test]
fn people_log_in_with_their_old_passwords() {
    let options = Options::default();
    let entries = entries(Format::Ldif, PEOPLE, &options);
    for (index, password) in [(0, "testing123"), (1, "hashcat"), (2, "hashcat")] {
        assert_logs_in(entries[index].row.as_ref().unwrap(), &options, password);
    }
}

#[test]
fn attributes_become_claims() {
    let entries = entries(Format::Ldif, PEOPLE, &Options::default());
    let row = |index: usize| entries[index].row.as_ref().unwrap();
    let babs = row(0);
    assert_eq!((babs.line, babs.external_id.as_deref()), (10, Some("3a5f0e2c-7f7e-4a55-bb0e-0c1b5f7ed001")));
    assert_eq!((babs.username.as_deref(), babs.email.as_deref()), (Some("babs"), Some("babs@example.com")));
    assert_eq!(
        (babs.phone_number.as_deref(), babs.created_at),
        (Some("+41 44 567 12 34"), Some(Millis(1_582_979_405_000)))
    );
    assert_eq!(
        serde_json::to_value(&babs.profile).unwrap(),
        serde_json::json!({
            "name": "Barbara Jensen", "given_name": "Bärbel", "family_name": "Jensen", "locale": "de",
            "address": {"formatted": "Street 1\n8000 Zürich", "locality": "Zürich"},
            "custom": {"telephoneNumber": "+41 44 567 00 00"},
        })
    );
    assert_eq!((row(1).external_id.as_deref(), row(1).status), (Some("carl"), Some(AccountStatus::Disabled)));
    assert_eq!(row(2).status, Some(AccountStatus::Active));
    let ad = row(6);
    assert_eq!(ad.external_id.as_deref(), Some("000102030405060708090a0b0c0d0e0f"));
    assert_eq!((ad.status, ad.created_at), (Some(AccountStatus::Disabled), Some(Millis(1_582_979_405_000))));
}

#[test]
fn plain_passwords_and_changes_are_rejected() {
    let rejected = rejections(Format::Ldif, PEOPLE, &Options::default());
    let expected =
        [(46, Rejected::Hash(ImportError::Unsupported)), (51, Rejected::Form("a change record and not an entry"))];
    assert_eq!(rejected, expected);
}

#[test]
fn a_broken_entry_ends_at_the_next_blank_line() {
    let good = "dn: uid=a\nobjectClass: person\nuid: a\n";
    for bad in [
        "uid: b\n",
        " dn: uid=b\n",
        "dn: uid=b\nno colon\n",
        "dn: uid=b\n: no name\n",
        "dn: uid=b\nobjectClass: person\nuid:: not base64!\n",
        "dn: uid=b\nobjectClass: person\nuid:< file:///b\n",
        "dn: uid=b\ncontrol: 1.2.3 true\nchangetype: add\n",
    ] {
        for end in ["\n", "\r\n"] {
            let source = format!("{good}\n{bad}\n{good}").replace('\n', end);
            let rejected = rejections(Format::Ldif, &source, &Options::default());
            assert_eq!(rejected.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5], "{bad}");
            assert_eq!(entries(Format::Ldif, &source, &Options::default()).len(), 3);
        }
    }
    assert_eq!(rows(Format::Ldif, &format!("version: 1\n\n\n{good}"), &Options::default()).len(), 1);
    assert_eq!(rows(Format::Ldif, &format!("version: 1\n{good}"), &Options::default()).len(), 1);
}

#[test]
fn attributes_that_are_not_read_may_be_of_any_size() {
    let photo = format!("jpegPhoto:: {}\n", "QUJD".repeat(19)) + &format!(" {}\n", "QUJD".repeat(19)).repeat(20_000);
    let long = format!("thumbnailPhoto:: {}\n", "QUJD".repeat(500_000));
    let source = format!("dn: uid=a\nobjectClass: person\n{photo}{long}uid: a\nmobile:: /w==\nsn: A\n");
    let rows = rows(Format::Ldif, &source, &Options::default());
    assert_eq!((rows[0].username.as_deref(), rows[0].profile.family_name.as_deref()), (Some("a"), Some("A")));
    assert_eq!(rows[0].left_out.iter().map(|left| left.field.as_str()).collect::<Vec<_>>(), ["mobile"]);
}

#[test]
fn entries_that_the_directory_has_deleted_are_rejected() {
    for (dn, lines) in [
        ("nsuniqueid=2bd1c181,uid=a,dc=example", "objectClass: nsTombstone\n"),
        ("CN=a\\0ADEL:1,CN=Deleted Objects,DC=example", ""),
        ("cn=a,dc=example", "isDeleted: TRUE\n"),
        ("uid=a, cn=deleted users, cn=accounts,cn=provisioning,dc=example", ""),
    ] {
        let source = format!("dn: {dn}\nobjectClass: person\n{lines}uid: a\n");
        assert_eq!(rejections(Format::Ldif, &source, &Options::default()), [(1, Rejected::Deleted)], "{dn}");
    }
    let kept = "dn: uid=deleted users,dc=example\nobjectClass: person\nisDeleted: FALSE\nuid: a\n";
    assert_eq!(rows(Format::Ldif, kept, &Options::default()).len(), 1);
}

#[test]
fn attributes_and_further_values_that_are_not_taken_are_named() {
    let source = "dn: uid=a\nobjectClass: person\nuid: a\nmail: a@example.com\nmail: b@example.com\ncn: Ada\n\
                  cn;lang-de: Ada\njpegPhoto:: AAAA\n AAAA\n";
    let row = rows(Format::Ldif, source, &Options::default()).remove(0);
    assert_eq!(row.not_taken, ["cn;lang-de", "jpegPhoto", "mail"]);
}
