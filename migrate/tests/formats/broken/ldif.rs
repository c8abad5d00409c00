use umoja_migrate::formats::{Format, Options};

use super::{Dice, Seen, left_out, middle, seen};
use crate::login::all;

const PERSON: [(&str, &str); 15] = [
    ("dn", "uid=u,dc=example"),
    ("objectClass", "inetOrgPerson"),
    ("uid", "u"),
    ("cn", "c"),
    ("sn", "s"),
    ("givenName", "g"),
    ("mail", "m@example.com"),
    ("mobile", "+41445671234"),
    ("l", "Z"),
    ("userPassword", "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr"),
    ("entryUUID", "3a5f0e2c-7f7e-4a55-bb0e-0c1b5f7ed001"),
    ("createTimestamp", "20200229123005Z"),
    ("nsAccountLock", "false"),
    ("userAccountControl", "512"),
    ("jpegPhoto", "x"),
];

/// The standard alphabet with padding (RFC 4648 section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[(number >> (18 - 6 * place) & 63) as usize]);
            text.push(if place > three.len() { '=' } else { letter });
        }
    }
    text
}

fn written(lines: &[(&str, Vec<u8>)]) -> Vec<u8> {
    lines.iter().flat_map(|(name, value)| format!("{name}:: {}\n", base64(value)).into_bytes()).collect()
}

fn plain() -> Vec<u8> {
    PERSON.iter().flat_map(|(name, value)| format!("{name}: {value}\n").into_bytes()).collect()
}

fn around(entry: &[u8]) -> Vec<u8> {
    [&plain()[..], b"\n", entry, b"\n\n", &plain()].concat()
}

fn whole() -> Seen {
    seen(&all(Format::Ldif, &around(b""), &Options::default()).remove(0).unwrap().row.unwrap())
}

fn changes(old: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", Vec::new()),
        ("blank", b" ".to_vec()),
        ("blanks around", format!(" {old} ").into_bytes()),
        ("zero", b"0".to_vec()),
        ("huge", b"99999999999999999999999".to_vec()),
        ("line break", b"a\nb".to_vec()),
        ("nul", b"a\0b".to_vec()),
        ("not utf-8", b"a\xffb".to_vec()),
        ("half a letter", b"a\xc3".to_vec()),
        ("letters", "\u{1f600}\u{202e}".as_bytes().to_vec()),
        ("long", vec![b'x'; 20_000]),
        ("too long", vec![b'x'; (1 << 20) + 1]),
        ("longer", format!("{old}x").into_bytes()),
        ("shorter", old.as_bytes()[1..].to_vec()),
        ("upper case", old.to_uppercase().into_bytes()),
        ("like a line", b"uid: other".to_vec()),
    ]
}

#[test]
fn a_changed_value_rejects_the_entry_or_is_read_exactly() {
    let (whole, mut kinds) = (whole(), 0);
    let person: Vec<_> = PERSON.iter().map(|(name, value)| (*name, value.as_bytes().to_vec())).collect();
    for (index, (name, old)) in PERSON.iter().enumerate() {
        let mut variants: Vec<_> = changes(old)
            .into_iter()
            .map(|(change, new)| {
                let mut lines = person.clone();
                lines[index].1 = new;
                (change, lines)
            })
            .collect();
        let (mut removed, mut doubled) = (person.clone(), person.clone());
        removed.remove(index);
        doubled.insert(index, (name, b"first".to_vec()));
        variants.extend([("removed", removed), ("doubled", doubled)]);
        for (change, lines) in variants {
            let kind = format!("{name} {change}");
            let row = middle(Format::Ldif, &around(&written(&lines)), &Options::default(), &whole, &kind);
            kinds += 1;
            let Some(Ok(row)) = row else { continue };
            assert!(change != "too long" || *name == "jpegPhoto", "{kind}");
            if left_out(&row, &whole, &kind) {
                continue;
            }
            let row = seen(&row);
            let said = |wanted: &str| {
                let mut values = lines.iter().filter(|(name, value)| *name == wanted && !value.is_empty());
                values.next().map(|(_, value)| String::from_utf8(value.clone()).expect("not UTF-8 is rejected"))
            };
            assert_eq!(row.external_id, said("entryUUID").or(said("uid")), "{kind}");
            // The first value that is an address, or else the first.
            let addresses = lines.iter().filter(|(name, value)| *name == "mail" && value.contains(&b'@'));
            let address = addresses.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).next();
            assert_eq!(row.email, address.or(said("mail")), "{kind}");
            assert_eq!(row.username, said("uid"), "{kind}");
            assert_eq!(row.phone_number, said("mobile"), "{kind}");
            assert_eq!(row.given_name, said("givenName"), "{kind}");
            assert_eq!(row.hash.is_some(), said("userPassword").is_some(), "{kind}");
            if *name != "userPassword" {
                assert_eq!(row.hash, whole.hash, "{kind}");
            }
        }
    }
    assert!(kinds >= 270, "{kinds} kinds");
}

/// Whatever happens to the bytes of an entry, the fields of the result are values of its lines.
#[test]
fn broken_bytes_make_no_other_user() {
    let (whole, mut dice) = (whole(), Dice(48));
    let text = String::from_utf8(plain()).unwrap().replace("3a5f", "4b6f").into_bytes();
    for position in 0..=text.len() {
        for insert in
            [&b"\n"[..], b"\n\n", b"\n ", b":", b"::", b"\0", b"\xff", b"#", b"\n#", b";x", b"\r", b"\n-\n", b""]
        {
            let mut broken = text.clone();
            let end = (position + dice.below(3)).min(text.len());
            drop(broken.splice(position..end, insert.iter().copied()));
            no_other_user(&broken, &whole);
            broken.truncate(position);
            no_other_user(&broken, &whole);
        }
    }
}

fn no_other_user(broken: &[u8], whole: &Seen) {
    // Unfolded, with the line breaks of the two entries around it.
    let text = String::from_utf8_lossy(broken).replace("\r\n", "\n").replace("\n ", "");
    let values: Vec<_> =
        text.lines().filter_map(|line| Some(line.split_once(':')?.1.trim_start_matches(' '))).collect();
    let mut rows = Vec::new();
    for item in all(Format::Ldif, &around(broken), &Options::default()) {
        rows.extend(item.unwrap().row.ok().map(|row| seen(&row)));
    }
    assert!(rows.first() == Some(whole) && rows.last() == Some(whole), "{text}");
    for row in &rows[1..rows.len() - 1] {
        let fields = [&row.external_id, &row.email, &row.phone_number, &row.username, &row.given_name];
        for field in fields.into_iter().flatten() {
            assert!(
                values.iter().any(|value| value == field || base64(field.as_bytes()) == value.trim()),
                "{field}: {text}"
            );
        }
    }
}
