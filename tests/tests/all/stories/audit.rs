//! The audit trail: which events of a user are recorded, with which actor, in which region's chain, and its integrity.

use futures_util::future::join_all;
use serde_json::{Value, json};
use umoja_schema::audit::{field, key as row_key};
use umoja_schema::{Actor, Attribute, AuditEvent, Hlc, Log, LogRow, Millis, Part, UserId};
use umoja_store::audit::{Check, Flaw, Recorder};
use umoja_store::faulty::Fault;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::killed_after;

use super::story;

const ADA: &str = "ada@example.com";

async fn rows(d: &Deployment, at: usize, id: &str) -> Vec<LogRow> {
    d.world.regions[at].tables.logs.rows(Log::Audit, id.parse().unwrap()).await.unwrap()
}

/// The rows that a region has of its own chain or another region's.
async fn chain(d: &Deployment, at: usize, of: usize, id: &str) -> Vec<String> {
    let rows = rows(d, at, id).await;
    rows.into_iter().filter(|row| row.origin == *d.world.name(of)).map(|row| row.kind).collect()
}

fn text(row: &LogRow, name: &str) -> Option<String> {
    row.field(name).map(str::to_owned)
}

#[test]
fn each_event_is_recorded_in_its_regions_chain() {
    story(1100, async |d| {
        let body = json!({ "email": ADA, "email_verified": true, "password": "correct horse" });
        let id = d.call(0, "register", body).await.ok(201).id();
        d.world.settle().await;
        // Look-ups, logins, edits of the profile and changes without effect are not recorded.
        for at in 0..2 {
            assert!(d.accepts(at, ADA, "correct horse").await);
            d.call(at, "lookup", json!({ "id": id })).await.ok(200);
        }
        let wrong = json!({ "id": id, "current_password": "wrong horse", "new_password": "battery staple" });
        d.call(0, "password/change", wrong).await.ok(200);
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        let set = json!({ "email": ADA, "profile": { "given_name": "Ada" } });
        d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        assert_eq!(rows(&d, 0, &id).await.len(), 1);

        let login = json!({ "email": ADA, "password": "correct horse" });
        d.call_as(&d.food, 1, "authenticate", login).await.ok(200);
        d.call(1, "update", json!({ "id": id, "set": { "username": "countess", "phone_number": "+4930123456" } }))
            .await
            .ok(200);
        d.world.settle().await;
        let right = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
        d.call(0, "password/change", right).await.ok(200);
        let token = d.call(0, "password/reset/start", json!({ "id": id })).await.ok(200).body["token"].clone();
        d.call(0, "password/reset/finish", json!({ "token": token, "new_password": "paper clip tray" })).await.ok(200);
        d.call(0, "status", json!({ "id": id, "status": "disabled", "reason": "asked" })).await.ok(200);
        d.call(0, "export", json!({ "id": id })).await.ok(200);
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        d.world.settle().await;
        d.world.check_invariants().await;

        let wanted = ["registered", "password_changed", "password_reset_started", "password_reset", "status_changed"];
        for at in 0..2 {
            assert_eq!(chain(&d, at, 0, &id).await, [&wanted[..], &["exported", "erased"]].concat());
            assert_eq!(chain(&d, at, 1, &id).await, ["linked", "identifiers_changed"]);
        }
        let all = rows(&d, 1, &id).await;
        let of = |kind: &str| all.iter().find(|row| row.kind == kind).unwrap();
        let by = |kind| [field::BY, field::COMPANY, field::KID].map(|name| text(of(kind), name).unwrap());
        assert_eq!(by("registered")[..2], ["company", "shop"]);
        assert_eq!(by("linked")[..2], ["company", "food"]);
        assert_ne!(by("linked")[2], by("registered")[2]);
        assert_eq!(text(of("linked"), field::LINKED).as_deref(), Some("food"));
        assert_eq!(text(of("status_changed"), field::STATUS).as_deref(), Some("disabled"));
        let kinds = &of("identifiers_changed").fields[field::IDENTIFIERS];
        assert_eq!(*kinds, Attribute::L(vec!["phone_number".into(), "username".into()]));
    });
}

