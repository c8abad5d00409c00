//! A directory that has lost a region, its database or its key ring: no command makes them again silently, and another
//! region brings everything back on request.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use umoja_cli::{CompanyFile, Deployment};
use umoja_schema::{Part, UserId};
use umoja_store::keyring::KeyRing;
use umoja_store::ports::Users as _;
use umoja_store::shared_secrets::SharedSecrets;

use crate::support::{World, client, done, eventually, is_well, json as ask, run, text};

const HERE: &str = "eu-west-1";
const THERE: &str = "af-south-1";

fn region(world: &World, name: &str) -> PathBuf {
    world.file("d").join(name)
}

fn ring(world: &World, name: &str) -> PathBuf {
    region(world, name).join("keyring.json")
}

/// Registers users in the first region, and waits until the second one has them.
async fn register(world: &World, company: &CompanyFile, names: &[&str]) -> Vec<UserId> {
    let served = world.serve();
    let mut ids = Vec::new();
    for name in names {
        let answer = client(&served.urls[0], company).call("register", json!({ "username": name })).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        ids.push(answer.body["user"]["id"].as_str().unwrap().parse().unwrap());
    }
    for id in &ids {
        let shown = ["user", "show", &UserId::to_string(id), "--dir", &world.deployment()];
        eventually("agreement", async || Some(()).filter(|()| ask(&shown)["agree"] == true)).await;
    }
    ids
}

/// The statuses of look-ups in every region that is served.
async fn found(world: &World, company: &CompanyFile, names: &[&str]) -> Vec<u16> {
    let served = world.serve();
    let mut statuses = Vec::new();
    for url in &served.urls {
        for name in names {
            let answer = client(url, company).call("lookup", json!({ "username": name })).await;
            statuses.push(answer.map_or(0, |answer| answer.status));
        }
    }
    statuses
}

/// The regions of the wrapped keys of each user in the first region.
async fn wrapped(world: &World, ids: &[UserId]) -> Vec<Vec<String>> {
    let deployment = Deployment::open(world.deployment().as_ref()).unwrap();
    let mut all = Vec::new();
    for id in ids {
        let record = deployment.stores()[0].part(*id, Part::Profile).await.unwrap().unwrap();
        all.push(record.live().unwrap().keys.keys().map(ToString::to_string).collect());
    }
    all
}

fn files(world: &World) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for dir in [world.file("d"), region(world, HERE), region(world, THERE)] {
        let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
        // The journals of databases and the locks of commands come and go.
        let lasts = |path: &PathBuf| [".json", ".sqlite"].iter().any(|end| path.to_str().unwrap().ends_with(end));
        files.extend(entries.filter(|path| lasts(path) || path.is_dir()));
    }
    files.sort();
    files
}

