use umoja_migrate::Rejected;
use umoja_migrate::formats::{Entry, Format, Mapping, Options};

use super::{Dice, Seen, left_out, middle, seen};
use crate::login::all;

struct Case {
    format: Format,
    options: Options,
    columns: Vec<&'static str>,
    cells: Vec<&'static str>,
    external_id: &'static str,
    email: &'static str,
    username: &'static str,
    given_name: &'static str,
    hash: &'static str,
}

fn cases() -> Vec<Case> {
    let mapping = br#"{"external_id": "id", "email": "mail", "email_verified": "ok", "phone_number": "tel",
        "username": "name", "created_at": {"from": "at", "unit": "milliseconds"},
        "status": {"from": "state", "active": ["1"], "disabled": ["0"]}, "profile": {"given_name": "first"},
        "hash": {"family": "chain", "from": "pw", "salt": {"from": "salt"}, "steps": [{"digest": "md5", "salt": "first"}]}}"#;
    let case = |format,
                columns: &'static str,
                cells: &'static str,
                [external_id, email, username, given_name, hash]: [&'static str; 5]| Case {
        format,
        options: Options { mapping: Some(Mapping::parse(mapping).unwrap()), ..Options::default() },
        columns: columns.split(',').collect(),
        cells: cells.split(',').collect(),
        external_id,
        email,
        username,
        given_name,
        hash,
    };
    vec![
        case(
            Format::WordPress,
            "ID,user_login,user_pass,user_nicename,user_email,user_url,user_registered,user_status,display_name,spam,deleted",
            "7,n,$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0,n,m@example.com,,2015-06-01 12:30:00,0,N,0,0",
            ["ID", "user_email", "user_login", "", "user_pass"],
        ),
        case(
            Format::Magento,
            "entity_id,website_id,email,created_at,is_active,prefix,firstname,middlename,lastname,dob,password_hash,taxvat,gender",
            "7,1,m@example.com,2020-02-29 12:30:05,1,Dr,g,NULL,f,1990-05-01,67a1e09bb1f83f5007dc119c14d663aa:salt:0,CH-1,2",
            ["entity_id", "email", "", "firstname", "password_hash"],
        ),
        case(
            Format::Drupal,
            "uid,langcode,preferred_langcode,name,pass,mail,timezone,status,created,login,default_langcode",
            "7,en,de,n,$S$C20340258nzjDWpoQthrdNTR02f0pmev0K/5/Nx80WSkOQcPEQRh,m@example.com,Europe/Zurich,1,1580000000,0,1",
            ["uid", "mail", "name", "", "pass"],
        ),
        case(
            Format::Csv,
            "id,mail,ok,tel,name,at,state,first,pw,salt",
            "7,m@example.com,1,+41445671234,n,1580000000000,1,g,57ab8499d08c59a7211c77f557bf9425,4247",
            ["id", "mail", "name", "first", "pw"],
        ),
    ]
}

/// A row in which each cell is quoted.
fn written(cells: &[Vec<u8>]) -> Vec<u8> {
    let mut row = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        row.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
        for byte in cell {
            row.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
        }
        row.push(b'"');
    }
    row
}

impl Case {
    fn cells(&self) -> Vec<Vec<u8>> {
        self.cells.iter().map(|cell| cell.as_bytes().to_vec()).collect()
    }

    fn around(&self, row: &[u8]) -> Vec<u8> {
        let whole = self.cells.join(",").into_bytes();
        [self.columns.join(",").as_bytes(), b"\n", &whole, b"\r\n", row, b"\n", &whole].concat()
    }

    fn whole(&self) -> Seen {
        let entry = all(self.format, &self.around(b""), &self.options).remove(0).unwrap();
        seen(&entry.row.unwrap_or_else(|rejected| panic!("{:?}: {rejected}", self.format)))
    }

    fn said(&self, cells: &[Vec<u8>], column: &str) -> Option<String> {
        let index = self.columns.iter().position(|name| *name == column)?;
        let text = String::from_utf8(cells[index].clone()).ok()?;
        Some(text).filter(|text| !["", "NULL", "\\N"].contains(&text.as_str()))
    }
}

fn changes(old: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut changes: Vec<(_, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("null", b"NULL".to_vec()),
        ("mysql null", b"\\N".to_vec()),
        ("lower case null", b"null".to_vec()),
        ("blank", b" ".to_vec()),
        ("zero", b"0".to_vec()),
        ("one", b"1".to_vec()),
        ("negative", b"-1".to_vec()),
        ("huge", b"99999999999999999999999".to_vec()),
        ("fraction", b"1.5".to_vec()),
        ("word", b"yes".to_vec()),
        ("comma", b"a,b".to_vec()),
        ("quotes", b"\"a\"\"".to_vec()),
        ("line break", b"a\r\nb\n".to_vec()),
        ("nul", b"a\0b".to_vec()),
        ("not utf-8", b"a\xffb".to_vec()),
        ("half a letter", b"a\xc3".to_vec()),
        ("letters", "\u{1f600}\u{202e}".as_bytes().to_vec()),
        ("long", vec![b'x'; 20_000]),
        ("too long", vec![b'x'; (1 << 20) + 1]),
        ("json", b"{\"a\":1}".to_vec()),
    ];
    changes.push(("longer", [old, b"x"].concat()));
    changes.push(("shorter", old.get(1..).unwrap_or_default().to_vec()));
    changes.push(("upper case", old.to_ascii_uppercase()));
    changes
}

