//! `umoja digest` and `umoja doctor`.

use serde_json::json;
use umoja_cli::Deployment;
use umoja_schema::{Part, UserId};
use umoja_store::ports::{ClaimWrite, Commit, Registry as _, Users as _, Writes};

use crate::support::{World, client, done, eventually, json as ask, run, text};

#[tokio::test]
async fn what_one_region_lost_is_named_mended_and_then_nothing_is_wrong() {
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

    // The claim is lost, and one is there that nobody makes: as after a restore.
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    let store = &deployment.stores()[1];
    let part = store.part(id, Part::Profile).await.unwrap().unwrap();
    let before = store.claims(&[*part.claims().keys().next().unwrap()]).await.unwrap().remove(0);
    let claim = before.claimants[&id].clone();
    let ghost = UserId::v8([7; 16]);
    let after = before.with(id, None).and_then(|item| item.with(ghost, Some(&claim))).unwrap();
    let writes = Writes { claims: vec![ClaimWrite { before, after }], ..Writes::default() };
    assert_eq!(store.commit(&writes).await, Ok(Commit::Done));
    // A company that one region knows differently.
    let mut soko = store.companies().await.unwrap().remove(0);
    soko.enabled = false;
    store.put_company(&soko).await.unwrap();

    let output = run(&["doctor", "--dir", &dir]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["1 claims missing, 0 superfluous", "0 claims missing, 1 superfluous", "the company soko"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains(&id.to_string()) && !said.contains("amina"), "{said}");

    let output = run(&["doctor", "--dir", &dir, "--repair", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "the company is the operator's to mend");
    assert_eq!(answer["attention"].as_array().unwrap().len(), 1, "{answer}");
    done(&["company", "enable", "soko", "--dir", &dir]);
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
    assert!(done(&["digest", "--dir", &dir]).contains("Converged as of 20"));
}
