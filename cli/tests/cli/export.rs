//! `umoja export`, and the import of its file.

use std::process::Command;

use serde_json::{Value, json};
use umoja_cli::CompanyFile;

use crate::support::{World, client, done, json as ask, path, run, text};

/// From the tests of crypt_blowfish: the password is `U*U`.
const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// A registered user, an imported user, and a duplicate of the first.
async fn populate(world: &World, company: &CompanyFile) -> Value {
    let dir = world.deployment();
    let file = world.file("users.ndjson");
    let imported =
        json!({ "user_id": "auth0|7", "email": "bob@example.com", "password_hash": BCRYPT, "blocked": false });
    std::fs::write(&file, format!("{imported}\n")).unwrap();
    done(&["import", path(&file), "--format", "auth0", "--company", "soko", "--dir", &dir]);
    let served = world.serve();
    let here = client(&served.urls[0], company);
    let ada = json!({
        "email": "Ada@example.com", "email_verified": true, "phone_number": "+254712123456", "external_id": "7",
        "password": "correct horse battery", "profile": { "given_name": "Ada", "custom": { "size": 4 } },
    });
    let ada = here.call("register", ada).await.unwrap().body["user"]["id"].clone();
    let twin = here.call("register", json!({ "username": "countess" })).await.unwrap().body["user"]["id"].clone();
    let merged = here.call("merge", json!({ "survivor": ada, "duplicate": twin })).await.unwrap();
    assert_eq!(merged.status, 200, "{:?}", merged.code());
    json!([shown(&here, json!({ "id": ada })).await, shown(&here, json!({ "email": "bob@example.com" })).await])
}

/// A user as callers see it, without the members that depend on the deployment.
async fn shown(here: &umoja_cli::Client, selector: Value) -> Value {
    let found = here.call("lookup", selector).await.unwrap();
    assert_eq!(found.status, 200);
    let mut user = found.body["user"].clone();
    for name in ["version", "updated_at"] {
        user.as_object_mut().unwrap().remove(name);
    }
    user
}

async fn is_as_before(world: &World, company: &CompanyFile, before: &Value) {
    let served = world.serve();
    let here = client(&served.urls[0], company);
    let ada = shown(&here, json!({ "username": "countess" })).await;
    let bob = shown(&here, json!({ "external_id": "auth0|7" })).await;
    assert_eq!(json!([ada, bob]), *before);
    for (email, password) in [("ada@example.com", "correct horse battery"), ("bob@example.com", "U*U")] {
        let login = here.call("authenticate", json!({ "email": email, "password": password })).await.unwrap();
        assert_eq!(login.body["authenticated"], true, "{email}");
        let login = here.call("authenticate", json!({ "email": email, "password": "another" })).await.unwrap();
        assert_eq!(login.body["authenticated"], false, "{email}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exported_users_can_be_imported_and_log_in() {
    let (here, there) = (World::new(), World::new());
    let (company, other) = (here.company("soko"), there.company("soko"));
    let before = populate(&here, &company).await;
    let file = here.file("export.ndjson");
    let said = ask(&["export", path(&file), "--plain", "--dir", &here.deployment()]);
    assert_eq!((&said["users"], &said["unreadable"]), (&json!(3), &json!(0)));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let words = ["import", path(&file), "--format", "umoja", "--dir", &there.deployment()];
    assert_eq!(ask(&[&words[..], &["--dry-run"]].concat())["created"], 3);
    let said = ask(&words);
    assert_eq!((&said["created"], &said["hashes"]), (&json!(3), &json!({ "umoja": 1, "umoja-old": 1 })));
    assert_eq!(ask(&words)["already_there"], 3);
    is_as_before(&there, &other, &before).await;
    // An existing file is not overwritten.
    assert_eq!(run(&["export", path(&file), "--plain", "--dir", &here.deployment()]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_company_export_has_only_its_users() {
    let world = World::new();
    let company = world.company("soko");
    populate(&world, &company).await;
    world.company("duka");
    let export = |company: &str, name: &str| {
        let file = world.file(name);
        ask(&["export", path(&file), "--plain", "--company", company, "--dir", &world.deployment()])["users"].clone()
    };
    assert_eq!([export("soko", "a"), export("duka", "b")], [json!(3), json!(0)]);
    let none = world.file("none");
    let output = run(&["export", path(&none), "--plain", "--company", "nosuch", "--dir", &world.deployment()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no company nosuch") && !none.exists());
    let output = run(&["export", "-", "--plain", "--dir", &world.deployment()]);
    assert_eq!(text(&output.stdout).lines().count(), 4);
    assert!(text(&output.stdout).starts_with(r#"{"umoja_export":1,"#));
}

#[test]
fn an_unencrypted_export_must_be_requested_explicitly() {
    let world = World::new();
    let (file, dir) = (world.file("x"), world.deployment());
    for more in [&[][..], &["--plain", "--recipient", "age1x"]] {
        let words = [&["export", path(&file), "--dir", &dir], more].concat();
        assert_eq!(run(&words).status.code(), Some(2));
    }
    let words = ["export", path(&file), "--recipient", "unknown", "--dir", &dir];
    assert_eq!(run(&words).status.code(), Some(1));
    assert!(!file.exists(), "a failed export leaves no file");
    let output = run(&["import", path(&file), "--format", "umoja", "--company", "soko", "--dir", &dir]);
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "a skipped test reports it")]
async fn an_encrypted_export_opens_only_with_the_identity() {
    let Ok(key) = Command::new("age-keygen").output() else {
        println!("skipped: age is not installed");
        return;
    };
    let (here, there) = (World::new(), World::new());
    let (company, other) = (here.company("soko"), there.company("soko"));
    let before = populate(&here, &company).await;
    let (identity, file) = (here.file("key.txt"), here.file("users.age"));
    std::fs::write(&identity, &key.stdout).unwrap();
    let key = text(&key.stdout);
    let recipient = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    assert_eq!(ask(&["export", path(&file), "--recipient", recipient, "--dir", &here.deployment()])["users"], 3);
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n") && !bytes.windows(7).any(|some| some == b"example"));
    let dir = there.deployment();
    let words = ["import", path(&file), "--format", "umoja", "--identity", path(&identity), "--dir", &dir];
    // A truncated file is rejected.
    std::fs::write(&file, &bytes[..bytes.len() - 20]).unwrap();
    assert_eq!(run(&words).status.code(), Some(1));
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(ask(&words)["rejected"], 0);
    is_as_before(&there, &other, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_to_companies_that_do_not_exist_are_reported() {
    let world = World::new();
    let company = world.company("soko");
    populate(&world, &company).await;
    let file = world.file("all.ndjson");
    ask(&["export", path(&file), "--plain", "--dir", &world.deployment()]);
    let other = World::new();
    let output = run(&["import", path(&file), "--format", "umoja", "--dir", &other.deployment()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("links to companies that do not exist: soko 3"), "{said}");
}
