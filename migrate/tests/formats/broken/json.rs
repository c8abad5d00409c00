use serde_json::{Map, Value, json};
use umoja_crypto::{numbers, surrogates};
use umoja_migrate::formats::{Format, Mapping, Options, keys};

use super::{Dice, Seen, left_out, middle, seen};
use crate::login::all;

/// A format, a user in it, and the places of its fields.
struct Case {
    format: Format,
    options: Options,
    before: &'static str,
    between: &'static str,
    after: &'static str,
    user: Value,
    external_id: &'static str,
    email: &'static str,
    email_verified: &'static str,
    phone_number: &'static str,
    username: &'static str,
    given_name: &'static str,
    hash: &'static str,
    /// Members that determine the hash.
    of_hash: &'static [&'static str],
}

/// The value is neither a text nor an id.
#[derive(Debug, PartialEq, Eq)]
struct NoText;

const NOWHERE: &str = "/nowhere";
const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

fn users() -> [Value; 5] {
    let auth0 = json!({
        "user_id": "u", "email": "m@example.com", "email_verified": true, "phone_number": "+41445671234",
        "phone_verified": false, "username": "n", "given_name": "g", "family_name": "f", "name": "g f", "nickname": "n",
        "picture": "p", "locale": "en", "blocked": false, "created_at": "2020-02-29T12:30:05Z",
        "user_metadata": {"a": 1}, "app_metadata": {"b": [1]}, "password_hash": BCRYPT, "mfa_factors": [],
    });
    let firebase = json!({
        "localId": "u", "email": "m@example.com", "emailVerified": true,
        "passwordHash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
        "salt": "42xEC+ixf3L2lw==", "displayName": "d", "photoUrl": "p", "createdAt": "1486324170000",
        "phoneNumber": "+41445671234", "disabled": false, "customAttributes": "{\"a\":1}", "providerUserInfo": [],
    });
    let keycloak = json!({
        "id": "u", "createdTimestamp": 1_588_684_053_123_u64, "username": "n", "enabled": true, "emailVerified": true,
        "firstName": "g", "lastName": "f", "email": "m@example.com",
        "attributes": {"phoneNumber": ["+41445671234"], "phoneNumberVerified": ["true"], "locale": ["de"], "size": ["4", "2"]},
        "credentials": [{
            "type": "password",
            "secretData": "{\"value\":\"JsfNbCOIdZUbyBJ+BT+VoGI91Ec2rWLOvkLPDaX8e9k=\",\"salt\":\"P5rtFkGtPfoaryJ6PizUJw==\"}",
            "credentialData": "{\"hashIterations\":27500,\"algorithm\":\"pbkdf2-sha256\"}",
        }],
    });
    let django = json!({"model": "auth.user", "pk": "u", "fields": {
        "password": "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", "last_login": null, "username": "n", "first_name": "g",
        "last_name": "f", "email": "m@example.com", "is_active": true, "date_joined": "2013-03-16T09:10:25.848Z",
        "groups": [],
    }});
    let ndjson = json!({
        "id": "u", "mails": [{"k": "other", "v": "x"}, {"k": "main", "v": "m@example.com", "ok": true}], "tel": "+41445671234",
        "name": "n", "at": 1_582_979_405, "state": 1, "person": {"first": "g"}, "pw": BCRYPT,
    });
    [auth0, firebase, keycloak, django, ndjson]
}

fn cases() -> Vec<Case> {
    let keys =
        br#"{"app": {"firebase": {"signer_key": "AAAA", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}}"#;
    let mapping = br#"{"external_id": "/id", "email": "/mails/[k=main]/v", "email_verified": "/mails/[k=main]/ok",
        "phone_number": "/tel", "username": "/name", "created_at": {"from": "/at", "unit": "seconds"},
        "status": {"from": "/state", "active": ["1"], "disabled": ["0"]}, "profile": {"given_name": "/person/first"},
        "hash": {"family": "parse", "from": "/pw"}}"#;
    let options = || Options {
        keys: keys::parse(keys).unwrap(),
        mapping: Some(Mapping::parse(mapping).unwrap()),
        ..Options::default()
    };
    let base = |format, user| Case {
        format,
        options: options(),
        before: "[",
        between: ",",
        after: "]",
        user,
        external_id: NOWHERE,
        email: "/email",
        email_verified: NOWHERE,
        phone_number: NOWHERE,
        username: "/username",
        given_name: NOWHERE,
        hash: NOWHERE,
        of_hash: &[],
    };
    let [auth0, firebase, keycloak, django, ndjson] = users();
    vec![
        Case {
            external_id: "/user_id",
            email_verified: "/email_verified",
            phone_number: "/phone_number",
            given_name: "/given_name",
            hash: "/password_hash",
            of_hash: &["/password_hash"],
            ..base(Format::Auth0, auth0)
        },
        Case {
            before: "{\"users\":[",
            after: "]}",
            external_id: "/localId",
            email_verified: "/emailVerified",
            phone_number: "/phoneNumber",
            username: NOWHERE,
            hash: "/passwordHash",
            of_hash: &["/passwordHash", "/salt"],
            ..base(Format::Firebase, firebase)
        },
        Case {
            before: "{\"realm\":\"r\",\"users\":[",
            after: "],\"x\":[]}",
            external_id: "/id",
            email_verified: "/emailVerified",
            phone_number: "/attributes/phoneNumber",
            given_name: "/firstName",
            hash: "/credentials",
            of_hash: &["/credentials"],
            ..base(Format::Keycloak, keycloak)
        },
        Case {
            external_id: "/pk",
            email: "/fields/email",
            username: "/fields/username",
            given_name: "/fields/first_name",
            hash: "/fields/password",
            of_hash: &["/fields/password"],
            ..base(Format::Django, django)
        },
        Case {
            before: "",
            between: "\n",
            after: "\n",
            external_id: "/id",
            email: "/mails/1/v",
            email_verified: "/mails/1/ok",
            phone_number: "/tel",
            username: "/name",
            given_name: "/person/first",
            hash: "/pw",
            of_hash: &["/pw"],
            ..base(Format::Ndjson, ndjson)
        },
    ]
}

