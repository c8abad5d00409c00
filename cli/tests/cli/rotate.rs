//! `umoja rotate` and `umoja re-encrypt`.

use serde_json::{Value, json};
use umoja_cli::CompanyFile;
use umoja_store::ports::Users as _;

use crate::support::{World, client, done, eventually, json as ask, path, run, text};

#[tokio::test]
async fn a_new_signing_key_signs_answers() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let rotate = ["rotate", "signing-key", "--dir", &dir];
    assert_eq!(ask(&rotate), json!({ "signing_key": "umoja-2" }));
    assert!(done(&rotate).contains("signed with umoja-3"));

    let served = world.serve();
    for url in &served.urls {
        let client = client(url, &company);
        let published = client.get("/.well-known/jwks.json").await.unwrap();
        let published: serde_json::Value = serde_json::from_slice(&published.body).unwrap();
        let kids: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
        assert_eq!(kids, ["umoja-3"]);
        assert_eq!(client.call("lookup", json!({ "username": "unknown" })).await.unwrap().status, 404);
    }
}

#[tokio::test]
async fn passwords_are_accepted_after_a_new_pepper() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let rotate = ["rotate", "pepper", "--dir", &dir];
    for version in 1..=2 {
        register(&world, &company, &format!("user-{version}")).await;
        assert_eq!(ask(&rotate), json!({ "pepper": version }));
        let served = world.serve();
        for (url, name) in served.urls.iter().zip(["user-1"; 2]) {
            let body = json!({ "username": name, "password": "a good password" });
            let answer = client(url, &company).call("authenticate", body).await.unwrap();
            assert_eq!(answer.body["authenticated"], true, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn stored_items_are_proved_again_by_a_new_secret() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let id = register(&world, &company, "amina").await;
    let rotate = ["rotate", "proof-key", "--dir", &dir];
    let first = ask(&rotate);
    assert_eq!((&first["proof_key"], &first["verify_from"]), (&json!(2), &json!(1)), "{first}");
    assert!(first["proved"].as_u64() >= Some(4), "two parts in two regions: {first}");
    assert_eq!((&first["overtaken"], &first["unreadable"]), (&json!(0), &json!(0)), "{first}");
    let retired = ask(&[&rotate[..], &["--retire"]].concat());
    assert_eq!((&retired["proof_key"], &retired["verify_from"]), (&json!(2), &json!(2)), "{retired}");
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));

    let served = world.serve();
    for url in &served.urls {
        let login = json!({ "username": "amina", "password": "a good password" });
        let answer = client(url, &company).call("authenticate", login).await.unwrap();
        assert_eq!(answer.body["user"]["id"], json!(id), "{answer:?}");
    }
}

