//! The tables of WordPress, Magento and Drupal.

use umoja_crypto::legacy::ImportError;
use umoja_migrate::Rejected;
use umoja_migrate::formats::{Format, Options, SourceError, read};
use umoja_schema::{AccountStatus, Millis};

use crate::login::{all, assert_logs_in, entries, rejections};

const UNSUPPORTED: Rejected = Rejected::Hash(ImportError::Unsupported);

#[test]
fn users_of_wordpress_are_read() {
    let (options, source) = (Options::default(), include_str!("fixtures/wordpress.csv"));
    let entries = entries(Format::WordPress, source, &options);
    let row = |index: usize| entries[index].row.as_ref().unwrap();
    for (index, password) in [(0, "admin"), (1, "test12345"), (2, "hashcat")] {
        assert_logs_in(row(index), &options, password);
    }
    let admin = row(0);
    assert_eq!((admin.line, admin.external_id.as_deref()), (2, Some("1")));
    assert_eq!((admin.username.as_deref(), admin.email.as_deref()), (Some("admin"), Some("admin@example.com")));
    assert_eq!((admin.created_at, admin.email_verified), (Some(Millis(1_433_161_800_000)), false));
    let profile = serde_json::to_value(&admin.profile).unwrap();
    assert_eq!(profile, serde_json::json!({"name": "The \"Admin\"", "website": "https://example.com"}));
    assert_eq!(row(1).profile.name.as_deref(), Some("Jane\nDoe"));
    assert_eq!((row(1).created_at, row(1).status), (None, Some(AccountStatus::Disabled)));
    assert_eq!(row(2).profile.website, None);
    let columns = Rejected::Form("fewer columns than the header");
    let rejected = rejections(Format::WordPress, source, &options);
    assert_eq!(rejected, [(6, Rejected::Deleted), (8, columns)]);
    assert!(row(4).hash.is_none(), "phpass writes an asterisk where it made no hash");
}

#[test]
fn customers_of_magento_are_read() {
    let (options, source) = (Options::default(), include_str!("fixtures/magento.csv"));
    let entries = entries(Format::Magento, source, &options);
    let row = |index: usize| entries[index].row.as_ref().unwrap();
    for (index, password) in [(0, "password"), (1, "password"), (2, "hashcat")] {
        assert_logs_in(row(index), &options, password);
    }
    let ann = row(0);
    assert_eq!((ann.external_id.as_deref(), ann.email.as_deref()), (Some("1"), Some("ann@example.com")));
    assert_eq!((ann.created_at, ann.status), (Some(Millis(1_582_979_405_000)), Some(AccountStatus::Active)));
    assert_eq!(
        serde_json::to_value(&ann.profile).unwrap(),
        serde_json::json!({
            "given_name": "Ann", "family_name": "Other", "gender": "female", "birthdate": "1990-05-01",
            "custom": {"prefix": "Dr.", "taxvat": "CH-1"},
        })
    );
    assert_eq!((row(1).status, row(1).profile.birthdate.as_deref()), (Some(AccountStatus::Disabled), None));
    assert_eq!(rejections(Format::Magento, source, &options), [(5, UNSUPPORTED)]);
}

#[test]
fn users_of_drupal_are_read() {
    let (options, source) = (Options::default(), include_str!("fixtures/drupal.csv"));
    let entries = entries(Format::Drupal, source, &options);
    let row = |index: usize| entries[index].row.as_ref().unwrap();
    assert_logs_in(row(1), &options, "hashcat");
    assert_logs_in(row(3), &options, "U*U");
    let root = row(1);
    assert_eq!((root.external_id.as_deref(), root.username.as_deref()), (Some("1"), Some("root")));
    assert_eq!((root.created_at, root.status), (Some(Millis(1_580_000_000_000)), Some(AccountStatus::Active)));
    let profile = serde_json::to_value(&root.profile).unwrap();
    assert_eq!(profile, serde_json::json!({"zoneinfo": "Europe/Zurich", "locale": "de"}));
    assert_eq!((row(3).status, row(3).profile.locale.as_deref()), (Some(AccountStatus::Disabled), None));
    let lines: Vec<_> = rejections(Format::Drupal, source, &options).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [2, 4], "the visitors and a translation");
}

#[test]
fn a_table_without_its_columns_is_rejected() {
    for format in [Format::WordPress, Format::Magento, Format::Drupal] {
        let items = all(format, b"id,name\n1,a\n", &Options::default());
        assert!(matches!(&items[..], [Err(SourceError::Column(_))]), "{format:?}");
        assert!(all(format, b"", &Options::default()).is_empty());
    }
    for header in [&b"uid,uid\n"[..], b"\"uid\n", b"u\xffid\n"] {
        let items = all(Format::Drupal, header, &Options::default());
        assert!(matches!(&items[..], [Err(SourceError::Frame { line: 1, .. })]));
    }
}

