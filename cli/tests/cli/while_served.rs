//! Commands that change keys and regions of a directory while another process serves it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use umoja_cli::CompanyFile;

use crate::support::{Served, World, client, done, eventually, json as ask, path, run, text, umoja, until};

/// Runs a command in another process while this one continues to call the API.
async fn command(arguments: &[&str]) -> Value {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let ran = tokio::task::spawn_blocking(move || ask(&arguments.iter().map(String::as_str).collect::<Vec<_>>()));
    ran.await.unwrap()
}

/// A client that registers users in the first region and looks each of them up in the second.
struct Calls {
    stop: Arc<AtomicBool>,
    calling: JoinHandle<Vec<String>>,
}

impl Calls {
    /// Starts, with a user in both regions.
    async fn start(served: &Served, company: &CompanyFile) -> Self {
        let (here, there) = (client(&served.urls[0], company), client(&served.urls[1], company));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let registered = Arc::new(AtomicBool::new(false));
        let first = Arc::clone(&registered);
        let call = async move || {
            let mut names = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let name = format!("user-{}", names.len());
                let body = json!({ "username": name, "email": format!("{name}@example.com") });
                let answer = here.call("register", body).await.unwrap();
                assert_eq!(answer.status, 201, "{name}: {answer:?}");
                eventually("the user in the other region", async || {
                    let found = there.call("lookup", json!({ "username": name })).await.unwrap();
                    assert!([200, 404].contains(&found.status), "{name}: {found:?}");
                    (found.status == 200).then_some(())
                })
                .await;
                names.push(name);
                first.store(true, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            names
        };
        let calling = tokio::task::spawn_blocking(move || Handle::current().block_on(call()));
        eventually("a user", async || (registered.load(Ordering::Relaxed) || calling.is_finished()).then_some(()))
            .await;
        Self { stop, calling }
    }

    /// Every call was answered as if no command ran, and every user is in each of these regions.
    async fn end(self, urls: &[String], company: &CompanyFile) {
        self.stop.store(true, Ordering::Relaxed);
        for name in self.calling.await.unwrap() {
            for url in urls {
                let body = json!({ "email": format!("{name}@example.com") });
                eventually("the user", async || {
                    let found = client(url, company).call("lookup", body.clone()).await.unwrap();
                    (found.status == 200).then_some(())
                })
                .await;
            }
        }
    }
}

/// `umoja doctor` finds no difference once all changes are replicated.
async fn well(dir: &str) {
    for command in ["doctor", "status", "digest"] {
        let is_well = async || run(&[command, "--dir", dir]).status.success().then_some(());
        eventually(command, is_well).await;
    }
}

/// The ids of the signing keys that a region publishes.
async fn published(url: &str, company: &CompanyFile) -> Vec<String> {
    let answer = client(url, company).get("/.well-known/jwks.json").await.unwrap();
    let keys: Value = serde_json::from_slice(&answer.body).unwrap();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let calls = Calls::start(&served, &company).await;
    let keys = world.file("keys.json");
    std::fs::write(&keys, r#"{"shop": {"secret": "hunter2", "encoding": "utf8"}}"#).unwrap();
    assert_eq!(command(&["hash-keys", "add", path(&keys), "--dir", &dir]).await, json!({ "added": ["shop"] }));
    assert_eq!(command(&["rotate", "pepper", "--dir", &dir]).await, json!({ "pepper": 1 }));
    let rotated = command(&["rotate", "index-key", "--dir", &dir]).await;
    assert_eq!(rotated["index_key"], 2, "{rotated}");
    calls.end(&served.urls, &company).await;
    well(&dir).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits for the minute in which an answer is valid: .ci/run"]
async fn every_answer_verifies_during_a_signing_key_rotation() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let calls = Calls::start(&served, &company).await;
    assert_eq!(command(&["rotate", "signing-key", "--dir", &dir]).await, json!({ "signing_key": "umoja-2" }));
    for url in &served.urls {
        eventually("the new key alone", async || (published(url, &company).await == ["umoja-2"]).then_some(())).await;
    }
    calls.end(&served.urls, &company).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_while_a_regions_key_is_replaced() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let calls = Calls::start(&served, &company).await;
    std::fs::remove_file(world.file("d").join("af-south-1/keyring.json")).unwrap();
    world.rekey("af-south-1");
    let reencrypted = command(&["re-encrypt", "af-south-1", "--dir", &dir]).await;
    assert_eq!(reencrypted["secrets_wrapped"], true, "{reencrypted}");
    calls.end(&served.urls, &company).await;
    well(&dir).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_key_ring_is_made_again_while_other_regions_serve() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let here = client(&served.urls[0], &company);
    assert_eq!(here.call("register", json!({ "username": "amina" })).await.unwrap().status, 201);
    std::fs::remove_file(world.file("d").join("af-south-1/keyring.json")).unwrap();
    assert_eq!(here.call("register", json!({ "username": "baraka" })).await.unwrap().status, 201);
    assert_eq!(run(&["status", "--dir", &dir]).status.code(), Some(1));
    let added = command(&["region", "add", "af-south-1", "--again", "--dir", &dir]).await;
    assert_eq!(added["added"], true, "{added}");
    well(&dir).await;
    let there = client(&served.urls[1], &company);
    for name in ["amina", "baraka"] {
        assert_eq!(there.call("lookup", json!({ "username": name })).await.unwrap().status, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_is_added_frozen_thawed_and_removed() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let calls = Calls::start(&served, &company).await;

    let added = command(&["region", "add", "us-east-1", "--dir", &dir]).await;
    assert_eq!(added["added"], true, "{added}");
    let listed = command(&["region", "list", "--dir", &dir]).await;
    let url = listed["regions"][2]["url"].as_str().unwrap().to_owned();
    let new = client(&url, &company);
    assert_eq!(new.call("lookup", json!({ "username": "user-0" })).await.unwrap().status, 200);
    assert_eq!(new.call("register", json!({ "username": "only-here" })).await.unwrap().status, 201);

    assert_eq!(command(&["region", "freeze", "us-east-1", "--dir", &dir]).await["state"], "frozen");
    let rejected = new.call("lookup", json!({ "username": "user-0" })).await.unwrap_err();
    assert!(rejected.to_string().contains("503 region_not_serving"), "{rejected}");
    let listed = client(&served.urls[0], &company).get("/.well-known/umoja.json").await.unwrap();
    assert!(!text(&listed.body).contains("us-east-1"));
    assert_eq!(command(&["region", "thaw", "us-east-1", "--dir", &dir]).await["thawed"], true);
    assert_eq!(new.call("lookup", json!({ "username": "user-0" })).await.unwrap().status, 200);

    let removed = command(&["region", "remove", "us-east-1", "--dir", &dir]).await;
    assert_eq!(removed["unreadable_parts"], 0, "{removed}");
    eventually("a closed port", async || {
        client(&url, &company).get("/.well-known/umoja.json").await.is_err().then_some(())
    })
    .await;
    let found = client(&served.urls[1], &company).call("lookup", json!({ "username": "only-here" })).await.unwrap();
    assert_eq!(found.status, 200);
    calls.end(&served.urls, &company).await;
    well(&dir).await;
}

/// Starts a command and returns it as soon as it prints this on standard error.
fn begun(arguments: &[&str], said: &str) -> Child {
    let mut child = umoja().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(said)), "{arguments:?} ended without {said}");
    child
}

fn ends_well(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_succeeds_if_the_server_is_killed_meanwhile() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    for (arguments, said) in [
        (&["rotate", "pepper"][..], "a new pepper is published"),
        (&["rotate", "index-key"], "a new key is published"),
        (&["rotate", "signing-key"], "a new key is published"),
        (&["region", "add", "us-east-1"], "has everything"),
        (&["region", "remove", "us-east-1"], "has everything"),
    ] {
        let served = world.serve();
        let body = json!({ "username": arguments.join("-") });
        assert_eq!(client(&served.urls[0], &company).call("register", body).await.unwrap().status, 201);
        let command = begun(&[arguments, &["--dir", &dir]].concat(), said);
        drop(served);
        ends_well(command);
    }
    let served = world.serve();
    well(&dir).await;
    for url in &served.urls {
        let found = client(url, &company).call("lookup", json!({ "username": "rotate-index-key" })).await.unwrap();
        assert_eq!(found.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_command_continues_when_run_again() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let calls = Calls::start(&served, &company).await;
    for (arguments, said) in [
        (&["rotate", "index-key"][..], "a new key is published"),
        (&["region", "add", "us-east-1"], "has everything"),
        (&["region", "remove", "us-east-1"], "has everything"),
    ] {
        let arguments = [arguments, &["--dir", &dir]].concat();
        let mut killed = begun(&arguments, said);
        killed.kill().unwrap();
        killed.wait().unwrap();
        command(&arguments).await;
    }
    calls.end(&served.urls, &company).await;
    well(&dir).await;
}

#[test]
fn the_second_of_two_concurrent_commands_is_rejected() {
    let world = World::new();
    let dir = world.deployment();
    let _served = world.serve();
    let first = begun(&["rotate", "pepper", "--dir", &dir], "a new pepper is published");
    // If the first command has ended already, the second one succeeds.
    let second = run(&["region", "add", "us-east-1", "--dir", &dir]);
    let said = text(&second.stderr);
    assert!(second.status.success() || said.contains("let it end, then run this one again"), "{said}");
    ends_well(first);
    done(&["region", "add", "us-east-1", "--dir", &dir]);
}

#[test]
fn a_running_import_blocks_changes_of_keys() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    let _served = world.serve();
    let keys = world.file("keys.json");
    std::fs::write(&keys, r#"{"shop": {"secret": "hunter2", "encoding": "utf8"}}"#).unwrap();
    let add = ["hash-keys", "add", path(&keys), "--dir", &dir];
    // The later of the two is rejected. A rejected import is started again.
    let mut import = until("an import that works", || {
        let mut import = umoja();
        import.args(["import", "-", "--format", "auth0", "--company", "soko", "--dir", &dir]);
        let mut import = import.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let is_rejected = (0..3).any(|_| text(&run(&add).stderr).contains("an import works there"));
        if is_rejected {
            return Some(import);
        }
        import.kill().unwrap();
        import.wait().unwrap();
        None
    });
    drop(import.stdin.take());
    ends_well(import);
    done(&add);
}

#[tokio::test]
async fn a_server_starts_serving_a_listed_region_once_added() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    // `umoja region add` was interrupted after it had made the region and listed it.
    world.make("us-east-1");
    let settings = world.file("d").join("deployment.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&settings).unwrap()).unwrap();
    let regions = config["regions"].as_array_mut().unwrap();
    regions.push(json!({ "name": "us-east-1", "port": 0, "state": "joining" }));
    std::fs::write(&settings, config.to_string()).unwrap();
    let served = world.serve();
    assert_eq!(served.urls.len(), 2);
    assert_eq!(command(&["rotate", "pepper", "--dir", &dir]).await["pepper"], 1);
    assert_eq!(command(&["region", "add", "us-east-1", "--dir", &dir]).await["added"], true);
    let listed = command(&["region", "list", "--dir", &dir]).await;
    let new = client(listed["regions"][2]["url"].as_str().unwrap(), &company);
    assert_eq!(new.call("register", json!({ "username": "amina" })).await.unwrap().status, 201);
    well(&dir).await;
}
