use super::*;

const HOOK: &[u8] = include_bytes!("../../../tests/fixtures/okta.json");

fn event(pointer: &str, value: Value) -> String {
    let hook: Value = serde_json::from_slice(HOOK).unwrap();
    let event = hook["data"]["events"][0].to_string();
    summary(&one(SourceKind::Okta, None, &with(event.as_bytes(), pointer, value)))
}

#[test]
fn a_hook_says_what_it_knows_of_each_user() {
    let said = said(SourceKind::Okta, None, HOOK);
    let expected = [
        ("u-1", "state kim@example.com of 00ukim at 1000"),
        ("u-2", "suspended of 00ukim at 2000"),
        ("u-3", "state - of 00ujo at 3000"),
        ("u-4", "unknown"),
        ("u-5", "unknown"),
    ];
    assert_eq!(said, expected.map(|(id, said)| (id.to_owned(), said.to_owned())));
}

#[test]
fn a_login_is_an_unverified_address_or_a_user_name() {
    let rows: Vec<Row> = split(SourceKind::Okta, None, HOOK)
        .unwrap()
        .iter()
        .filter_map(|event| match one(SourceKind::Okta, None, &event.payload).unwrap() {
            Read::Changes(changes) => Some(changes),
            Read::Unknown => None,
        })
        .flatten()
        .filter_map(|change| match change.change {
            Change::State { row, .. } => Some(*row),
            _ => None,
        })
        .collect();
    let [kim, jo] = &rows[..] else { panic!("two states") };
    assert_eq!((kim.username.as_deref(), kim.email_verified), (None, false));
    assert_eq!(kim.profile.name.as_deref(), Some("Kim Muster"));
    assert_eq!((jo.username.as_deref(), jo.profile.name.as_deref()), (Some("jo"), None));
}

#[test]
fn each_type_of_an_event_has_its_meaning() {
    for (kind, said) in [
        ("user.lifecycle.activate", "activated of 00ukim at 1000"),
        ("user.lifecycle.unsuspend", "activated of 00ukim at 1000"),
        ("user.lifecycle.deactivate", "suspended of 00ukim at 1000"),
        ("user.lifecycle.delete.initiated", "deleted of 00ukim at 1000"),
        ("user.account.update_password", "password of 00ukim at 1000"),
        ("user.account.update_profile", "state kim@example.com of 00ukim at 1000"),
        ("user.session.start", "unknown"),
    ] {
        assert_eq!(event("/eventType", json!(kind)), said);
    }
}

#[test]
fn a_member_that_a_change_needs_is_named() {
    for (pointer, broken, named) in [
        ("/eventType", json!(7), "eventType"),
        ("/published", json!(null), "published"),
        ("/target", json!(null), "target"),
        ("/target", json!([]), "target"),
        ("/target", json!([{"type": "User"}]), "id"),
    ] {
        assert_eq!(event(pointer, broken), Malformed::Member(named).to_string(), "{pointer}");
    }
    let many = vec![json!({"type": "User", "id": "1"}); MAX_EVENTS + 1];
    assert_eq!(event("/target", json!(many)), Malformed::TooMany.to_string());
    let rejected = |body: &[u8]| split(SourceKind::Okta, None, body).map(drop);
    for body in [&b"{}"[..], b"{\"hello\":\"world\"}", b"{\"data\":{}}", b"{\"data\":{\"events\":{}}}", b"[]"] {
        assert_eq!(rejected(body), Err(Malformed::Body("data.events")));
    }
    assert_eq!(rejected(b"{\"data\":{\"events\":[1]}}"), Err(Malformed::NoObjects));
    assert_eq!((rejected(b"{"), rejected(b"")), (Err(Malformed::Json), Err(Malformed::Empty)));
}