#[test]
fn legacy_keys_are_added_once_and_only_ids_shown() {
    let world = World::new();
    let (dir, file) = (world.deployment(), world.file("keys.json"));
    let add = ["hash-keys", "add", path(&file), "--dir", &dir];
    let list = ["hash-keys", "list", "--dir", &dir];
    assert_eq!(ask(&list), json!({ "hash_keys": [] }));
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(r#"{"shop": {"secret": "hunter2", "encoding": "utf8"}}"#);
    assert_eq!(ask(&add), json!({ "added": ["shop"] }));
    assert_eq!(ask(&add), json!({ "added": [] }));
    for wrong in
        [r#"{"shop": {"secret": "hunter3", "encoding": "utf8"}}"#, r#"{"Shop": {"secret": "hunter3"}}"#, "hunter3"]
    {
        write(wrong);
        let rejected = run(&add);
        assert_eq!(rejected.status.code(), Some(1));
        assert!(!text(&rejected.stderr).contains("hunter"), "{}", text(&rejected.stderr));
    }
    write(r#"{"app": {"firebase": {"signer_key": "AAAA", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}}"#);
    assert_eq!(done(&add).trim(), "Added app.");
    assert_eq!(ask(&list), json!({ "hash_keys": ["app", "shop"] }));
}

/// Registers a user in the first region, and waits until the second one has it.
async fn register(world: &World, company: &CompanyFile, name: &str) -> String {
    let served = world.serve();
    let body = json!({ "username": name, "email": format!("{name}@example.com"), "password": "a good password" });
    let answer = client(&served.urls[0], company).call("register", body).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["user"]["id"].as_str().unwrap().to_owned();
    let words = ["user", "show", &id, "--dir", &world.deployment()];
    eventually("agreement", async || Some(()).filter(|()| ask(&words)["agree"] == true)).await;
    id
}

/// The versions of the index keys in the ownerships of a user in a region, in their order.
fn key_versions(world: &World, id: &str, region: usize) -> Vec<u64> {
    let shown = ask(&["user", "show", id, "--dir", &world.deployment()]);
    let ownerships = shown["regions"][region]["parts"]["profile"]["ownerships"].as_array().unwrap().clone();
    let mut versions: Vec<u64> =
        ownerships.iter().map(|ownership| ownership["key_version"].as_u64().unwrap()).collect();
    versions.sort_unstable();
    versions
}

#[tokio::test]
async fn users_are_found_after_the_index_key_is_rotated() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let id = register(&world, &company, "amina").await;
    let rotate = ["rotate", "index-key", "--dir", &dir];

    // Interrupted after a new key was generated and some profiles were written.
    let interrupted = run(&[&rotate[..], &["--timeout-secs", "0"]].concat());
    assert_eq!(interrupted.status.code(), Some(1));
    let said = text(&interrupted.stderr);
    assert!(said.contains("a new key is published") && said.contains("it continues"), "{said}");
    assert_eq!(key_versions(&world, &id, 0), [1, 1, 2, 2]);
    let second = register(&world, &company, "bahati").await;
    assert_eq!(key_versions(&world, &second, 1), [1, 1, 2, 2], "serving processes write under both");

    let done_now = run(&[&rotate[..], &["--json"]].concat());
    let said = text(&done_now.stderr);
    assert!(said.contains("continuing the rotation that was interrupted"), "{said}");
    let answer: Value = serde_json::from_slice(&done_now.stdout).unwrap();
    assert_eq!(answer["index_key"], 2, "{answer}");
    for (id, region) in [(&id, 0), (&id, 1), (&second, 0), (&second, 1)] {
        assert_eq!(key_versions(&world, id, region), [2, 2]);
    }

    let unchanged = ask(&[&rotate[..], &["--no-new-key"]].concat());
    assert_eq!(unchanged, json!({ "index_key": 2, "reencrypted": 0 }));

    let served = world.serve();
    for url in &served.urls {
        let client = client(url, &company);
        let found = client.call("lookup", json!({ "email": "amina@example.com" })).await.unwrap();
        assert_eq!((found.status, &found.body["user"]["id"]), (200, &json!(id)));
        let again = client.call("register", json!({ "username": "Bahati" })).await.unwrap();
        assert_eq!(again.status, 409);
        let login = json!({ "username": "amina", "password": "a good password" });
        assert_eq!(client.call("authenticate", login).await.unwrap().body["authenticated"], true);
    }
    drop(served);
    assert!(done(&rotate).contains("indexed by key 3 alone"));
    assert_eq!(key_versions(&world, &id, 1), [3, 3]);
}

#[tokio::test]
async fn a_region_decrypts_alone_after_its_key_was_replaced() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let id = register(&world, &company, "amina").await;
    let reencrypt = |region| ["re-encrypt", region, "--dir", dir.as_str()];
    let unchanged = ask(&reencrypt("af-south-1"));
    assert_eq!(unchanged, json!({ "region": "af-south-1", "reencrypted": 0, "secrets_wrapped": false }));
    let lose = |region: &str| std::fs::remove_file(world.file("d").join(region).join("keyring.json")).unwrap();
    let replace = |region: &str| {
        lose(region);
        world.rekey(region);
    };

    replace("af-south-1");
    let again = ask(&reencrypt("af-south-1"));
    assert_eq!(again, json!({ "region": "af-south-1", "reencrypted": 2, "secrets_wrapped": true }));
    assert!(done(&reencrypt("af-south-1")).contains("0 were re-encrypted"));
    // Now only the other region's wrapped keys are left, also of the secrets.
    replace("eu-west-1");
    assert_eq!(ask(&reencrypt("eu-west-1"))["reencrypted"], 2);
    let served = world.serve();
    for url in &served.urls {
        let login = json!({ "username": "amina", "password": "a good password" });
        let answer = client(url, &company).call("authenticate", login).await.unwrap();
        assert_eq!((&answer.body["authenticated"], &answer.body["user"]["id"]), (&json!(true), &json!(id)));
    }
    drop(served);

    let unknown = run(&reencrypt("nowhere"));
    assert_eq!(unknown.status.code(), Some(1));
    let arn = run(&[&reencrypt("eu-west-1")[..], &["--old-key", "arn"]].concat());
    assert_eq!(arn.status.code(), Some(2));
    // Without both key rings, no part can be decrypted, and the command reports it.
    replace("eu-west-1");
    replace("af-south-1");
    let unopened = run(&reencrypt("eu-west-1"));
    assert_eq!(unopened.status.code(), Some(1));
    assert!(!text(&unopened.stderr).is_empty());
    lose("eu-west-1");
    let absent = run(&reencrypt("eu-west-1"));
    assert!(text(&absent.stderr).contains("region add eu-west-1 --again"), "{}", text(&absent.stderr));
}

#[tokio::test]
async fn a_rotation_in_a_directory_that_is_not_served_brings_what_no_change_would() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let id = register(&world, &company, "amina").await;
    let rotate = ["rotate", "index-key", "--dir", &dir];
    let interrupted = run(&[&rotate[..], &["--timeout-secs", "0"]].concat());
    assert!(text(&interrupted.stderr).contains("a new key is published"), "{}", text(&interrupted.stderr));
    let rows = world.file("rows.ndjson");
    let row =
        |n: usize| format!("{}\n", json!({ "user_id": format!("auth0|{n}"), "email": format!("{n}@example.com") }));
    std::fs::write(&rows, (0..50).map(row).collect::<String>()).unwrap();
    done(&["import", path(&rows), "--format", "auth0", "--company", "soko", "--dir", &dir]);
    // They are lost in the other region: no change will ever bring them.
    crate::source::sql(&dir, "af-south-1", "DELETE FROM users WHERE number > 2");
    assert_eq!(parts(&dir).await, [102, 2]);
    assert_eq!(ask(&[&rotate[..], &["--rate", "0"]].concat())["index_key"], 2);
    assert_eq!(parts(&dir).await, [102, 102]);
    done(&["doctor", "--dir", &dir]);
    assert_eq!(key_versions(&world, &id, 1), [2, 2]);
}

/// How many parts each region holds.
async fn parts(dir: &str) -> Vec<usize> {
    let deployment = umoja_cli::Deployment::open(dir.as_ref()).unwrap();
    let mut parts = Vec::new();
    for store in deployment.stores() {
        parts.push(store.scan(None, 1000).await.unwrap().records.len());
    }
    parts
}