#[test]
fn a_merge_and_unmerge_are_recorded_for_both_users() {
    story(1101, async |d| {
        let one = d.register(0, ADA, "correct horse").await.id();
        let two = d.call(0, "register", json!({ "username": "countess" })).await.id();
        d.call(0, "merge", json!({ "survivor": one, "duplicate": two })).await.ok(200);
        d.call(0, "merge", json!({ "survivor": one, "duplicate": two })).await.ok(200);
        d.world.settle().await;
        d.call(1, "unmerge", json!({ "id": two })).await.ok(200);
        d.world.settle().await;
        d.world.check_invariants().await;
        for (id, other, wanted) in
            [(&one, &two, ["merged", "unmerged"]), (&two, &one, ["merged_into", "unmerged_from"])]
        {
            let rows: Vec<_> = rows(&d, 0, id).await.into_iter().filter(|row| row.kind != "registered").collect();
            assert_eq!(rows.iter().map(|row| &*row.kind).collect::<Vec<_>>(), wanted);
            assert!(rows.iter().all(|row| row.field(field::OTHER) == Some(other)));
        }
    });
}

#[test]
fn an_automatic_merge_is_recorded_without_an_actor() {
    story(1102, async |d| {
        let one = d.register(0, ADA, "correct horse").await.id();
        d.world.clock.advance(1000);
        let body = json!({ "email": ADA, "email_verified": true });
        let two = d.call_as(&d.food, 1, "register", body).await.ok(201).id();
        d.world.settle().await;
        d.world.check_invariants().await;
        for (id, kind) in [(one, "merged"), (two, "merged_into")] {
            let rows: Vec<_> = rows(&d, 0, &id).await.into_iter().filter(|row| row.kind == kind).collect();
            assert!(!rows.is_empty());
            assert!(rows.iter().all(|row| row.field(field::BY) == Some("umoja")));
        }
    });
}

#[test]
fn an_export_includes_every_regions_events_and_itself() {
    story(1103, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        d.world.settle().await;
        d.world.clock.advance(5000);
        d.call(1, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        d.world.settle().await;
        d.world.clock.advance(5000);
        let exported = d.call(0, "export", json!({ "id": id })).await;
        let audit = exported.ok(200).body["audit"].as_array().unwrap();
        let events: Vec<_> = audit.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
        assert_eq!(events, ["registered", "status_changed", "exported"]);
        assert_eq!(audit[1]["region"], json!(d.world.name(1)));
        assert_eq!((&audit[1]["company"], &audit[1]["status"]), (&json!("shop"), &json!("disabled")));
    });
}

#[test]
fn concurrent_events_form_one_chain_without_gaps() {
    story(1104, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let other = d.call(0, "register", json!({ "username": "countess" })).await.id();
        let exports = (0..6).map(|_| ("export", json!({ "id": id })));
        let resets = (0..6).map(|_| ("password/reset/start", json!({ "id": id })));
        let mixed = [
            ("merge", json!({ "survivor": id, "duplicate": other })),
            ("status", json!({ "id": id, "status": "disabled" })),
            ("update", json!({ "id": id, "set": { "username": "ada" } })),
        ];
        let calls: Vec<(&str, Value)> = exports.chain(resets).chain(mixed).collect();
        let replies = join_all(calls.iter().map(|(operation, body)| d.call(0, operation, body.clone()))).await;
        let answered = |operation: &str| {
            let all = replies.iter().zip(&calls).filter(|(_, (called, _))| *called == operation);
            all.filter(|(reply, _)| reply.status == 200).count()
        };
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            let kinds = chain(&d, at, 0, &id).await;
            let count = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
            assert_eq!(count("exported"), answered("export"), "{kinds:?}");
            assert_eq!(count("password_reset_started"), answered("password/reset/start"), "{kinds:?}");
            assert_eq!(
                (count("status_changed"), count("merged")),
                (answered("status"), answered("merge")),
                "{kinds:?}"
            );
        }
        assert_eq!(answered("export"), 6);
    });
}

#[test]
fn concurrent_regions_have_separate_chains() {
    story(1105, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        d.world.settle().await;
        let disable = json!({ "id": id, "status": "disabled" });
        d.call(0, "status", disable.clone()).await.ok(200);
        d.call(1, "status", disable).await.ok(200);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!(chain(&d, at, 0, &id).await, ["registered", "status_changed"]);
            assert_eq!(chain(&d, at, 1, &id).await, ["status_changed"]);
        }
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_operation_is_done_and_recorded_or_neither() {
    story(1106, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        d.world.set_pausing(true);
        let (mut done, mut status) = (0, "active");
        for polls in 0..400 {
            let wanted = if status == "active" { "disabled" } else { "active" };
            let call = d.call(0, "status", json!({ "id": id, "status": wanted }));
            let answered = killed_after(polls, call).await.is_some();
            d.world.clock.advance(1);
            let part = d.world.stored(0, id.parse().unwrap(), Part::Credentials).await.unwrap();
            let is_done = part.status().unwrap().as_str() == wanted;
            assert!(is_done || !answered);
            if is_done {
                (done, status) = (done + 1, wanted);
            }
            assert_eq!(chain(&d, 0, 0, &id).await.len(), 1 + done, "after {polls} polls");
            if answered {
                break;
            }
        }
        d.world.set_pausing(false);
        d.world.settle().await;
        d.world.check_invariants().await;
        assert!(done > 0);
    });
}

