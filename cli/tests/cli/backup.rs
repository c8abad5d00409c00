//! `umoja backup` while regions are served, and `umoja restore`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use umoja_cli::{Answer, Client};

use crate::support::{Served, World, client, done, eventually, json as ask, path, run, text, umoja};

/// What a command says about a deployment, without the parts that depend on when and where it is asked.
fn said(world: &World, dir: &str, words: &[&str]) -> Value {
    let mut said = ask(&[words, &["--dir", path(&world.file(dir))]].concat());
    if let Some(members) = said.as_object_mut() {
        members.retain(|name, _| !["dir", "as_of", "as_of_ms"].contains(&name.as_str()));
    }
    said
}

/// Serves a directory beside the world's own, on other ports.
fn serve(world: &World, dir: &str) -> Served {
    world.serve_dir(&world.file(dir), &["--port-base", "0"])
}

/// Waits until all regions of a directory agree, and nothing else is wrong there.
async fn agrees(world: &World, dir: &str) {
    let dir = world.file(dir);
    let digest = || run(&["digest", "--dir", path(&dir)]).status.code() == Some(0);
    eventually("agreement", async || digest().then_some(())).await;
    done(&["doctor", "--dir", path(&dir)]);
}

/// The events of a company after a position.
async fn listed(client: &Client, body: Value) -> Answer {
    let signed = client.sign("/v1/events/list", body, None);
    let raw = client.post("/v1/events/list", signed.token.clone().into()).await.unwrap();
    client.verify(&signed, &raw).await.unwrap()
}