#[test]
fn a_changed_cell_rejects_the_row_or_is_read_exactly() {
    let mut kinds = 0;
    for case in cases() {
        let whole = case.whole();
        for (index, column) in case.columns.iter().enumerate() {
            for (change, new) in changes(case.cells[index].as_bytes()) {
                let mut cells = case.cells();
                cells[index] = new;
                let kind = format!("{column} {change}");
                let row = middle(case.format, &case.around(&written(&cells)), &case.options, &whole, &kind);
                kinds += 1;
                let Some(Ok(row)) = row else { continue };
                if left_out(&row, &whole, &kind) {
                    continue;
                }
                assert_ne!(change, "too long", "{:?} {kind}", case.format);
                let row = seen(&row);
                assert_eq!(row.external_id, case.said(&cells, case.external_id), "{:?} {kind}", case.format);
                assert_eq!(row.email, case.said(&cells, case.email), "{:?} {kind}", case.format);
                assert_eq!(row.username, case.said(&cells, case.username), "{:?} {kind}", case.format);
                assert_eq!(row.given_name, case.said(&cells, case.given_name), "{:?} {kind}", case.format);
                assert_eq!(row.hash.is_some(), case.said(&cells, case.hash).is_some(), "{:?} {kind}", case.format);
                if ![case.hash, "salt"].contains(column) {
                    assert_eq!(row.hash, whole.hash, "{:?} {kind}", case.format);
                }
            }
        }
    }
    assert!(kinds > 1000, "{kinds} kinds");
}

#[test]
fn a_row_with_more_or_fewer_cells_is_rejected() {
    for case in cases() {
        let whole = case.whole();
        for index in 0..case.columns.len() {
            let (mut fewer, mut more) = (case.cells(), case.cells());
            fewer.remove(index);
            more.insert(index, Vec::new());
            for cells in [fewer, more] {
                let row = middle(case.format, &case.around(&written(&cells)), &case.options, &whole, "cells");
                assert!(matches!(row, Some(Err(Rejected::Form(_)))), "{:?} {index}", case.format);
            }
        }
    }
}

/// Without quotes a row is split at its commas, and the reader returns only these fields. An unclosed quote ends the
/// source.
#[test]
fn broken_bytes_make_no_other_user() {
    let mut dice = Dice(47);
    for case in cases() {
        let whole = case.whole();
        let text = case.cells.join(",").replacen('7', "8", 1).into_bytes();
        for position in 0..=text.len() {
            for insert in [&b"\""[..], b"\0", b"\xff", b"\n", b",", b"\r", b"\"\"\"", b""] {
                let mut broken = text.clone();
                let end = (position + dice.below(3)).min(text.len());
                drop(broken.splice(position..end, insert.iter().copied()));
                no_other_user(&case, &broken, &whole);
                broken.truncate(position);
                no_other_user(&case, &broken, &whole);
            }
        }
    }
}

fn no_other_user(case: &Case, broken: &[u8], whole: &Seen) {
    let items = all(case.format, &case.around(broken), &case.options);
    let mut first = true;
    for item in items {
        // Quotes that are never closed end the source.
        let Ok(Entry { row, .. }) = item else { continue };
        let Ok(row) = row else { continue };
        let is_partial = !row.left_out.is_empty();
        let row = seen(&row);
        if row == *whole {
            first = false;
            continue;
        }
        assert!(!first, "the first row is as it was");
        let lines = broken.split(|byte| matches!(byte, b'\n' | b'\r'));
        let mut rows = lines.map(|line| line.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect::<Vec<_>>());
        if broken.contains(&b'"') {
            continue;
        }
        let as_split = |mut cells: Vec<Vec<u8>>| {
            while cells.len() > case.columns.len() && cells.last().is_some_and(Vec::is_empty) {
                cells.pop();
            }
            let is_said = |read: &Option<String>, column: &str| {
                is_partial && read.is_none() || *read == case.said(&cells, column)
            };
            cells.len() == case.columns.len()
                && is_said(&row.external_id, case.external_id)
                && is_said(&row.email, case.email)
                && is_said(&row.username, case.username)
                && is_said(&row.given_name, case.given_name)
        };
        assert!(rows.any(as_split), "{:?}: {}", case.format, String::from_utf8_lossy(broken));
    }
    assert!(!first);
}