#[test]
fn unclosed_quotes_end_the_source() {
    let header = "uid,name,pass,mail\n";
    for rest in ["2,\"b,,b@example.com\n3,c,,\n", "2,b,,\"b@example.com", "2,b,,\"b@example.com\n\n", "\""] {
        let source = format!("{header}1,a,,a@example.com\r\n{rest}");
        let items = all(Format::Drupal, source.as_bytes(), &Options::default());
        assert!(matches!(&items[..], [Ok(_), Err(SourceError::Frame { line: 3, .. })]), "{rest:?}");
    }
    for rest in
        ["2,b,,b@example.com", "2,b,,b@example.com\r\n\r\n", "\n\n2,\"b\",,\"b@example.com\"", "2,b,,b@example.com\r"]
    {
        let entries = entries(Format::Drupal, &format!("{header}{rest}"), &Options::default());
        let mails: Vec<_> = entries.iter().map(|entry| entry.row.as_ref().unwrap().email.as_deref()).collect();
        assert_eq!(mails, [Some("b@example.com")], "{rest:?}");
    }
}

#[test]
fn quotes_that_do_not_fit_reject_one_line() {
    let header = "uid,name,pass,mail\n";
    let source = format!(
        "{header}1,\"The \"Boss\"\",,a@example.com\n2,\"b,,b@example.com\n3,c,,c@example.com\n4,\"D\" E,,d@example.com\n5,e,,e@example.com\n"
    );
    let entries = entries(Format::Drupal, &source, &Options::default());
    let lines: Vec<_> = entries.iter().map(|entry| (entry.line, entry.row.is_ok())).collect();
    assert_eq!(lines, [(2, false), (3, false), (4, true), (5, false), (6, true)]);
    let mails: Vec<_> = entries.into_iter().filter_map(|entry| entry.row.ok()?.email).collect();
    assert_eq!(mails, ["c@example.com", "e@example.com"]);
}

#[test]
fn a_cell_that_is_not_utf_8_is_left_out_unless_it_is_the_hash() {
    let table = |name: &[u8], pass: &[u8]| {
        [b"uid,name,pass,mail,timezone\n1,", name, b",", pass, b",a@example.com,\n"].concat()
    };
    let row = |source: Vec<u8>| all(Format::Drupal, &source, &Options::default()).remove(0).unwrap().row;
    let half = row(table(b"Ada \xf0\x9f\x98", b"")).unwrap();
    assert_eq!((half.username, half.email.as_deref()), (None, Some("a@example.com")));
    assert!(half.left_out[0].field == "name" && half.left_out[0].value.is_null());
    assert_eq!(row(table(b"Ada", b"\xff")).err(), Some(Rejected::Field("pass".into())));
}

#[test]
fn a_row_has_every_reason_that_rejects_it() {
    let source = b"ID,user_login,user_pass,user_email,spam,deleted\n1,ada,$Q$x,ada@example.com,often,maybe\n";
    let options = Options::default();
    let row = read(Format::WordPress, &source[..], &options).unwrap().next().unwrap().unwrap().row.unwrap();
    let field = |name: &str| Rejected::Field(name.to_owned());
    assert_eq!(row.rejections, [field("deleted"), field("spam"), UNSUPPORTED]);
    assert_eq!((row.username.as_deref(), row.hash.is_none()), (Some("ada"), true));
}

#[test]
fn tables_of_spreadsheets_and_clients_are_read() {
    let utf16: Vec<u8> = "\u{feff}uid\tname\tpass\tmail\r\n1\t\"The \"\"Boss\"\"\"\t\ta@example.com\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (source, name) in [
        (&b"sep=;\r\nuid;name;pass;mail\r\n1;a;;a@example.com\r\n"[..], "a"),
        (b"uid,name,pass,mail,,\n1,a,,a@example.com,,\n,,,,,\n", "a"),
        (b"uid,name,pass,mail\n1,a,,a@example.com,,\n", "a"),
        (b"uid,name,pass,mail\r1,a,,a@example.com\r", "a"),
        (b"\xef\xbb\xbfuid,\xef\xbb\xbfname,pass,mail\r\n1,a,,a@example.com\r\n\x1a", "a"),
        (b"uid\tname\tpass\tmail\n1\t\"The Boss\tNULL\ta@example.com\n", "\"The Boss"),
        (b"\"uid\"\t\"name\"\t\"pass\"\t\"mail\"\n\"1\"\t\"\\\"Q\\\" A\"\t\\N\t\"a@example.com\"\n", "\"Q\" A"),
        (&utf16, "The \"Boss\""),
    ] {
        let items = all(Format::Drupal, source, &Options::default());
        let [Ok(entry)] = &items[..] else { panic!("{}: {items:?}", String::from_utf8_lossy(source)) };
        let row = entry.row.as_ref().unwrap();
        assert_eq!((row.username.as_deref(), row.email.as_deref()), (Some(name), Some("a@example.com")));
        assert!(row.hash.is_none());
    }
}
