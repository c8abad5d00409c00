//! The paid calls that each operation may make.

use serde_json::json;
use umoja_tests::deployment::Deployment;

use super::story;

fn calls(d: &Deployment, at: usize, operation: &str) -> u64 {
    let faults = &d.world.regions[at].faults;
    faults.kms.calls().get(operation).copied().unwrap_or(0)
}

#[test]
fn a_write_costs_one_data_key_and_one_wrap_per_peer() {
    story(100, async |d| {
        d.world.reset_calls();
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        // Two parts.
        assert_eq!((calls(&d, 0, "generate"), calls(&d, 1, "wrap")), (2, 2));
        assert_eq!(
            (calls(&d, 0, "unwrap"), calls(&d, 1, "unwrap"), calls(&d, 0, "wrap"), calls(&d, 1, "generate")),
            (0, 0, 0, 0)
        );

        d.world.reset_calls();
        for _ in 0..3 {
            d.call(0, "lookup", json!({ "id": id })).await.ok(200);
        }
        assert_eq!(d.world.kms_calls(), 1, "one on the first read, none on a repeated read");

        d.world.reset_calls();
        d.call(0, "update", json!({ "id": id, "set": { "profile": { "nickname": "A" } } })).await.ok(200);
        assert_eq!((calls(&d, 0, "generate"), calls(&d, 1, "wrap")), (1, 1));
        assert_eq!(d.world.kms_calls(), 2);
    });
}

#[test]
fn replication_makes_no_kms_call() {
    story(101, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        d.world.reset_calls();
        d.world.settle().await;
        assert_eq!(d.world.kms_calls(), 0);
    });
}

#[test]
fn a_failed_login_writes_only_the_request_id() {
    story(102, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let faults = &d.world.regions[0].faults.tables;
        faults.reset_calls();
        assert!(!d.accepts(0, "ada@example.com", "wrong horse").await);
        assert_eq!(faults.calls().get("commit"), None);
    });
}

#[test]
fn counting_a_login_costs_a_few_small_writes() {
    story(103, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let faults = &d.world.regions[0].faults.attempts;
        let login = async |password: &str, client: serde_json::Value| {
            faults.reset_calls();
            let body = json!({ "email": "ada@example.com", "password": password, "client": client });
            d.call(0, "authenticate", body).await.ok(200);
            faults.calls().into_iter().collect::<Vec<_>>()
        };
        let no_client = json!({});
        for _ in 0..2 {
            assert_eq!(login("correct horse", no_client.clone()).await, [("count", 1), ("forget", 1), ("tally", 1)]);
        }
        assert_eq!(login("wrong horse", no_client.clone()).await, [("count", 2), ("tally", 1)]);
        assert_eq!(login("correct horse", no_client).await, [("count", 1), ("forget", 2), ("tally", 1)]);
        let phone = json!({ "ip": "192.0.2.7", "device_id": "phone" });
        let first = [("count", 1), ("count_known", 1), ("forget", 1), ("remember", 1), ("tally", 2)];
        assert_eq!(login("correct horse", phone.clone()).await, first);
        assert_eq!(login("correct horse", phone.clone()).await, [("count_known", 1)]);
        assert_eq!(login("correct horse", phone).await, [("count_known", 1), ("remember", 1)]);
    });
}

#[test]
fn a_rejected_login_makes_the_same_calls_for_any_user() {
    story(104, async |d| {
        let ada = d.register(0, "ada@example.com", "correct horse").await.id();
        d.register(0, "bob@example.com", "correct horse").await.ok(201);
        d.call(0, "register", json!({ "email": "no-password@example.com" })).await.ok(201);
        d.call(0, "status", json!({ "id": ada, "status": "disabled" })).await.ok(200);
        let faults = &d.world.regions[0].faults;
        for attempt in 1..=6 {
            let mut seen = Vec::new();
            for (email, password) in [
                ("absent@example.com", "correct horse"),
                ("bob@example.com", "wrong horse"),
                ("ada@example.com", "correct horse"),
                ("no-password@example.com", "correct horse"),
            ] {
                d.world.reset_calls();
                d.hasher.take();
                let body = json!({ "email": email, "password": password, "client": { "device_id": "new" } });
                let reply = d.call(0, "authenticate", body).await;
                let calls = [&faults.tables, &faults.attempts, &faults.requests].map(|faults| faults.calls());
                seen.push((reply.status, reply.body, d.hasher.take(), calls));
                // For an existing user, a data key that is not cached has to be unwrapped: see SECURITY.md.
                let most = u64::from(attempt == 1 && email != "absent@example.com");
                assert!(d.world.kms_calls() <= most, "{email}, attempt {attempt}");
            }
            assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
            assert_eq!(seen[0].0, if attempt <= 5 { 200 } else { 429 });
            assert_eq!(seen[0].2, if attempt <= 5 { (0, 1) } else { (0, 0) });
        }
    });
}
