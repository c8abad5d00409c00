//! Values written as CSV or LDIF, in any of the ways that these allow, are read back unchanged.

use proptest::prelude::*;
use serde_json::{Value, json};
use umoja_migrate::formats::{Format, Mapping, Options};

use crate::login::all;

/// Texts with characters that a format treats specially.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ]{0,12}",
        "[\",;\t\r\n:<# \\\\é\u{1f600}\0-]{0,12}",
        any::<String>(),
        Just("NULL".to_owned()),
        Just("x".repeat(5000)),
    ]
}

fn cell(text: &str, delimiter: char, quoted: bool) -> String {
    if quoted || text.contains([delimiter, '"', '\r', '\n']) || text.is_empty() {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(46), failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn rows_of_csv_come_back(
        rows in prop::collection::vec((text(), text(), any::<[bool; 3]>()), 0..8),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        end in prop::sample::select(vec!["\n", "\r\n"]),
        last in any::<bool>(),
    ) {
        let mapping = json!({
            "external_id": "id", "delimiter": delimiter.to_string(), "quotes": true, "null": [],
            "profile": {"custom": {"first": "a", "second": "b"}},
        });
        let mapping = Mapping::parse(mapping.to_string().as_bytes()).unwrap();
        let options = Options { mapping: Some(mapping), ..Options::default() };
        let mut lines = vec![["id", "a", "b"].join(&delimiter.to_string())];
        for (index, (first, second, quoted)) in rows.iter().enumerate() {
            let cells = [(&index.to_string(), quoted[0]), (first, quoted[1]), (second, quoted[2])];
            lines.push(cells.map(|(text, quoted)| cell(text, delimiter, quoted)).join(&delimiter.to_string()));
        }
        let source = lines.join(end) + if last { end } else { "" };
        let read: Vec<_> = all(Format::Csv, source.as_bytes(), &options).into_iter().map(|item| item.unwrap().row.unwrap()).collect();
        prop_assert_eq!(read.len(), rows.len());
        for (index, (row, (first, second, _))) in read.iter().zip(&rows).enumerate() {
            prop_assert_eq!(row.external_id.clone(), Some(index.to_string()));
            for (name, text) in [("first", first), ("second", second)] {
                let found = row.profile.custom.get(name).and_then(Value::as_str);
                prop_assert_eq!(found.unwrap_or_default(), text);
            }
        }
    }

    #[test]
    fn entries_of_ldif_come_back(
        entries in prop::collection::vec((text(), text(), 2..40_usize, any::<bool>()), 0..8),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut source = String::from("version: 1\n");
        for (index, (title, name, width, comment)) in entries.iter().enumerate() {
            let lines = [
                format!("dn: uid={index}"),
                "objectClass: inetOrgPerson".to_owned(),
                format!("uid: {index}"),
                attribute("title", title),
                attribute("givenName", name),
            ];
            for line in lines {
                source.push_str(if *comment { "# a comment\n  and more of it\n" } else { "" });
                source.push_str(&folded(&line, *width));
            }
            source.push('\n');
        }
        let source = source.replace('\n', end);
        let read: Vec<_> = all(Format::Ldif, source.as_bytes(), &Options::default()).into_iter().map(|item| item.unwrap().row.unwrap()).collect();
        prop_assert_eq!(read.len(), entries.len());
        for (index, (row, (title, name, _, _))) in read.iter().zip(&entries).enumerate() {
            prop_assert_eq!(row.external_id.clone(), Some(index.to_string()));
            prop_assert_eq!(row.profile.given_name.as_deref().unwrap_or_default(), name);
            prop_assert_eq!(row.profile.custom.get("title").and_then(Value::as_str).unwrap_or_default(), title);
        }
    }
}

/// RFC 2849: plain if it is a SAFE-STRING, otherwise base64.
fn attribute(name: &str, text: &str) -> String {
    let safe = text.is_ascii()
        && !text.contains(['\0', '\n', '\r'])
        && !text.starts_with([' ', ':', '<'])
        && !text.ends_with(' ');
    if safe { format!("{name}: {text}") } else { format!("{name}:: {}", crate::broken::base64(text.as_bytes())) }
}

/// Lines of at most `width` characters after the first.
fn folded(line: &str, width: usize) -> String {
    let letters: Vec<char> = line.chars().collect();
    let lines: Vec<String> = letters.chunks(width).map(|part| part.iter().collect()).collect();
    lines.join("\n ") + "\n"
}
