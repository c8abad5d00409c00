//! `umoja region` on a directory: add, freeze, thaw, remove.

use serde_json::{Value, json};
use umoja_cli::Deployment;
use umoja_schema::{Part, PartRecord, UserId};

use crate::support::{World, client, done, eventually, json as ask, run, text};

fn well(dir: &str) {
    let status = run(&["status", "--dir", dir, "--json"]);
    let said: Value = serde_json::from_slice(&status.stdout).unwrap();
    let mut attention = said["attention"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    assert!(attention.all(|text| text.starts_with("no process serves")), "{said}");
    let regions = said["regions"].as_array().unwrap();
    assert!(regions.windows(2).all(|pair| pair[0]["scan"] == pair[1]["scan"]), "{said}");
}

async fn part(dir: &str, region: usize, id: UserId) -> Option<PartRecord> {
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    deployment.stores()[region].ports().users.part(id, Part::Profile).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_is_added_frozen_thawed_and_removed() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let mut ids: Vec<UserId> = Vec::new();
    for name in ["amina", "baraka", "chausiku"] {
        let answer = client(&served.urls[0], &company).call("register", json!({ "username": name })).await.unwrap();
        ids.push(answer.body["user"]["id"].as_str().unwrap().parse().unwrap());
    }
    drop(served);

    // Added, with all earlier writes.
    let added = ask(&["region", "add", "us-east-1", "--dir", &dir]);
    assert_eq!((&added["state"], &added["added"]), (&json!("serving"), &json!(true)), "{added}");
    assert_eq!(ask(&["region", "add", "us-east-1", "--dir", &dir])["added"], false);
    well(&dir);
    let served = world.serve();
    assert_eq!(served.urls.len(), 3);
    let here = client(&served.urls[2], &company);
    assert_eq!(here.call("lookup", json!({ "username": "amina" })).await.unwrap().status, 200);
    let late = here.call("register", json!({ "username": "dalila" })).await.unwrap();
    ids.push(late.body["user"]["id"].as_str().unwrap().parse().unwrap());
    eventually("the user in every region", async || {
        part(&dir, 0, ids[3]).await?;
        part(&dir, 1, ids[3]).await
    })
    .await;
    drop(served);

    // Frozen: the region serves no caller, is not listed, and still receives all changes.
    assert_eq!(ask(&["region", "freeze", "us-east-1", "--dir", &dir])["state"], "frozen");
    assert_eq!(ask(&["region", "list", "--dir", &dir])["regions"][2]["state"], "frozen");
    let add = run(&["region", "add", "us-east-1", "--dir", &dir]);
    assert!(text(&add.stderr).contains("region thaw"), "{}", text(&add.stderr));
    let status = run(&["status", "--dir", &dir]);
    assert!(status.status.code() == Some(1) && text(&status.stdout).contains("us-east-1 is frozen"));
    let doctor = run(&["doctor", "--dir", &dir]);
    assert!(doctor.status.code() == Some(1) && text(&doctor.stdout).contains("us-east-1 is frozen"));
    let served = world.serve();
    let rejected = client(&served.urls[2], &company).call("lookup", json!({ "username": "amina" })).await;
    assert!(rejected.unwrap_err().to_string().contains("503 region_not_serving"));
    let listed = client(&served.urls[0], &company).get("/.well-known/umoja.json").await.unwrap();
    assert!(!text(&listed.body).contains("us-east-1"), "{}", text(&listed.body));
    let renamed = client(&served.urls[0], &company)
        .call("update", json!({ "id": ids[0], "set": { "profile": { "given_name": "Amina" } } }))
        .await
        .unwrap();
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    eventually("the change in the frozen region", async || {
        (part(&dir, 2, ids[0]).await?.version == part(&dir, 0, ids[0]).await?.version).then_some(())
    })
    .await;
    drop(served);
    let thawed = ask(&["region", "thaw", "us-east-1", "--dir", &dir]);
    assert_eq!((&thawed["state"], &thawed["thawed"]), (&json!("serving"), &json!(true)), "{thawed}");
    assert_eq!(ask(&["region", "thaw", "us-east-1", "--dir", &dir])["thawed"], false);
    well(&dir);

    // Removed: its wrapped keys are gone, but the items that only it had are kept.
    let served = world.serve();
    let only = client(&served.urls[2], &company).call("register", json!({ "username": "eshe" })).await.unwrap();
    ids.push(only.body["user"]["id"].as_str().unwrap().parse().unwrap());
    drop(served);
    let removed = ask(&["region", "remove", "us-east-1", "--dir", &dir]);
    assert_eq!((&removed["lost"], &removed["unreadable_parts"]), (&json!(false), &json!(0)), "{removed}");
    assert!(removed["keys_dropped"].as_u64().unwrap() >= 8, "{removed}");
    well(&dir);
    for region in 0..2 {
        for id in &ids {
            let record = part(&dir, region, *id).await.unwrap();
            let regions: Vec<_> = record.live().unwrap().keys.keys().map(ToString::to_string).collect();
            assert_eq!(regions, ["af-south-1", "eu-west-1"], "{id}");
        }
    }
    assert_eq!(ask(&["region", "remove", "us-east-1", "--dir", &dir])["keys_dropped"], 0, "it continues where it was");
    let served = world.serve();
    assert_eq!(served.urls.len(), 2);
    let found = client(&served.urls[1], &company).call("lookup", json!({ "username": "eshe" })).await.unwrap();
    assert_eq!(found.status, 200);
    drop(served);
    let again = run(&["region", "add", "us-east-1", "--dir", &dir]);
    assert!(text(&again.stderr).contains("move it away first"), "{}", text(&again.stderr));
}

#[tokio::test]
async fn a_restored_first_region_gets_users_and_companies_again() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let answer = client(&served.urls[1], &company).call("register", json!({ "username": "amina" })).await.unwrap();
    let id: UserId = answer.body["user"]["id"].as_str().unwrap().parse().unwrap();
    eventually("the user in both", async || part(&dir, 0, id).await).await;
    drop(served);
    let database = std::fs::read_dir(world.file("d").join("eu-west-1")).unwrap().map(|entry| entry.unwrap().path());
    database.filter(|path| text(path.as_os_str().as_encoded_bytes()).contains("sqlite")).for_each(|path| {
        std::fs::remove_file(path).unwrap();
    });
    let added = ask(&["region", "add", "eu-west-1", "--again", "--dir", &dir]);
    assert_eq!((&added["state"], &added["added"]), (&json!("serving"), &json!(true)), "{added}");
    // What the backfill wrote came from another region, which has sent it.
    let status: serde_json::Value = serde_json::from_slice(&run(&["status", "--dir", &dir, "--json"]).stdout).unwrap();
    assert_eq!(status["regions"][0]["replication"]["behind"], 0, "{status}");
    well(&dir);
    let served = world.serve();
    let found = client(&served.urls[0], &company).call("lookup", json!({ "username": "amina" })).await.unwrap();
    assert_eq!(found.status, 200, "{}", found.body);
}