/// What every command says about a region that cannot be opened.
fn rejected(world: &World, why: &str, way_out: &str) {
    let (dir, before) = (world.deployment(), files(world));
    let user = "00000000-0000-7000-8000-000000000000";
    for words in [
        &["serve"][..],
        &["status"],
        &["doctor"],
        &["digest"],
        &["init"],
        &["region", "list"],
        &["region", "remove", HERE],
        &["user", "show", user],
        &["company", "list"],
        &["company", "disable", "soko"],
        &["re-encrypt", THERE],
        &["rotate", "pepper"],
        &["redrive"],
    ] {
        let output = run(&[words, &["--dir", &dir]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains(THERE) && said.contains(why) && said.contains(way_out), "{words:?}: {said}");
        assert_eq!(files(world), before, "{words:?}");
    }
}

#[tokio::test]
async fn a_lost_or_replaced_key_ring_is_an_error_that_names_the_way_out() {
    let world = World::new();
    let company = world.company("soko");
    register(&world, &company, &["amina"]).await;
    let (path, another) = (ring(&world, THERE), World::new());
    let own = fs::read(&path).unwrap();
    let again = "restore it from a backup, or run `umoja region add af-south-1 --again`";

    fs::remove_file(&path).unwrap();
    rejected(&world, "keyring.json is missing", again);
    fs::write(&path, &own[..own.len() / 2]).unwrap();
    rejected(&world, "not a key ring", again);
    fs::copy(ring(&another, THERE), &path).unwrap();
    rejected(&world, "not the key ring that the region's data belongs to", again);
    fs::copy(ring(&world, HERE), &path).unwrap();
    rejected(&world, "belongs to the region eu-west-1", again);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    rejected(&world, "keyring.json", "make it readable");

    fs::remove_dir(&path).unwrap();
    fs::write(&path, &own).unwrap();

    let (proofs, aside) = (region(&world, THERE).join("proof-keyring.json"), world.file("aside"));
    fs::rename(&proofs, &aside).unwrap();
    rejected(&world, "proof-keyring.json is missing", again);
    fs::copy(region(&another, THERE).join("proof-keyring.json"), &proofs).unwrap();
    rejected(&world, "proof-keyring.json: not the key ring that the region's data belongs to", again);
    fs::rename(&aside, &proofs).unwrap();
    is_well(&world.deployment());
    assert_eq!(found(&world, &company, &["amina"]).await, [200, 200]);
}

#[tokio::test]
async fn a_lost_directory_or_database_is_an_error_that_names_the_way_out() {
    let world = World::new();
    let company = world.company("soko");
    register(&world, &company, &["amina"]).await;
    let (own, aside) = (region(&world, THERE), world.file("aside"));
    let again = "restore it from a backup, or stop `umoja serve` and run `umoja region add af-south-1 --again`";

    fs::rename(&own, &aside).unwrap();
    rejected(&world, "af-south-1 is missing", again);
    fs::rename(&aside, &own).unwrap();
    let database = own.join("region.sqlite");
    fs::rename(&database, &aside).unwrap();
    rejected(&world, "region.sqlite is missing or empty", again);
    fs::write(&database, "").unwrap();
    rejected(&world, "region.sqlite is missing or empty", again);
    fs::rename(&aside, &database).unwrap();
    // The write-ahead log beside the empty file is still there.
    is_well(&world.deployment());
    assert_eq!(found(&world, &company, &["amina"]).await, [200, 200]);
}

/// What was lost, and the region that is lost: after it is added again, it opens everything alone.
async fn is_brought_back(lose: impl Fn(&World)) {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let names = ["amina", "baraka", "chausiku"];
    let ids = register(&world, &company, &names).await;
    lose(&world);
    let added = ask(&["region", "add", HERE, "--again", "--dir", &dir]);
    assert_eq!((&added["state"], &added["added"]), (&json!("serving"), &json!(true)), "{added}");
    done(&["doctor", "--dir", &dir]);
    is_well(&dir);
    assert_eq!(found(&world, &company, &names).await, [200; 6]);
    // Without the other region's key, its own key opens every part and the secrets.
    done(&["region", "remove", THERE, "--dir", &dir]);
    assert_eq!(wrapped(&world, &ids).await, vec![[HERE]; 3]);
    assert_eq!(found(&world, &company, &names).await, [200; 3]);
    is_well(&dir);
}

#[tokio::test]
async fn a_region_with_a_lost_key_ring_is_brought_back() {
    is_brought_back(|world| fs::remove_file(ring(world, HERE)).unwrap()).await;
}

#[tokio::test]
async fn a_region_with_a_lost_proof_key_ring_is_brought_back() {
    is_brought_back(|world| fs::remove_file(region(world, HERE).join("proof-keyring.json")).unwrap()).await;
}

#[tokio::test]
async fn a_region_with_a_damaged_key_ring_is_brought_back() {
    is_brought_back(|world| fs::write(ring(world, HERE), "{").unwrap()).await;
}

#[tokio::test]
async fn a_region_with_another_key_ring_is_brought_back() {
    is_brought_back(|world| {
        fs::copy(ring(&World::new(), HERE), ring(world, HERE)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_lost_region_is_brought_back() {
    is_brought_back(|world| fs::remove_dir_all(region(world, HERE)).unwrap()).await;
}

#[tokio::test]
async fn a_lost_region_is_brought_back_only_if_another_one_can_fill_it() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    register(&world, &company, &["amina"]).await;
    for name in [HERE, THERE] {
        fs::rename(ring(&world, name), world.file(name)).unwrap();
    }
    for name in [HERE, THERE] {
        let output = run(&["region", "add", name, "--again", "--dir", &dir]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("no other region serves"), "{said}");
        assert!(!ring(&world, name).exists());
    }
    fs::rename(world.file(THERE), ring(&world, THERE)).unwrap();
    done(&["region", "add", HERE, "--again", "--dir", &dir]);
    is_well(&dir);

    // A served directory keeps the deleted files open, and would go on with them.
    let served = world.serve();
    fs::rename(region(&world, THERE), world.file("aside")).unwrap();
    let output = run(&["region", "add", THERE, "--again", "--dir", &dir]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("stop it first"), "{said}");
    assert!(!region(&world, THERE).exists());
    drop(served);
    done(&["region", "add", THERE, "--again", "--dir", &dir]);
    done(&["doctor", "--dir", &dir]);
}

/// Gives a region another key ring: it serves, and its own key opens nothing.
fn rekey(world: &World, name: &str) {
    fs::remove_file(ring(world, name)).unwrap();
    world.rekey(name);
}

#[tokio::test]
async fn an_interrupted_return_of_a_region_is_continued_without_the_option_too() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let ids = register(&world, &company, &["amina"]).await;
    for state in ["joining", "frozen"] {
        rekey(&world, HERE);
        let config = world.file("d/deployment.json");
        let mut stored: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
        stored["regions"][0]["state"] = json!(state);
        fs::write(&config, stored.to_string()).unwrap();
        if state == "frozen" {
            fs::write(ring(&world, HERE), "").unwrap();
            done(&["region", "add", HERE, "--again", "--dir", &dir]);
        } else {
            done(&["region", "add", HERE, "--dir", &dir]);
        }
        is_well(&dir);
    }
    done(&["region", "remove", THERE, "--dir", &dir]);
    assert_eq!(wrapped(&world, &ids).await, vec![[HERE]]);
    assert_eq!(found(&world, &company, &["amina"]).await, [200]);
}

#[tokio::test]
async fn status_and_doctor_report_a_region_that_does_not_open_its_data_itself() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    register(&world, &company, &["amina"]).await;
    rekey(&world, HERE);
    assert_eq!(found(&world, &company, &["amina"]).await, [200, 200], "the other region's key opens everything");
    for words in [&["status"][..], &["status", "--fast"], &["doctor"]] {
        let output = run(&[words, &["--dir", &dir]].concat());
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        for part in
            ["does not open the deployment's secrets", "does not open 2 of 2 sampled parts", "re-encrypt eu-west-1"]
        {
            assert!(said.contains(part), "{words:?}: {part}: {said}");
        }
    }
    done(&["re-encrypt", HERE, "--dir", &dir]);
    done(&["doctor", "--dir", &dir]);
    is_well(&dir);
}

#[tokio::test]
async fn a_removal_first_has_the_regions_that_stay_open_everything_themselves() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let names = ["amina", "baraka", "chausiku"];
    let ids = register(&world, &company, &names).await;
    rekey(&world, HERE);
    let removed = ask(&["region", "remove", THERE, "--dir", &dir]);
    assert_eq!(removed["unreadable_parts"], 0, "{removed}");
    assert_eq!(wrapped(&world, &ids).await, vec![[HERE]; 3]);
    assert_eq!(found(&world, &company, &names).await, [200; 3]);
    is_well(&dir);
    assert_eq!(ask(&["region", "remove", THERE, "--dir", &dir])["keys_dropped"], 0, "again");
}

#[tokio::test]
async fn a_removal_that_would_lose_data_changes_nothing_and_can_be_repeated() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let ids = register(&world, &company, &["amina"]).await;
    let rings = [HERE, THERE].map(|name| fs::read(ring(&world, name)).unwrap());
    let both = vec![[THERE, HERE]];
    let listed = || {
        let list = ask(&["region", "list", "--dir", &dir]);
        list["regions"].as_array().unwrap().iter().map(|region| region["name"].clone()).collect::<Vec<Value>>()
    };
    // No region opens the secrets.
    rekey(&world, HERE);
    rekey(&world, THERE);
    for lost in [&["--lost"][..], &["--lost", "--accept-loss"], &[]] {
        let output = run(&[&["region", "remove", THERE, "--dir", &dir], lost].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("no region's KMS key unwraps"), "{lost:?}: {said}");
        assert_eq!(listed(), [HERE, THERE]);
        assert_eq!(wrapped(&world, &ids).await, both);
    }
    // The region that leaves has its key again, so it opens everything for the other one.
    fs::write(ring(&world, THERE), &rings[1]).unwrap();
    let lost = run(&["status", "--dir", &dir]);
    assert!(text(&lost.stderr).contains("not the key ring"), "{}", text(&lost.stderr));
    world.rekey(THERE);
    done(&["region", "remove", THERE, "--dir", &dir]);
    assert_eq!(wrapped(&world, &ids).await, vec![[HERE]]);
    assert_eq!(found(&world, &company, &["amina"]).await, [200]);
}