#[test]
fn an_event_with_a_lost_answer_is_recorded_once() {
    story(1107, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let region = &d.world.regions[0];
        let recorder = Recorder::new(&region.home, region.secrets().audit_key());
        let record = || recorder.append(&Actor::Umoja, id.parse().unwrap(), AuditEvent::Exported);
        // The last row of the chain is read, and then the row is appended.
        region.faults.tables.then([Fault::None, Fault::AnswerLost]);
        record().await.unwrap();
        assert_eq!(chain(&d, 0, 0, &id).await, ["registered", "exported"]);
        region.faults.tables.then([Fault::None, Fault::RequestLost]);
        record().await.unwrap();
        assert_eq!(chain(&d, 0, 0, &id).await, ["registered", "exported", "exported"]);
        region.faults.tables.then([Fault::None, Fault::AnswerLost, Fault::RequestLost]);
        assert!(record().await.is_err(), "the caller does not know whether it is recorded");
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn audit_rows_contain_no_identifier_or_blind_index() {
    story(1108, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let set = json!({ "username": "countess", "email": "lovelace@example.com" });
        d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        let part = d.world.stored(0, id.parse().unwrap(), Part::Profile).await.unwrap();
        let indexes: Vec<String> = part.ownerships().keys().map(ToString::to_string).collect();
        assert_eq!(indexes.len(), 2);
        for row in rows(&d, 0, &id).await {
            let item = serde_json::to_string(&row.to_item()).unwrap();
            for secret in indexes.iter().map(String::as_str).chain([ADA, "countess", "lovelace"]) {
                assert!(!item.contains(secret), "{item}");
            }
        }
    });
}

#[test]
fn rows_forged_without_the_key_are_detected() {
    story(1109, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        for status in ["disabled", "active", "disabled"] {
            d.call(0, "status", json!({ "id": id, "status": status })).await.ok(200);
        }
        let rows = rows(&d, 0, &id).await;
        let key = d.world.regions[0].secrets().audit_key();
        let check = Check { key: Some(key), region: None, dropped_before: Millis(0) };
        assert_eq!(check.of(&rows), []);
        let forged = |key: &str| Flaw::Forged { key: key.to_owned() };
        let last = rows.last().unwrap();
        // A row with another actor, another event, another time or another user.
        for change in [
            |row: &mut LogRow| drop(row.fields.insert(field::COMPANY.into(), "food".into())),
            |row: &mut LogRow| row.kind = "exported".into(),
            |row: &mut LogRow| row.at = Hlc::at(Millis(1)),
            |row: &mut LogRow| row.user = UserId::v8([9; 16]),
        ] {
            let mut changed = rows.clone();
            change(changed.last_mut().unwrap());
            assert_eq!(check.of(&changed), [forged(&last.key)]);
        }
        // A row after the last one, made from it.
        let mut invented = last.clone();
        invented.key = row_key(&last.origin, 5);
        let mut more = rows.clone();
        more.push(invented.clone());
        assert!(check.of(&more).contains(&forged(&invented.key)));
        // A chain that lacks a row in the middle.
        let mut less = rows.clone();
        less.remove(2);
        assert!(matches!(check.of(&less)[..], [Flaw::Gap { after: 2, before: 4, .. }]));
        // A chain of another deployment.
        let other = Deployment::new(4711).await;
        let region = &other.world.regions[0];
        let recorder = Recorder::new(&region.home, region.secrets().audit_key());
        let actor = Actor::Umoja;
        recorder.append(&actor, id.parse().unwrap(), AuditEvent::Exported).await.unwrap();
        let theirs = region.tables.logs.rows(Log::Audit, id.parse().unwrap()).await.unwrap();
        assert_eq!(check.of(&theirs), [forged(&theirs[0].key)]);
    });
}
