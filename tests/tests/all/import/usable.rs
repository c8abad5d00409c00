//! Values that a user cannot have are left out, and the person is imported.

use serde_json::{Value, json};
use umoja_crypto::legacy::ImportError;
use umoja_migrate::import::{Failed, Importer, LeftOut, Reason, Report};
use umoja_migrate::{Rejected, Row};
use umoja_schema::profile::MAX_PROFILE_BYTES;

use super::{everything, importer, row, story};

#[test]
fn a_value_that_a_user_cannot_have_is_kept_under_custom() {
    story(20, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let mut odd = row("1", "ada@example.com");
        odd.username = Some("Ada Obi".into());
        odd.phone_number = Some("N/A".into());
        odd.profile.custom.insert("phone_number".into(), json!("of the source"));
        odd.left_out = vec![
            LeftOut::text("created", "yesterday"),
            LeftOut { field: "token".into(), value: Value::Null },
            LeftOut { field: "/at/place".into(), value: json!(true) },
        ];
        let done = importer.row(&odd).await.unwrap();
        assert_eq!(done.left_out, ["created", "token", "/at/place", "phone_number", "username"]);
        let mut report = Report::default();
        report.add(&Ok(done));
        assert_eq!((report.rejected, report.left_out["username"]), (0, 1));
        let user = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["username"], &user["phone_number"]), (&Value::Null, &Value::Null));
        let custom =
            json!({"username": "Ada Obi", "phone_number": "of the source", "created": "yesterday", "at/place": true});
        assert_eq!(user["profile"]["custom"], custom);
    });
}

#[test]
fn a_user_name_that_is_an_address_finds_its_owner() {
    story(21, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let named = |id: &str, name: &str| Row {
            username: Some(name.into()),
            ..Row { external_id: Some(id.into()), ..Row::default() }
        };
        assert_eq!(importer.row(&named("1", "ada@example.com")).await.unwrap().left_out, [""; 0]);
        let user = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["email_verified"], &user["profile"]), (&json!(false), &json!({})));
        // Beside an address it is left out, and is not kept if it is that address.
        let both = Row { email: Some("bob@example.com".into()), ..named("2", "BOB@example.com") };
        assert_eq!(importer.row(&both).await.unwrap().left_out, ["username"]);
        let both = Row { email: Some("eve@example.com".into()), ..named("3", "eve@example.com") };
        assert_eq!(importer.row(&both).await.unwrap().left_out, ["username"]);
        let user = d.call(0, "lookup", json!({ "email": "eve@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!(user["profile"], json!({}));
    });
}

#[test]
fn a_record_is_rejected_if_no_identifier_is_left() {
    story(22, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let blank = Row { phone_number: Some("N/A".into()), username: Some(" ".into()), ..Row::default() };
        let Err(Failed::Rejected(reason)) = importer.row(&blank).await else { panic!("no identifier is left") };
        assert!(reason.to_string().contains("`phone_number` must be"), "{reason}");
        let strict = Importer { is_strict: true, ..importer };
        let left = Row { left_out: vec![LeftOut::text("created", "yesterday")], ..row("1", "ada@example.com") };
        let Err(Failed::Rejected(reason)) = strict.row(&left).await else { panic!("one value rejects it") };
        assert!(reason.to_string().contains("`created`"), "{reason}");
    });
}

#[test]
fn every_reason_of_a_rejected_record_is_named() {
    story(25, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let odd = Row {
            phone_number: Some("N/A".into()),
            username: Some("Ada Obi".into()),
            rejections: vec![Rejected::Status("state".into()), Rejected::Hash(ImportError::Broken)],
            left_out: vec![LeftOut::text("created", "yesterday"), LeftOut::text("created", "today")],
            ..row("1", "ada@example.com")
        };
        let named = |reason: &Reason, expected: &[&str]| {
            let reasons: Vec<_> = reason.each().iter().map(ToString::to_string).collect();
            assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
            for (reason, part) in reasons.iter().zip(expected) {
                assert!(reason.contains(part), "{reason}: {part}");
            }
        };
        named(&rejection(&importer, &odd).await, &["value of `state`", "known to be broken"]);
        // Values that are only left out are no reasons, unless no identifier remains.
        let none = Row { email: Some("none".into()), external_id: None, rejections: Vec::new(), ..odd.clone() };
        named(&rejection(&importer, &none).await, &["`email`", "`phone_number`", "`username`"]);
        for dry_run in [false, true] {
            let strict = Importer { is_strict: true, dry_run, ..self::importer(&d, 0, &d.shop).await };
            let reason = rejection(&strict, &odd).await;
            let all = ["value of `state`", "known to be broken", "`phone_number`", "`username`", "`created`"];
            named(&reason, &all);
            let mut report = Report::default();
            report.add(&Err(reason));
            assert_eq!((report.rejected, report.rejected_by_reason.len()), (1, 5));
        }
        assert_eq!(everything(&d, 0).await, []);
    });
}

async fn rejection(importer: &Importer, row: &Row) -> Reason {
    match importer.row(row).await {
        Err(Failed::Rejected(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn phone_numbers_are_read_in_the_country_of_their_record() {
    story(23, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let national = |id: &str, country: &str| Row {
            phone_number: Some("0803 123 4567".into()),
            phone_country: Some(country.into()),
            ..row(id, &format!("u{id}@example.com"))
        };
        for (id, country, left_out) in
            [("1", "ng", &[][..]), ("2", "Kenya", &["phone_country", "phone_number"]), ("3", "", &["phone_number"])]
        {
            assert_eq!(importer.row(&national(id, country)).await.unwrap().left_out, left_out, "{country}");
        }
        let found = d.call(0, "lookup", json!({ "phone_number": "+2348031234567" })).await;
        assert_eq!(found.ok(200).body["user"]["email"], "u1@example.com");
        let international = Row { phone_number: Some("+254712123457".into()), ..national("4", "Kenya") };
        assert_eq!(importer.row(&international).await.unwrap().left_out, ["phone_country"]);
    });
}

#[test]
fn members_that_do_not_fit_into_a_profile_are_left_out() {
    story(24, async |d| {
        let importer = importer(&d, 0, &d.shop).await;
        let mut large = row("1", "ada@example.com");
        large.profile.picture = Some("x".repeat(MAX_PROFILE_BYTES / 2));
        large.profile.nickname = Some("Ada".into());
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        for (name, value) in [("photo", json!("y".repeat(MAX_PROFILE_BYTES))), ("deep", deep), ("size", json!(42))] {
            large.profile.custom.insert(name.into(), value);
        }
        assert_eq!(importer.row(&large).await.unwrap().left_out, ["custom", "custom"]);
        let mut larger = row("2", "bob@example.com");
        larger.profile.picture = Some("x".repeat(MAX_PROFILE_BYTES));
        assert_eq!(importer.row(&larger).await.unwrap().left_out, ["picture"]);
        let user = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["profile"]["nickname"], &user["profile"]["custom"]), (&json!("Ada"), &json!({"size": 42})));
    });
}
