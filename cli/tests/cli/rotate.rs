//! `umoja rotate` and `umoja rewrap`.

use serde_json::{Value, json};
use umoja_cli::CompanyFile;

use crate::support::{World, client, done, eventually, json as ask, path, run, text};

#[tokio::test]
async fn answers_are_signed_with_a_new_key_and_requests_are_served_as_before() {
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
        assert_eq!(client.call("lookup", json!({ "username": "nobody" })).await.unwrap().status, 404);
    }
}

#[tokio::test]
async fn passwords_of_before_a_new_pepper_are_accepted_as_before() {
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

#[test]
fn keys_of_other_systems_are_added_once_and_only_their_ids_are_shown() {
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
        let refused = run(&add);
        assert_eq!(refused.status.code(), Some(1));
        assert!(!text(&refused.stderr).contains("hunter"), "{}", text(&refused.stderr));
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

/// The versions of the index keys in a region's claims of a user, in their order.
fn key_versions(world: &World, id: &str, region: usize) -> Vec<u64> {
    let shown = ask(&["user", "show", id, "--dir", &world.deployment()]);
    let claims = shown["regions"][region]["parts"]["profile"]["claims"].as_array().unwrap().clone();
    let mut versions: Vec<u64> = claims.iter().map(|claim| claim["key_version"].as_u64().unwrap()).collect();
    versions.sort_unstable();
    versions
}

#[tokio::test]
async fn identifiers_are_indexed_by_a_new_key_and_everybody_is_found_as_before() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let id = register(&world, &company, "amina").await;
    let rotate = ["rotate", "index-key", "--dir", &dir];

    // Interrupted after a new key was made and some profiles were written.
    let interrupted = run(&[&rotate[..], &["--timeout-secs", "0"]].concat());
    assert_eq!(interrupted.status.code(), Some(1));
    let said = text(&interrupted.stderr);
    assert!(said.contains("a new key is published") && said.contains("it goes on"), "{said}");
    assert_eq!(key_versions(&world, &id, 0), [1, 1, 2, 2]);
    let second = register(&world, &company, "bahati").await;
    assert_eq!(key_versions(&world, &second, 1), [1, 1, 2, 2], "who serves writes under both");

    let done_now = run(&[&rotate[..], &["--json"]].concat());
    let said = text(&done_now.stderr);
    assert!(said.contains("going on with the rotation that was interrupted"), "{said}");
    let answer: Value = serde_json::from_slice(&done_now.stdout).unwrap();
    assert_eq!(answer["index_key"], 2, "{answer}");
    for (id, region) in [(&id, 0), (&id, 1), (&second, 0), (&second, 1)] {
        assert_eq!(key_versions(&world, id, region), [2, 2]);
    }

    let nothing = ask(&[&rotate[..], &["--no-new-key"]].concat());
    assert_eq!(nothing, json!({ "index_key": 2, "rewritten": 0 }));

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
async fn a_region_whose_key_ring_was_lost_opens_everything_by_itself_again() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let id = register(&world, &company, "amina").await;
    let rewrap = |region| ["rewrap", region, "--dir", dir.as_str()];
    let nothing = ask(&rewrap("af-south-1"));
    assert_eq!(nothing, json!({ "region": "af-south-1", "rewritten": 0, "secrets_rewrapped": false }));
    let lose = |region: &str| std::fs::remove_file(world.file("d").join(region).join("keyring.json")).unwrap();

    lose("af-south-1");
    let again = ask(&rewrap("af-south-1"));
    assert_eq!(again, json!({ "region": "af-south-1", "rewritten": 2, "secrets_rewrapped": true }));
    assert!(done(&rewrap("af-south-1")).contains("0 were written again"));
    // Now the other one is all that is left: of the secrets too.
    lose("eu-west-1");
    assert_eq!(ask(&rewrap("eu-west-1"))["rewritten"], 2);
    let served = world.serve();
    for url in &served.urls {
        let login = json!({ "username": "amina", "password": "a good password" });
        let answer = client(url, &company).call("authenticate", login).await.unwrap();
        assert_eq!((&answer.body["authenticated"], &answer.body["user"]["id"]), (&json!(true), &json!(id)));
    }
    drop(served);

    // With both gone, nothing opens any more, and the command says so.
    lose("eu-west-1");
    lose("af-south-1");
    let nobody = run(&rewrap("eu-west-1"));
    assert_eq!(nobody.status.code(), Some(1));
    assert!(!text(&nobody.stderr).is_empty());
    let unknown = run(&rewrap("nowhere"));
    assert_eq!(unknown.status.code(), Some(1));
    let arn = run(&[&rewrap("eu-west-1")[..], &["--old-key", "arn"]].concat());
    assert_eq!(arn.status.code(), Some(2));
}
