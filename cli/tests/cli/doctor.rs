//! `umoja digest` and `umoja doctor`.

use serde_json::json;
use umoja_cli::Deployment;
use umoja_schema::{Attributes, Hlc, IdentifierItem, Log, LogRow, Millis, Part, UserId, audit};
use umoja_store::ports::{Commit, IdentifierWrite, Users as _, Writes};

use crate::support::{World, client, done, eventually, json as ask, run, text};

#[tokio::test]
async fn doctor_finds_and_repairs_what_a_region_lost() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("soko");
    let served = world.serve();
    let here = client(&served.urls[0], &company);
    let answer =
        here.call("register", json!({ "email": "amina@example.com", "password": "a good one" })).await.unwrap();
    let id: UserId = answer.body["user"]["id"].as_str().unwrap().parse().unwrap();
    let shown = ["user", "show", &id.to_string(), "--dir", &dir];
    eventually("agreement", async || Some(ask(&shown)).filter(|shown| shown["agree"] == true)).await;
    drop(served);
    assert_eq!(ask(&["doctor", "--dir", &dir])["healthy"], true);
    assert_eq!(ask(&["digest", "--dir", &dir])["converged"], true);

    // As after a restore, the ownership is lost, and there is another one that belongs to no user.
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    let store = &deployment.stores()[1];
    let part = store.part(id, Part::Profile).await.unwrap().unwrap();
    let before = store.ownerships(&[*part.ownerships().keys().next().unwrap()]).await.unwrap().remove(0);
    let ownership = before.owners[&id].clone();
    let ghost = UserId::v8([7; 16]);
    let after = before.with(id, None).and_then(|item| item.with(ghost, Some(&ownership))).unwrap();
    let writes = Writes { ownerships: vec![IdentifierWrite { before, after }], ..Writes::default() };
    assert_eq!(store.commit(&writes).await, Ok(Commit::Done));
    // One region has a different version of a company.
    let registry = store.registry();
    let mut soko = registry.companies().await.unwrap().remove(0);
    soko.enabled = false;
    registry.put_company(&soko).await.unwrap();

    let output = run(&["doctor", "--dir", &dir]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["1 ownerships missing, 0 superfluous", "0 ownerships missing, 1 superfluous", "the company soko"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains(&id.to_string()) && !said.contains("amina"), "{said}");

    let output = run(&["doctor", "--dir", &dir, "--repair", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert_eq!(answer["attention"].as_array().unwrap().len(), 0, "{answer}");
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
    assert!(done(&["digest", "--dir", &dir]).contains("Converged as of 20"));
}

#[tokio::test]
async fn doctor_names_a_user_whose_parts_are_gone() {
    let world = World::new();
    let dir = world.deployment();
    assert_eq!(ask(&["doctor", "--dir", &dir])["users"]["found"], 0);
    let (user, deployment) = (UserId::v8([7; 16]), Deployment::open(dir.as_ref()).unwrap());
    let origin = "eu-west-1".parse().unwrap();
    let (key, at) = (audit::key(&origin, 1), Hlc::at(Millis(1)));
    let (kind, fields, unknown) = ("registered".to_owned(), Attributes::new(), Attributes::new());
    let row = LogRow { user, key, at, origin, kind, fields, unknown };
    assert!(deployment.homes(None)[0].own.logs.append(Log::Audit, &row).await.unwrap());
    drop(deployment);
    let output = run(&["doctor", "--dir", &dir]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("{user}: the audit trail has rows of this user")), "{said}");
    let output = run(&["doctor", "--dir", &dir, "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["users"]["contradicted"], json!([{ "user": user, "contradiction": "absent" }]));
}

#[tokio::test]
async fn a_difference_that_takes_several_changes_is_repaired_once() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("soko");
    let served = world.serve();
    let body = json!({ "email": "amina@example.com", "phone_number": "+254712123456", "username": "amina" });
    let answer = client(&served.urls[0], &company).call("register", body).await.unwrap();
    let id: UserId = answer.body["user"]["id"].as_str().unwrap().parse().unwrap();
    let shown = ["user", "show", &id.to_string(), "--dir", &dir];
    eventually("agreement", async || Some(ask(&shown)).filter(|shown| shown["agree"] == true)).await;
    drop(served);
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    let store = &deployment.stores()[1];
    let indexes: Vec<_> = store.part(id, Part::Profile).await.unwrap().unwrap().ownerships().keys().copied().collect();
    // The region compares a young user only because a user who does not exist owns the identifiers now.
    let ghost = UserId::v8([7; 16]);
    let lost = |before: IdentifierItem| {
        let ownership = before.owners[&id].clone();
        let after = before.with(id, None).and_then(|item| item.with(ghost, Some(&ownership))).unwrap();
        IdentifierWrite { before, after }
    };
    let ownerships: Vec<_> = store.ownerships(&indexes).await.unwrap().into_iter().map(lost).collect();
    assert_eq!(ownerships.len(), 3);
    assert_eq!(store.commit(&Writes { ownerships, ..Writes::default() }).await, Ok(Commit::Done));
    drop(deployment);

    let said = done(&["doctor", "--dir", &dir, "--repair"]);
    assert!(said.contains("users and ownerships: 4 of 4 differences repaired"), "{said}");
}