impl Case {
    fn around(&self, record: &[u8]) -> Vec<u8> {
        let whole = self.user.to_string();
        let (before, between, after) = (self.before.as_bytes(), self.between.as_bytes(), self.after.as_bytes());
        [before, whole.as_bytes(), between, record, between, whole.as_bytes(), after].concat()
    }

    fn whole(&self) -> Seen {
        let entry = all(self.format, self.around(b"{}").as_slice(), &self.options).remove(0).unwrap();
        seen(&entry.row.unwrap_or_else(|rejected| panic!("{:?}: {rejected}", self.format)))
    }

    /// The text at a place.
    fn text(user: &Value, pointer: &str) -> Result<Option<String>, NoText> {
        match user.pointer(pointer) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            // Attributes of Keycloak are lists, and a list of several is not a number.
            Some(Value::Array(items)) if items.len() == 1 => Self::text(user, &format!("{pointer}/0")),
            Some(Value::Array(items)) if items.len() > 1 || items.iter().all(Value::is_string) => Ok(None),
            Some(_) => Err(NoText),
        }
    }

    /// Checks that the fields of a row are those of the user.
    fn check(&self, user: &Value, row: &Seen, whole: &Seen, kind: &str) {
        let text = |pointer| {
            Self::text(user, pointer).unwrap_or_else(|_| panic!("{:?} {kind}: {pointer} is no text", self.format))
        };
        let said = (text(self.external_id), text(self.email), text(self.phone_number), text(self.username));
        let read = (row.external_id.clone(), row.email.clone(), row.phone_number.clone(), row.username.clone());
        assert_eq!(read, said, "{:?} {kind}", self.format);
        assert_eq!(row.given_name, text(self.given_name), "{:?} {kind}", self.format);
        let verified = match user.pointer(self.email_verified) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_u64() == Some(1),
            Some(Value::String(text)) => ["true", "1", "t", "yes", "y"].contains(&text.to_lowercase().as_str()),
            _ => false,
        };
        assert_eq!(row.email_verified, verified, "{:?} {kind}", self.format);
        if self.of_hash.iter().all(|pointer| user.pointer(pointer) == self.user.pointer(pointer)) {
            assert_eq!(row.hash, whole.hash, "{:?} {kind}", self.format);
        } else if row.hash.is_none() {
            let is_absent = match user.pointer(self.hash) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.is_empty() || text.starts_with('!'),
                // Keycloak: no credential that is a password.
                Some(Value::Array(items)) => items.iter().all(|item| item["type"] != "password"),
                Some(_) => false,
            };
            assert!(is_absent, "{:?} {kind}: the hash is lost", self.format);
        }
    }
}

/// The places of all values inside a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut visit = |name: &str, inner: &Value| {
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(place.clone());
        places(inner, &place, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| visit(name, inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| visit(&index.to_string(), inner)),
        _ => {}
    }
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| json!([inner]))
}

/// The kinds of change to one member: a name and the new value, `None` for its removal.
fn changes(old: &Value) -> Vec<(&'static str, Option<Value>)> {
    let mut changes = vec![
        ("removed", None),
        ("null", Some(Value::Null)),
        ("true", Some(json!(true))),
        ("false", Some(json!(false))),
        ("zero", Some(json!(0))),
        ("one", Some(json!(1))),
        ("negative", Some(json!(-1))),
        ("fraction", Some(json!(1.5))),
        ("huge", Some(json!(1e300))),
        ("largest", Some(json!(u64::MAX))),
        ("empty", Some(json!(""))),
        ("blank", Some(json!(" "))),
        ("word", Some(json!("yes"))),
        ("nul", Some(json!("a\0b"))),
        ("letters", Some(json!("\u{1f600}\u{202e}\u{feff}"))),
        ("long", Some(json!("x".repeat(10_000)))),
        ("array", Some(json!([]))),
        ("object", Some(json!({}))),
        ("in array", Some(json!([old]))),
        ("twice in array", Some(json!([old, old]))),
        ("in object", Some(json!({"x": old}))),
        ("nested", Some(deep(100))),
        ("nested too deep", Some(deep(200))),
    ];
    if let Value::String(text) = old {
        changes.push(("longer", Some(json!(format!("{text}x")))));
        changes.push(("shorter", Some(json!(text.chars().skip(1).collect::<String>()))));
        changes.push(("upper case", Some(json!(text.to_uppercase()))));
    }
    changes
}