#[tokio::test]
async fn a_lost_region_is_not_removed_while_only_its_key_opens_parts() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let ids = register(&world, &company, &["amina"]).await;
    rekey(&world, HERE);
    {
        // As an interrupted re-encryption leaves it: the secrets are wrapped by the new key, the parts are not.
        let homes = Deployment::open(dir.as_ref()).unwrap().homes(None);
        let secrets = SharedSecrets::new(&homes, KeyRing::new(&homes[0], 300));
        assert!(secrets.wrap_where_unopened(None).await.unwrap());
    }
    let remove = ["region", "remove", THERE, "--lost", "--dir", &dir];
    let output = run(&remove);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("no KMS key opens 2 parts"), "{said}");
    assert!(said.contains(&format!("{}/profile", ids[0])) && said.contains("--accept-loss"), "{said}");
    assert_eq!(ask(&["region", "list", "--dir", &dir])["regions"].as_array().unwrap().len(), 2);
    assert_eq!(wrapped(&world, &ids).await, vec![[THERE, HERE]]);

    let output = run(&[&remove[..], &["--accept-loss", "--json"]].concat());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &said["unreadable_parts"], &said["keys_dropped"]),
        (Some(1), &json!(2), &json!(0))
    );
    assert_eq!(wrapped(&world, &ids).await, vec![[THERE, HERE]], "the entries stay");
}