fn registration(n: usize) -> Value {
    json!({ "email": format!("user.{n}@example.com"), "password": format!("waters {n} cacti daily") })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_has_all_that_was_acknowledged_before_it_began() {
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve();
    let clients: Arc<Vec<_>> = Arc::new(served.urls.iter().map(|url| client(url, &company)).collect());
    let (acknowledged, stops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::spawn({
        let (clients, acknowledged, stops) = (Arc::clone(&clients), Arc::clone(&acknowledged), Arc::clone(&stops));
        async move {
            for n in 0.. {
                if stops.load(Ordering::Relaxed) {
                    break;
                }
                let answer = clients[n % 2].call("register", registration(n)).await.unwrap();
                assert_eq!(answer.status, 201, "{answer:?}");
                acknowledged.store(n + 1, Ordering::Relaxed);
            }
        }
    });
    let mut files = Vec::new();
    for (n, least) in [6, 12].into_iter().enumerate() {
        let (acknowledged, file) = (Arc::clone(&acknowledged), world.file(&format!("{n}.tar")));
        eventually("writes", async || (acknowledged.load(Ordering::Relaxed) >= least).then_some(())).await;
        let before = acknowledged.load(Ordering::Relaxed);
        let dir = world.deployment();
        tokio::task::spawn_blocking({
            let file = file.clone();
            move || done(&["backup", path(&file), "--plain", "--dir", &dir])
        })
        .await
        .unwrap();
        files.push((file, before));
    }
    stops.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    drop(served);
    assert!(!world.file("d/.backup").exists(), "copies are removed");

    for (n, (file, before)) in files.into_iter().enumerate() {
        let dir = format!("restored-{n}");
        done(&["restore", path(&file), "--dir", path(&world.file(&dir))]);
        let again = serve(&world, &dir);
        for url in &again.urls {
            let client = client(url, &company);
            for n in 0..before {
                let found = json!({ "email": format!("user.{n}@example.com") });
                eventually("replication", async || {
                    let answer = client.call("lookup", found.clone()).await.unwrap();
                    (answer.status == 200).then_some(())
                })
                .await;
            }
        }
        let last = client(&again.urls[1], &company).call("authenticate", registration(before - 1)).await.unwrap();
        assert_eq!(last.body["authenticated"], true, "{last:?}");
        agrees(&world, &dir).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_deployment_has_the_keys_clients_and_sessions_of_the_first_one() {
    let world = World::new();
    let answer = ask(&["demo", "--exit", "--dir", path(&world.file("demo"))]);
    assert_eq!(answer["ok"], true, "{answer}");
    let users = world.file("users.ndjson");
    done(&["export", path(&users), "--plain", "--dir", path(&world.file("demo"))]);
    let users = std::fs::read_to_string(users).unwrap();
    let users = users.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone());
    done(&["backup", path(&world.file("demo.tar")), "--plain", "--dir", path(&world.file("demo"))]);
    done(&["restore", path(&world.file("demo.tar")), "--dir", path(&world.file("new"))]);
    for words in [
        &["company", "list"][..],
        &["client", "list"],
        &["target", "list"],
        &["source", "list"],
        &["region", "list"],
        &["digest"],
    ] {
        assert_eq!(said(&world, "demo", words), said(&world, "new", words), "{words:?}");
    }
    let mut live = 0;
    for user in users {
        for kind in ["sessions", "factors"] {
            let words = [kind, "list", user.as_str().unwrap()];
            let held = said(&world, "new", &words);
            assert_eq!(said(&world, "demo", &words), held);
            live += held["sessions"].as_array().map_or(0, Vec::len);
        }
    }
    assert!(live > 0, "no session was compared");
    let names = |dir: &str| {
        let entries = std::fs::read_dir(world.file(dir).join("eu-west-1")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
        names.sort();
        names
    };
    assert_eq!(names("demo"), names("new"), "every file of a region is in its backup");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_of_events_that_are_lost_is_answered_so() {
    let world = World::new();
    let company = world.company("soko");
    let (file, begun) = (world.file("b.tar"), json!({ "after": 1 }));
    let served = world.serve();
    let here = client(&served.urls[0], &company);
    let events = async |client: &Client, body: Value, least: usize| {
        eventually("events", async || {
            let answer = listed(client, body.clone()).await;
            let count = answer.body["events"].as_array().map_or(0, Vec::len);
            (answer.status != 200 || count >= least).then_some(answer)
        })
        .await
    };
    here.call("register", registration(0)).await.unwrap();
    let kept = events(&here, begun.clone(), 1).await.body["cursor"].clone();
    done(&["backup", path(&file), "--plain", "--dir", &world.deployment()]);
    here.call("register", registration(1)).await.unwrap();
    let lost = events(&here, json!({ "cursor": kept }), 1).await.body["cursor"].clone();
    drop(served);
    done(&["restore", path(&file), "--dir", path(&world.file("new"))]);
    let again = serve(&world, "new");
    let here = client(&again.urls[0], &company);
    here.call("register", registration(2)).await.unwrap();
    let next = events(&here, json!({ "cursor": kept }), 1).await;
    assert_eq!((next.status, next.body["events"].as_array().map(Vec::len)), (200, Some(1)), "{next:?}");
    let gone = events(&here, json!({ "cursor": lost }), 1).await;
    assert_eq!((gone.status, gone.code()), (410, Some("cursor_expired")), "{gone:?}");
}

#[test]
fn a_backup_is_whole_or_absent() {
    let world = World::new();
    let (dir, file) = (world.deployment(), world.file("b.tar"));
    done(&["backup", path(&file), "--plain", "--dir", &dir]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = run(&["backup", path(&file), "--plain", "--dir", &dir]);
    assert_eq!(again.status.code(), Some(1), "it exists");
    // Into a directory, and to standard output.
    let into = world.file("backups");
    std::fs::create_dir(&into).unwrap();
    let named = ask(&["backup", path(&into), "--plain", "--dir", &dir])["file"].clone();
    assert!(named.as_str().unwrap().ends_with("Z.tar"), "{named}");
    let piped = umoja().args(["backup", "-", "--plain", "--dir", &dir]).output().unwrap();
    std::fs::write(world.file("piped.tar"), &piped.stdout).unwrap();
    done(&["restore", path(&world.file("piped.tar")), "--dir", path(&world.file("piped"))]);

    let bytes = std::fs::read(&file).unwrap();
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for (bytes, what) in [(&bytes[..bytes.len() / 2], "cut"), (&damaged, "damaged"), (b"x", "none")] {
        std::fs::write(&file, bytes).unwrap();
        let output = run(&["restore", path(&file), "--dir", path(&world.file("new"))]);
        assert_eq!(output.status.code(), Some(1), "{what}");
        assert!(!world.file("new").exists(), "{what}: nothing is left");
    }
    let full = run(&["restore", path(&world.file("piped.tar")), "--dir", &dir]);
    assert!(full.status.code() == Some(1) && text(&full.stderr).contains("not empty"), "{}", text(&full.stderr));
}

#[test]
fn an_unencrypted_backup_must_be_requested_explicitly() {
    let world = World::new();
    let (file, dir) = (world.file("b.age"), world.deployment());
    for more in [&[][..], &["--plain", "--recipient", "age1x"]] {
        assert_eq!(run(&[&["backup", path(&file), "--dir", &dir], more].concat()).status.code(), Some(2));
    }
    let output = run(&["backup", path(&file), "--recipient", "unknown", "--dir", &dir]);
    assert_eq!(output.status.code(), Some(1));
    let left: Vec<PathBuf> = std::fs::read_dir(world.file(".")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(
        left.iter().all(|path| !path.to_str().unwrap().contains("b.age")),
        "a failed backup leaves no file: {left:?}"
    );
}

#[test]
#[allow(clippy::print_stdout, reason = "a skipped test reports it")]
fn an_encrypted_backup_opens_only_with_the_identity() {
    let world = World::new();
    let (identity, file) = (world.file("key.txt"), world.file("b.age"));
    let Ok(made) = Command::new("age-keygen").args(["-o", path(&identity)]).output() else {
        println!("skipped: age is not installed");
        return;
    };
    let said = text(&made.stderr);
    let recipient = said.split_whitespace().last().unwrap();
    done(&["backup", path(&file), "--recipient", recipient, "--dir", &world.deployment()]);
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n") && !bytes.windows(7).any(|some| some == b"SQLite "));
    let new = world.file("new");
    assert_eq!(run(&["restore", path(&file), "--dir", path(&new)]).status.code(), Some(2), "without the identity");
    std::fs::write(&file, &bytes[..bytes.len() - 20]).unwrap();
    let words = ["restore", path(&file), "--identity", path(&identity), "--dir", path(&new)];
    assert_eq!(run(&words).status.code(), Some(1), "cut");
    std::fs::write(&file, &bytes).unwrap();
    done(&words);
    done(&["doctor", "--dir", path(&new)]);
}