fn changed(user: &Value, place: &str, new: Option<Value>) -> Value {
    let mut user = user.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    match (user.pointer_mut(parent).unwrap(), new) {
        (Value::Object(members), Some(new)) => drop(members.insert(name, new)),
        (Value::Object(members), None) => drop(members.remove(&name)),
        (Value::Array(items), Some(new)) => items[name.parse::<usize>().unwrap()] = new,
        (Value::Array(items), None) => drop(items.remove(name.parse::<usize>().unwrap())),
        _ => unreachable!(),
    }
    user
}

#[test]
fn a_changed_member_rejects_the_record_or_is_read_exactly() {
    let mut kinds = 0;
    for case in cases() {
        let whole = case.whole();
        let mut found = Vec::new();
        places(&case.user, "", &mut found);
        for place in found {
            for (change, new) in changes(case.user.pointer(&place).unwrap()) {
                let user = changed(&case.user, &place, new);
                let kind = format!("{place} {change}");
                let source = case.around(user.to_string().as_bytes());
                kinds += 1;
                if let Some(Ok(row)) = middle(case.format, &source, &case.options, &whole, &kind) {
                    assert_ne!(change, "nested too deep");
                    if left_out(&row, &whole, &kind) {
                        continue;
                    }
                    // Pointers of the mapping select by a member, the check by an index.
                    if !place.starts_with("/mails") || ["/mails/1/v", "/mails/1/ok"].contains(&place.as_str()) {
                        case.check(&user, &seen(&row), &whole, &kind);
                    }
                }
            }
        }
    }
    assert!(kinds > 1500, "{kinds} kinds");
}

#[test]
fn a_duplicate_name_rejects_the_record() {
    for case in cases() {
        let whole = case.whole();
        let Value::Object(members) = &case.user else { unreachable!() };
        for name in members.keys() {
            for value in ["null".to_owned(), case.user[name].to_string()] {
                let record = format!("{{\"{name}\":{value},{}", &case.user.to_string()[1..]);
                let source = case.around(record.as_bytes());
                let row = middle(case.format, &source, &case.options, &whole, name);
                assert!(matches!(row, Some(Err(_))), "{:?} {name}", case.format);
            }
        }
    }
}

/// Whatever happens to the bytes of the record in the middle, the reader returns no other user than a JSON parser.
#[test]
fn broken_bytes_make_no_other_user() {
    let mut dice = Dice(46);
    for case in cases() {
        let whole = case.whole();
        let text = case.user.to_string().replacen("\"u\"", "\"other\"", 1).into_bytes();
        let inserts: [&[u8]; 14] = [
            b"\"",
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\0",
            b"\xff",
            b"\xed\xa0\x80",
            b"\n",
            b"\\ud800",
            b"1e999",
        ];
        for position in 0..=text.len() {
            for kind in 0..5 {
                let mut broken = text.clone();
                match kind {
                    0 => broken.truncate(position),
                    1 if position < text.len() => drop(broken.remove(position)),
                    2 if position < text.len() => broken[position] = u8::try_from(dice.below(256)).unwrap(),
                    3 if position < text.len() => {
                        let end = (position + 1 + dice.below(30)).min(text.len());
                        drop(broken.drain(position..end));
                    }
                    _ => {
                        let insert = inserts[dice.below(inserts.len())];
                        drop(broken.splice(position..position, insert.iter().copied()));
                    }
                }
                no_other_user(&case, &broken, &whole);
            }
        }
    }
}

fn no_other_user(case: &Case, broken: &[u8], whole: &Seen) {
    let source = case.around(broken);
    for row in all(case.format, &source, &case.options).into_iter().filter_map(|item| item.ok()?.row.ok()) {
        let row = seen(&row);
        if row == *whole {
            continue;
        }
        // In formats of one record a line, a line break ends the record.
        let lines: Vec<_> =
            if case.between == "\n" { broken.split(|byte| *byte == b'\n').collect() } else { vec![broken] };
        let users = lines.iter().flat_map(|line| {
            // Half a character is replaced, and a number that would lose digits becomes a text.
            let array = surrogates::replaced(&[b"[", *line, b"]"].concat()).into_owned();
            let array = numbers::with_others_as_texts(&array);
            serde_json::from_slice::<Vec<Map<String, Value>>>(&array).unwrap_or_default()
        });
        let said =
            users.map(Value::Object).any(|user| Case::text(&user, case.external_id) == Ok(row.external_id.clone()));
        assert!(said, "{:?}: {}", case.format, String::from_utf8_lossy(broken));
    }
}
