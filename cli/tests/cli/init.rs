//! `umoja init`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{World, done, json, path, run, text};

fn all_files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in dir.read_dir().unwrap() {
        let entry = entry.unwrap().path();
        found.push(entry.clone());
        if entry.is_dir() {
            all_files(&entry, found);
        }
    }
}

#[test]
fn a_second_init_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = path(dir.path());
    assert_eq!(json(&["init", "--dir", dir, "--regions", "a,b,c"])["created"], true);
    let before = std::fs::read(Path::new(dir).join("deployment.json")).unwrap();
    assert_eq!(json(&["init", "--dir", dir])["created"], false);
    assert_eq!(json(&["init", "--dir", dir, "--regions", "c,a,b"])["created"], false);
    assert_eq!(std::fs::read(Path::new(dir).join("deployment.json")).unwrap(), before);
}

#[test]
fn init_rejects_different_regions() {
    let world = World::new();
    for regions in ["eu-west-1", "eu-west-1,af-south-1,us-east-1", "eu-west-1,us-east-1"] {
        let rejected = run(&["init", "--dir", &world.deployment(), "--regions", regions]);
        assert_eq!(rejected.status.code(), Some(1), "{regions}");
        assert!(text(&rejected.stderr).contains("eu-west-1, af-south-1"));
    }
    assert_eq!(run(&["init", "--dir", &world.deployment(), "--regions", "a,a"]).status.code(), Some(1));
}

#[test]
fn the_next_init_completes_an_interrupted_one() {
    let world = World::new();
    let dir = world.deployment();
    for lost in ["deployment.json", "eu-west-1/region.sqlite", "eu-west-1/region.sqlite-wal"] {
        std::fs::remove_file(Path::new(&dir).join(lost)).unwrap();
    }
    std::fs::remove_dir_all(Path::new(&dir).join("af-south-1")).unwrap();
    assert_eq!(json(&["init", "--dir", &dir])["created"], true);
    let _served = world.serve();
    let status = json(&["status", "--dir", &dir]);
    assert_eq!(status["regions"].as_array().unwrap().len(), 2);
}

#[test]
fn lost_settings_are_made_again_only_for_regions_that_exist() {
    let world = World::new();
    let dir = world.deployment();
    let (settings, lost) = (Path::new(&dir).join("deployment.json"), Path::new(&dir).join("af-south-1"));
    std::fs::remove_file(&settings).unwrap();
    std::fs::rename(&lost, world.file("aside")).unwrap();
    let rejected = run(&["init", "--dir", &dir]);
    let said = text(&rejected.stderr);
    assert!(rejected.status.code() == Some(1) && said.contains("umoja region add af-south-1"), "{said}");
    assert!(!settings.exists() && !lost.exists());
    std::fs::rename(world.file("aside"), &lost).unwrap();
    assert_eq!(json(&["init", "--dir", &dir])["created"], false);
    done(&["doctor", "--dir", &dir]);
}

#[test]
fn only_the_owner_can_read_the_directory() {
    let world = World::new();
    world.company("soko");
    drop(world.serve());
    let root = world.deployment();
    let mut files = vec![root.clone().into()];
    all_files(Path::new(&root), &mut files);
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if file.is_dir() { 0o700 } else { 0o600 }, "{}", file.display());
    }
}

#[test]
fn an_existing_directory_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    done(&["init", "--dir", path(dir.path())]);
    assert_eq!(dir.path().metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(dir.path().join("eu-west-1").metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn lost_settings_are_named_when_they_are_restored() {
    let world = World::new();
    let dir = world.deployment();
    done(&["audit", "keep", "--days", "400", "--dir", &dir]);
    let delete = |region: &str| {
        let database = rusqlite::Connection::open(format!("{dir}/{region}/region.sqlite")).unwrap();
        database.execute("DELETE FROM settings", []).unwrap();
    };
    delete("eu-west-1");
    let said = done(&["init", "--dir", &dir]);
    for words in ["eu-west-1: the secrets were missing", "eu-west-1: the setting `audit` was missing"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(done(&["init", "--dir", &dir]).contains("nothing changed"));
    assert!(done(&["doctor", "--dir", &dir]).contains("Nothing is wrong."));
}

#[tokio::test]
async fn secrets_that_every_region_has_lost_are_not_replaced_where_users_are() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("soko");
    let served = world.serve();
    let body = serde_json::json!({ "email": "amina@example.com", "password": "a good one" });
    crate::support::client(&served.urls[0], &company).call("register", body).await.unwrap();
    drop(served);
    for region in ["eu-west-1", "af-south-1"] {
        let database = rusqlite::Connection::open(format!("{dir}/{region}/region.sqlite")).unwrap();
        database.execute("DELETE FROM settings", []).unwrap();
    }
    let output = run(&["init", "--dir", &dir]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no region has the deployment's secrets"), "{}", text(&output.stderr));
}
