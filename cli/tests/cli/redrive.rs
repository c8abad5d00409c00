//! `umoja redrive`.

use serde_json::json;
use umoja_cli::Deployment;
use umoja_schema::{Key, Message, Part, UserId};
use umoja_store::ports::Queue as _;

use crate::support::{World, client, done, json as ask, run, text};

#[tokio::test]
async fn a_dead_letter_of_an_event_is_shown_and_redriven() {
    let world = World::new();
    let dir = world.deployment();
    {
        let deployment = Deployment::open(dir.as_ref()).unwrap();
        let ingest = deployment.stores()[0].queue("ingest");
        ingest.send(&Message::Ingest { key: "a-keyed-hash".into() }, 0).await.unwrap();
        loop {
            let Some(delivery) = ingest.receive(1, 60).await.unwrap().pop() else { break };
            ingest.release(&delivery.receipt, 0).await.unwrap();
        }
    }
    let shown = text(&run(&["redrive", "--dir", &dir, "--dry-run"]).stdout);
    assert!(shown.contains("ingest") && shown.contains("a-keyed-hash"), "{shown}");
    assert_eq!(ask(&["redrive", "--dir", &dir, "--queue", "ingest"])["moved"], 1);
    let depth = Deployment::open(dir.as_ref()).unwrap().stores()[0].queue("ingest").depth().await.unwrap();
    assert_eq!((depth.waiting, depth.dead), (1, 0));
}

#[tokio::test]
async fn dead_letters_and_quarantined_records_are_shown_and_redriven() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let answer = client(&served.urls[0], &company).call("register", json!({ "username": "amina" })).await.unwrap();
    let id: UserId = answer.body["user"]["id"].as_str().unwrap().parse().unwrap();
    drop(served);
    assert_eq!(ask(&["redrive", "--dir", &dir, "--dry-run"])["left"], json!([]));

    {
        let deployment = Deployment::open(dir.as_ref()).unwrap();
        let store = &deployment.stores()[0];
        let retry = store.queue("retry-af-south-1");
        retry.send(&Key::of_part(id, Part::Credentials).to_message(), 0).await.unwrap();
        loop {
            let Some(delivery) = retry.receive(1, 60).await.unwrap().pop() else { break };
            retry.release(&delivery.receipt, 0).await.unwrap();
        }
        let quarantined = |key: &str, region: &str| Message::Quarantined {
            table: "users".into(),
            sequence: "7".into(),
            key: key.into(),
            reason: "a reason".into(),
            region: region.parse().unwrap(),
        };
        let unknown = UserId::v8([9; 16]);
        for key in [format!("{id}/profile"), format!("{unknown}/profile"), "?".into()] {
            store.queue("quarantined").send(&quarantined(&key, "eu-west-1"), 0).await.unwrap();
        }
    }
    let shown = run(&["redrive", "--dir", &dir, "--dry-run"]);
    let said = text(&shown.stdout);
    assert_eq!(shown.status.code(), Some(1), "{said}");
    for what in ["retry-af-south-1", "dead letter", &format!("{id}/credentials"), "users ?", "a reason", "4 messages"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    let again = run(&["redrive", "--dir", &dir, "--dry-run", "--json"]);
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["left"].as_array().unwrap().len(), 4, "a dry run removes no record");
    assert_eq!(ask(&["redrive", "--dir", &dir, "--only", "af-south-1"])["moved"], 0);
    assert_eq!(ask(&["redrive", "--dir", &dir, "--queue", "retry-af-south-1"])["moved"], 1);
    assert_eq!(run(&["redrive", "--dir", &dir, "--queue", "nonsense"]).status.code(), Some(2));

    let moved = run(&["redrive", "--dir", &dir, "--json"]);
    assert_eq!(moved.status.code(), Some(1), "one record names no item");
    let moved: serde_json::Value = serde_json::from_slice(&moved.stdout).unwrap();
    assert_eq!((&moved["moved"], &moved["settled"]), (&json!(1), &json!(1)), "{moved}");
    assert_eq!(moved["left"][0]["key"], "users ?");

    // The redriven records are processed.
    let served = world.serve();
    crate::support::eventually("empty queues", async || {
        let status = run(&["status", "--dir", &dir, "--fast", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        let queues = status["regions"][0]["queues"].as_array().unwrap().clone();
        let waiting = |name: &str| queues.iter().find(|queue| queue["queue"] == name).unwrap()["waiting"].clone();
        (waiting("retry-af-south-1") == 0 && waiting("quarantined") == 1).then_some(())
    })
    .await;
    drop(served);
    assert!(
        done(&["redrive", "--dir", &dir, "--dry-run", "--queue", "keys"]).contains("Nothing is dead or quarantined")
    );
}

#[tokio::test]
async fn equal_records_are_settled_and_received_ones_are_counted() {
    let world = World::new();
    let dir = world.deployment();
    let quarantined = || {
        let unknown = UserId::v8([9; 16]);
        Message::Quarantined {
            table: "users".into(),
            sequence: "7".into(),
            key: format!("{unknown}/profile"),
            reason: "a reason".into(),
            region: "eu-west-1".parse().unwrap(),
        }
    };
    let send = async |count: usize| {
        let deployment = Deployment::open(dir.as_ref()).unwrap();
        let queue = deployment.stores()[0].queue("quarantined");
        for _ in 0..count {
            queue.send(&quarantined(), 0).await.unwrap();
        }
        if count == 1 { queue.receive(1, 600).await.unwrap().len() } else { 0 }
    };
    send(12).await;
    assert_eq!(ask(&["redrive", "--dir", &dir])["settled"], 12, "with exit code 0");
    assert_eq!(send(1).await, 1);
    for args in [&["redrive", "--dir", &dir][..], &["redrive", "--dir", &dir, "--dry-run"]] {
        let hidden = run(args);
        let said = text(&hidden.stdout);
        assert_eq!(hidden.status.code(), Some(1), "{said}");
        assert!(said.contains("1 more quarantined records"), "{said}");
    }
}
