//! `umoja audit`, and what `umoja doctor` reports about the audit trail.

use serde_json::json;
use umoja_cli::Deployment;
use umoja_schema::{Attributes, Hlc, Log, LogRow, Millis, Region, UserId, audit};
use umoja_store::ports::Logs as _;

use crate::support::{World, client, done, eventually, json as ask, run, text};

#[tokio::test]
async fn audit_shows_a_users_events_and_detects_changed_rows() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let here = client(&served.urls[0], &company);
    let body = json!({ "email": "amina@example.com", "password": "a good one" });
    let id = here.call("register", body).await.unwrap().body["user"]["id"].as_str().unwrap().to_owned();
    for status in ["disabled", "active"] {
        assert_eq!(here.call("status", json!({ "id": id, "status": status })).await.unwrap().status, 200);
    }
    let shown = ["audit", "show", &id, "--dir", &dir];
    let answer = eventually("three rows everywhere", async || {
        let answer = ask(&shown);
        let held: Vec<_> = answer["regions"].as_array().unwrap().iter().map(|held| held["rows"].clone()).collect();
        (held == [3, 3]).then_some(answer)
    })
    .await;
    drop(served);
    assert_eq!((&answer["whole"], &answer["flaws"]), (&json!(true), &json!([])));
    let events: Vec<_> = answer["events"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(events, ["registered", "status_changed", "status_changed"]);
    assert_eq!((&answer["events"][0]["company"], &answer["events"][0]["by"]), (&json!("soko"), &json!("company")));
    let said = done(&shown);
    assert!(said.contains("disabled") && said.ends_with("The audit trail is whole.\n"), "{said}");
    assert!(!said.contains("amina"), "{said}");
    let by_email = ["audit", "show", "Amina@example.com", "--dir", &dir];
    assert_eq!(ask(&by_email)["id"], json!(id));
    assert_eq!(ask(&["user", "show", "amina@example.com", "--dir", &dir])["id"], json!(id));
    for unknown in ["0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f", "bob@example.com", "+254712123456", "bob"] {
        for command in ["audit", "user"] {
            let output = run(&[command, "show", unknown, "--dir", &dir]);
            assert_eq!(output.status.code(), Some(1), "{command} show {unknown}");
            assert!(text(&output.stderr).contains("no such user"), "{}", text(&output.stderr));
        }
    }
    assert_eq!(ask(&[&shown[..], &["--since", "2999-01-01"]].concat())["events"], json!([]));

    let listed = ask(&["audit", "list", "--event", "status_changed", "--company", "soko", "--dir", &dir]);
    assert_eq!((&listed["count"], &listed["events"][1]["user"]), (&json!(2), &json!(id)));
    assert!(done(&["audit", "list", "--dir", &dir]).ends_with("3 events in eu-west-1.\n"));
    assert!(done(&["audit", "list", "--company", "other", "--dir", &dir]).starts_with("0 events"));
    assert_eq!(ask(&["doctor", "--dir", &dir])["healthy"], true);

    let genuine = ask(&shown);
    let store = Deployment::open(dir.as_ref()).unwrap().stores()[0].clone();
    let user: UserId = id.parse().unwrap();
    let rows = store.rows(Log::Audit, user).await.unwrap();
    // A row was changed.
    let forged = LogRow { kind: "exported".into(), ..rows[1].clone() };
    store.drop_row(Log::Audit, user, &rows[1].key).await.unwrap();
    assert_eq!(store.append(Log::Audit, &forged).await, Ok(true));
    let output = run(&["doctor", "--dir", &dir]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("missing between number 1 and number 3") && said.contains("cannot be read"), "{said}");
    // The forged row is not shown, and the other region still has the genuine one.
    assert_eq!(ask(&shown)["whole"], true);
    assert_eq!(ask(&shown)["events"][1]["event"], genuine["events"][1]["event"]);
    // The row is removed.
    store.drop_row(Log::Audit, user, &rows[1].key).await.unwrap();
    let output = run(&["doctor", "--dir", &dir]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("missing between number 1 and number 3"), "{said}");
    // The other region still has the row.
    assert_eq!(ask(&shown)["whole"], true);
}

#[tokio::test]
async fn doctor_names_rows_that_should_have_been_dropped() {
    let world = World::new();
    let dir = world.deployment();
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    let (user, origin): (UserId, Region) = (UserId::v8([7; 16]), "eu-west-1".parse().unwrap());
    for number in [1, 2] {
        let (key, at, kind) = (audit::key(&origin, number), Hlc::at(Millis(number)), "registered".to_owned());
        let (fields, unknown) = (Attributes::new(), Attributes::new());
        let row = LogRow { user, key, at, origin: origin.clone(), kind, fields, unknown };
        assert!(deployment.homes(None)[0].own.logs.append(Log::Audit, &row).await.unwrap());
    }
    drop(deployment);
    let doctor = || text(&run(&["doctor", "--dir", &dir]).stdout);
    assert!(!doctor().contains("audit drop"), "they are kept for ever");
    done(&["audit", "keep", "--days", "400", "--dir", &dir]);
    let said = doctor();
    // The last row of a chain stays.
    assert!(said.contains("1 row of the audit trail") && said.contains("run `umoja audit drop`"), "{said}");
    assert!(done(&["audit", "drop", "--dir", &dir]).contains("eu-west-1: 1 row"));
    assert!(!doctor().contains("audit drop"));
}

#[test]
fn dropping_audit_rows_requires_a_retention_period() {
    let world = World::new();
    let dir = world.deployment();
    let kept = || ask(&["audit", "keep", "--dir", &dir]);
    assert_eq!(kept(), json!({ "keep_days": null, "dropped_before": null }));
    assert_eq!(run(&["audit", "drop", "--dir", &dir]).status.code(), Some(1), "it is kept for ever");
    assert!(done(&["audit", "keep", "--days", "400", "--dir", &dir]).contains("400 days"));
    assert_eq!(kept()["keep_days"], 400);
    assert_eq!(ask(&["doctor", "--dir", &dir])["healthy"], true, "no row is that old");
    assert!(done(&["audit", "drop", "--dir", &dir]).contains("eu-west-1: 0 rows"));
    assert_eq!(ask(&["doctor", "--dir", &dir])["healthy"], true);
    assert!(kept()["dropped_before"].is_string());
    done(&["audit", "keep", "--for-ever", "--dir", &dir]);
    assert_eq!(kept()["keep_days"], json!(null));
    assert!(kept()["dropped_before"].is_string(), "dropped rows stay dropped");
    for words in [&["audit", "keep", "--days", "0"][..], &["audit", "keep", "--days", "1", "--for-ever"]] {
        assert_eq!(run(&[words, &["--dir", &dir]].concat()).status.code(), Some(2));
    }
}
