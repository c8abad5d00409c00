//! `umoja user`, `umoja company unlink`, `umoja requests` and `umoja verify`, by the built binary.

use serde_json::{Value, json};

use crate::support::{World, client, done, json as ask, path, run, run_with_input, text};

/// A run that fails with 1, and what it says.
fn fails(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

#[tokio::test]
async fn support_finds_a_person_sees_the_lock_out_and_unlocks_in_every_region() {
    let world = World::new();
    let (soko, duka, dir) = (world.company("soko"), world.company("duka"), world.deployment());
    let served = world.serve();
    let (here, there) = (client(&served.urls[0], &soko), client(&served.urls[0], &duka));
    let (email, right) = ("amina@example.com", "a good one");
    let body = json!({ "email": email, "email_verified": true, "password": right, "external_id": "4711",
        "profile": { "given_name": "Amina" } });
    let id = here.call("register", body).await.unwrap().body["user"]["id"].as_str().unwrap().to_owned();
    let login = json!({ "email": email, "password": right });
    assert_eq!(there.call("authenticate", login.clone()).await.unwrap().body["authenticated"], true);

    for (named, by) in [(&*id, "id"), (email, "email"), ("4711", "external_id")] {
        let found = ask(&["user", "find", named, "--dir", &dir]);
        assert_eq!((&found["users"][0]["id"], &found["users"][0]["by"]), (&json!(id), &json!(by)));
    }
    let own = ask(&["user", "find", "4711", "--company", "soko", "--dir", &dir]);
    assert_eq!(own["users"][0]["company"], "soko");
    assert!(fails(&["user", "find", "4711", "--company", "duka", "--dir", &dir]).contains("no such user"));
    assert!(fails(&["user", "why", "bob@example.com", "--dir", &dir]).contains("no such user"));

    for _ in 0..5 {
        let wrong = json!({ "email": email, "password": "a wrong one" });
        assert_eq!(here.call("authenticate", wrong).await.unwrap().body["authenticated"], false);
    }
    let why = ask(&["user", "why", email, "--dir", &dir]);
    assert_eq!((&why["id"], &why["status"], &why["password"]), (&json!(id), &json!("active"), &json!("own")));
    let locked = |why: &Value| {
        let regions = why["regions"].as_array().unwrap().clone();
        regions.iter().filter(|region| region["failed_attempts"] != json!([])).count()
    };
    assert_eq!(locked(&why), 1, "{why}");
    assert!(why["companies"]["soko"]["stated"].as_array().unwrap().contains(&json!("profile.given_name")));
    let said = done(&["user", "why", &id, "--dir", &dir]);
    assert!(said.contains("5 failed attempts by email") && !said.contains("amina"), "{said}");
    let unlocked = ask(&["user", "unlock", email, "--by", "support", "--dir", &dir]);
    assert_eq!(unlocked["regions"].as_array().unwrap().len(), 2);
    assert_eq!(locked(&ask(&["user", "why", email, "--dir", &dir])), 0);
    assert_eq!(here.call("authenticate", login).await.unwrap().body["authenticated"], true);
    let trail = ask(&["audit", "show", &id, "--dir", &dir])["events"].clone();
    let unlocked = trail.as_array().unwrap().iter().find(|event| event["event"] == "unlocked").unwrap();
    assert_eq!((&unlocked["by"], &unlocked["operator"]), (&json!("operator"), &json!("support")));

    let unlinked = ask(&["company", "unlink", "soko", email, "--by", "privacy", "--dir", &dir]);
    assert_eq!(unlinked["gone"], json!(["external_id.soko", "profile.given_name"]));
    assert!(fails(&["company", "unlink", "duka", email, "--dir", &dir]).contains("the only company"));
    assert_eq!(ask(&["company", "unlink", "soko", email, "--dir", &dir])["unlinked"], json!([]));
}

#[tokio::test]
async fn a_held_person_is_erased_after_its_release_and_the_receipt_verifies_after_a_rotation() {
    let world = World::new();
    let (soko, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let here = client(&served.urls[0], &soko);
    let (email, name) = ("amina@example.com", "<b>Amina</b>");
    let body = json!({ "email": email, "password": "a good one", "profile": { "given_name": name } });
    let id = here.call("register", body).await.unwrap().body["user"]["id"].as_str().unwrap().to_owned();

    let (html, plain) = (world.file("amina.html"), world.file("amina.json"));
    done(&[
        "user",
        "export",
        email,
        "--html",
        "--language",
        "sw",
        "--company",
        "soko",
        "--out",
        path(&html),
        "--dir",
        &dir,
    ]);
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(
        page.contains("&lt;b&gt;Amina&lt;/b&gt;") && !page.contains(name) && page.contains("lang=\"sw\""),
        "{page}"
    );
    done(&["user", "export", &id, "--out", path(&plain), "--by", "privacy", "--dir", &dir]);
    let exported: Value = serde_json::from_slice(&std::fs::read(&plain).unwrap()).unwrap();
    assert_eq!((&exported["user"]["email"], &exported["user"]["id"]), (&json!(email), &json!(id)));

    let held =
        ["user", "hold", email, "--reason", "case 4711", "--until", "2999-01-01", "--by", "legal", "--dir", &dir];
    assert_eq!(ask(&held)["users"], json!([id]));
    let why = done(&["user", "why", email, "--dir", &dir]);
    assert!(why.contains("case 4711"), "{why}");
    let rejected = here.call("erase", json!({ "id": id })).await.unwrap();
    assert_eq!((rejected.status, rejected.code()), (409, Some("user_held")));
    assert!(rejected.body["detail"].as_str().unwrap().contains("2999-01-01"));
    let past = run(&["user", "hold", email, "--reason", "x", "--until", "2001-01-01", "--dir", &dir]);
    assert_eq!(past.status.code(), Some(2));
    assert_eq!(ask(&["user", "release", &id, "--by", "legal", "--dir", &dir])["was_held"], true);
    assert_eq!(here.call("erase", json!({ "id": id })).await.unwrap().status, 202);

    let receipt = world.file("receipt.jwt");
    crate::support::until("a complete receipt", || {
        let output = run(&["user", "receipt", &id, "--dir", &dir]);
        (output.status.code() == Some(0)).then_some(())
    });
    done(&["user", "receipt", &id, "--save", path(&receipt), "--dir", &dir]);
    assert!(fails(&["user", "receipt", "0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f", "--dir", &dir]).contains("no receipt"));
    drop(served);
    done(&["rotate", "signing-key", "--dir", &dir]);
    let verified = ask(&["verify", path(&receipt), "--dir", &dir]);
    assert_eq!((&verified["kid"], &verified["claims"]["receipt"]["id"]), (&json!("umoja-1"), &json!(id)));
    assert!(verified["retired_at"].is_string(), "{verified}");
    let served = world.serve();
    assert_eq!(ask(&["verify", path(&receipt), "--url", &served.urls[1]])["genuine"], true);
    drop(served);
    let forged = world.file("forged.jwt");
    let mut content = std::fs::read(&receipt).unwrap();
    let last = content.len() - 20;
    content[last] = if content[last] == b'A' { b'B' } else { b'A' };
    std::fs::write(&forged, content).unwrap();
    assert!(fails(&["verify", path(&forged), "--dir", &dir]).contains("not genuine"));
    assert!(done(&["audit", "show", &id, "--dir", &dir]).contains("erased"));
}

#[tokio::test]
async fn a_rejected_request_is_shown_by_its_id() {
    let world = World::new();
    let (soko, dir) = (world.company("soko"), world.deployment());
    let served = world.serve();
    let here = client(&served.urls[1], &soko);
    let signed = here.sign("/v1/users/lookup", json!({ "email": "bob@example.com" }), None);
    let raw = here.post("/v1/users/lookup", signed.token.clone().into()).await.unwrap();
    let id = raw.headers["request-id"].to_str().unwrap().to_owned();
    let shown = ask(&["requests", "show", &id, "--dir", &dir]);
    assert_eq!((&shown["company"], &shown["code"]), (&json!("soko"), &json!("user_not_found")));
    assert_eq!((&shown["operation"], &shown["status"]), (&json!("/v1/users/lookup"), &json!(404)));
    assert!(fails(&["requests", "show", "0123", "--dir", &dir]).contains("no such request"));
}

#[test]
fn a_signed_answer_is_kept_and_verified_without_the_deployment() {
    let world = World::new();
    let (dir, keys, answer) = (world.deployment(), world.file("duka.json"), world.file("answer.jwt"));
    done(&["company", "add", "duka", "--scopes", "all", "--out", path(&keys), "--dir", &dir]);
    let served = world.serve();
    let url = format!("{}/v1/users/lookup", served.urls[0]);
    let sign = ["sign", "--company-file", path(&keys), "--url", &url, "--send", "--save", path(&answer)];
    let sent = run_with_input(&sign, "{\"email\":\"bob@example.com\"}");
    assert_eq!(sent.status.code(), Some(1), "the answer is a problem");
    let register = url.replace("lookup", "register");
    let twice = ["sign", "--company-file", path(&keys), "--url", &register, "--send", "--save", path(&answer)];
    let rejected = run_with_input(&twice, "{\"username\":\"bob\"}");
    assert!(text(&rejected.stderr).contains("exists already; name another file with --save"));
    assert!(
        fails(&["user", "find", "bob", "--dir", &dir]).contains("no such user"),
        "nothing is sent without the file"
    );
    let published = world.file("jwks.json");
    let jwks = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let company = serde_json::from_slice(&std::fs::read(&keys).unwrap()).unwrap();
        client(&served.urls[0], &company).get("/.well-known/jwks.json").await.unwrap().body
    });
    std::fs::write(&published, jwks).unwrap();
    drop(served);
    let unanswered = world.file("unanswered.jwt");
    let sign = ["sign", "--company-file", path(&keys), "--url", &url, "--send", "--save", path(&unanswered)];
    assert_eq!(run_with_input(&sign, "{\"username\":\"bob\"}").status.code(), Some(1));
    assert!(!unanswered.exists());
    let verified = ask(&["verify", path(&answer), "--keys", path(&published)]);
    assert_eq!((&verified["kind"], &verified["claims"]["status"]), (&json!("answer"), &json!(404)));
    assert_eq!((&verified["claims"]["aud"], &verified["retired_at"]), (&json!("duka"), &Value::Null));
}