#[test]
fn an_unknown_region_is_not_added_again() {
    let world = World::new();
    let dir = world.deployment();
    let output = run(&["region", "add", "eu-wset-1", "--again", "--dir", &dir]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("leave --again out"), "{}", text(&output.stderr));
    assert_eq!(ask(&["region", "list", "--dir", &dir])["regions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_lost_region_is_removed_and_blocks_no_command() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let answer = client(&served.urls[0], &company).call("register", json!({ "username": "amina" })).await.unwrap();
    let id: UserId = answer.body["user"]["id"].as_str().unwrap().parse().unwrap();
    eventually("the user in both", async || part(&dir, 1, id).await).await;
    drop(served);
    let lost = world.file("d").join("af-south-1");
    std::fs::rename(&lost, world.file("lost")).unwrap();
    let removed = ask(&["region", "remove", "af-south-1", "--dir", &dir, "--lost"]);
    assert_eq!((&removed["keys_dropped"], &removed["unreadable_parts"]), (&json!(2), &json!(0)), "{removed}");
    assert!(!lost.exists(), "its directory was not created again");
    let rejected = run(&["region", "freeze", "eu-west-1", "--dir", &dir]);
    assert!(text(&rejected.stderr).contains("the only region that serves"), "{}", text(&rejected.stderr));
    let rejected = run(&["region", "remove", "eu-west-1", "--dir", &dir]);
    assert_eq!(rejected.status.code(), Some(1));

    done(&["init", "--dir", &dir]);
    done(&["rotate", "signing-key", "--dir", &dir]);
    done(&["region", "add", "ap-south-1", "--dir", &dir]);
    well(&dir);
    let served = world.serve();
    let found = client(&served.urls[1], &company).call("lookup", json!({ "username": "amina" })).await.unwrap();
    assert_eq!(found.status, 200);
}