#[tokio::test]
async fn a_stopped_removal_continues_or_is_taken_back() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    register(&world, &company, &["amina"]).await;
    // No time to finish: the region does not serve and is still listed.
    let config = world.file("d/deployment.json");
    let mut stored: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    stored["regions"][1]["state"] = json!("leaving");
    fs::write(&config, stored.to_string()).unwrap();
    let output = run(&["region", "add", THERE, "--dir", &dir]);
    assert!(text(&output.stderr).contains("region thaw"), "{}", text(&output.stderr));
    assert_eq!(ask(&["region", "thaw", THERE, "--dir", &dir])["thawed"], true);
    assert_eq!(found(&world, &company, &["amina"]).await, [200, 200]);
    fs::write(&config, stored.to_string()).unwrap();
    done(&["region", "remove", THERE, "--dir", &dir]);
    assert_eq!(found(&world, &company, &["amina"]).await, [200]);
}

#[test]
fn an_unknown_region_is_not_removed_and_the_known_ones_are_named() {
    let world = World::new();
    let dir = world.deployment();
    for words in [
        &["region", "remove", "af-soth-1"][..],
        &["region", "remove", "af-soth-1", "--lost"],
        &["region", "freeze", "af-soth-1"],
    ] {
        let output = run(&[words, &["--dir", &dir]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains("af-soth-1") && said.contains("eu-west-1, af-south-1"), "{words:?}: {said}");
        assert!(text(&output.stdout).is_empty());
    }
}
