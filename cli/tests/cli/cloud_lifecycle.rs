//! Freezing, thawing and removing a region in AWS, and redriving dead letters and quarantined records, against an
//! emulator as in `cloud`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use umoja_reconciler::repair_keys;
use umoja_schema::{Key, Message, Part};
use umoja_store::ports::Users as _;

use crate::cloud::{Cloud, sealer};
use crate::support::text;

const AT: [&str; 2] = ["--region", "eu-west-1"];

fn with<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &AT].concat()
}

fn states(cloud: &Cloud) -> Vec<(String, String)> {
    let list = cloud.json(&with(&["region", "list"]));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let regions = list["regions"].as_array().unwrap();
    regions.iter().map(|region| (text(&region["name"]), text(&region["state"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn a_region_is_frozen_thawed_and_removed() {
    let cloud = Cloud::new(&[0, 1]).await;
    cloud.done(&["init", "--regions", "eu-west-1,af-south-1"]);
    cloud.done(&with(&["company", "add", "soko"]));
    let both = cloud.register(1).await;
    let home = cloud.home(0).await;
    let schedule = tokio::spawn(async move {
        let sealer = sealer(&home);
        loop {
            repair_keys(&home, &sealer).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    assert_eq!(cloud.json(&with(&["region", "freeze", "af-south-1"]))["state"], "frozen");
    assert_eq!(states(&cloud)[1].1, "frozen");
    for position in 0..2 {
        assert_eq!(cloud.setting(position, "regions").await.unwrap()["regions"][1]["state"], "frozen");
    }
    cloud.fails(&with(&["region", "add", "af-south-1"]), "region thaw");
    cloud.fails(&with(&["region", "remove", "af-south-1"]), "region thaw");
    cloud.fails(&["region", "freeze", "eu-west-1", "--region", "af-south-1"], "the only region that serves");

    // While the region was away, both sides accepted writes that the other side lacks.
    let theirs = cloud.register_in(&[1], 2).await;
    let ours = cloud.register_in(&[0], 3).await;
    let thaw = with(&["region", "thaw", "af-south-1", "--settings-wait-secs", "1"]);
    let thawed = cloud.json(&thaw);
    assert_eq!((&thawed["parts_received"], &thawed["parts_sent"]), (&json!(2), &json!(2)), "{thawed}");
    assert_eq!(cloud.json(&thaw)["thawed"], false);
    for id in [both, theirs, ours] {
        assert_eq!(cloud.json(&with(&["user", "show", &id.to_string()]))["agree"], true, "{id}");
    }
    assert_eq!(states(&cloud)[1].1, "serving");

    // Removed: the items that only this region has are replicated first.
    let last = cloud.register_in(&[1], 4).await;
    let remove = with(&["region", "remove", "af-south-1", "--settings-wait-secs", "1"]);
    let removed = cloud.json(&remove);
    schedule.abort();
    assert_eq!((&removed["parts_sent"], &removed["unreadable_parts"]), (&json!(2), &json!(0)), "{removed}");
    assert_eq!(removed["keys_dropped"], 8, "{removed}");
    assert_eq!(states(&cloud), [("eu-west-1".to_owned(), "serving".to_owned())]);
    let tables = cloud.region(0).tables(&cloud.prefix);
    for id in [both, theirs, ours, last] {
        let record = tables.part(id, Part::Credentials).await.unwrap().unwrap();
        let regions: Vec<_> = record.live().unwrap().keys.keys().map(ToString::to_string).collect();
        assert_eq!(regions, ["eu-west-1"]);
    }
    let secrets = cloud.setting(0, "secrets").await.unwrap();
    assert_eq!(secrets["index"][0]["wrapped"].as_object().unwrap().len(), 1);
    // The removed region's own functions know it too.
    let stored = cloud.setting(1, "regions").await.unwrap();
    assert_eq!(stored, cloud.setting(0, "regions").await.unwrap());
    assert_eq!(cloud.json(&remove)["keys_dropped"], 0, "it continues where it was");
    assert_eq!(cloud.json(&with(&["status"]))["well"], true);
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn an_unreachable_region_is_removed_and_blocks_no_command() {
    let cloud = Cloud::new(&[0, 1]).await;
    cloud.done(&["init", "--regions", "eu-west-1,af-south-1"]);
    let id = cloud.register(1).await;
    let (code, said) = cloud.cut_off(&["init"]);
    assert!(code == Some(1) && said.contains("af-south-1"), "{said}");
    let (code, said) = cloud.cut_off(&["region", "freeze", "af-south-1"]);
    assert!(code == Some(1) && said.contains("would serve as soon as it is back"), "{said}");
    let (code, said) =
        cloud.cut_off(&["region", "remove", "af-south-1", "--lost", "--settings-wait-secs", "1", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let record = cloud.region(0).tables(&cloud.prefix).part(id, Part::Profile).await.unwrap().unwrap();
    assert_eq!(record.live().unwrap().keys.len(), 1);
    for words in ["init", "status"] {
        let (code, said) = cloud.cut_off(&[words]);
        assert_eq!(code, Some(0), "{words}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs an AWS emulator: .ci/emulator"]
async fn quarantined_records_and_dead_letters_are_redriven() {
    let cloud = Cloud::new(&[0, 1]).await;
    cloud.done(&["init", "--regions", "eu-west-1,af-south-1"]);
    let id = cloud.register(1).await;
    let home = cloud.home(0).await;
    let quarantined = Message::Quarantined {
        table: "users".into(),
        sequence: "7".into(),
        key: format!("{id}/profile"),
        reason: "a reason".into(),
        region: Cloud::name(0),
    };
    home.quarantined.send(&quarantined, 0).await.unwrap();
    let retry = Arc::clone(&home.peers[0].retry);
    retry.send(&Key::of_part(id, Part::Credentials).to_message(), 0).await.unwrap();
    while let Some(delivery) = retry.receive(1, 60).await.unwrap().pop() {
        retry.release(&delivery.receipt, 0).await.unwrap();
    }
    let shown = cloud.run(&with(&["redrive", "--dry-run"]));
    let said = text(&shown.stdout);
    assert_eq!(shown.status.code(), Some(1), "{said}");
    assert!(said.contains("dead letter") && said.contains("a reason") && said.contains("2 messages"), "{said}");
    let moved = cloud.json(&with(&["redrive"]));
    assert_eq!((&moved["moved"], &moved["left"]), (&json!(2), &json!([])), "{moved}");
    let depth = retry.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.dead), (2, 0));
    assert_eq!(home.quarantined.depth().await.unwrap().waiting, 0);
}
