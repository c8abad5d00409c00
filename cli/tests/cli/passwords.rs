//! `umoja passwords`, and how a server uses the list.

use serde_json::json;
use umoja_crypto::Password;

use crate::support::{World, client, done, path, run, run_with_input, text};

/// Lines of the public list, in the list's order.
fn public(passwords: &[&str]) -> String {
    let line = |text: &&str| format!("{}:3\r\n", hex::encode_upper(Password::attempt(text).breach_hashes()[0]));
    let mut lines: Vec<String> = passwords.iter().map(line).collect();
    lines.sort();
    lines.concat()
}

#[tokio::test]
async fn breached_passwords_are_rejected_also_after_a_restart() {
    let world = World::new();
    let company = world.company("soko");
    let (public_list, list) = (world.file("public"), world.file("breached"));
    std::fs::write(&public_list, public(&["correct horse battery staple", "something else"])).unwrap();
    let said = done(&["passwords", "build", "--from", path(&public_list), "--out", path(&list)]);
    assert!(said.contains("holds 2 of 2 passwords"), "{said}");
    for arguments in [&["--breached-passwords", path(&list)][..], &[]] {
        let served = world.serve_with(arguments);
        let here = client(&served.urls[0], &company);
        let body = |password: &str| json!({ "username": "amina", "password": password });
        let rejected = here.call("register", body("correct horse battery staple")).await.unwrap();
        assert_eq!((rejected.status, rejected.code()), (422, Some("password_breached")));
        assert_eq!(here.call("authenticate", body("correct horse battery staple")).await.unwrap().status, 200);
    }
    let served = world.serve();
    let here = client(&served.urls[0], &company);
    let body = json!({ "username": "amina", "password": "correct horse battery stapler" });
    assert_eq!(here.call("register", body).await.unwrap().status, 201);
}

#[test]
fn a_failed_list_leaves_no_file_and_replaces_none() {
    let world = World::new();
    let list = world.file("breached");
    let arguments = ["passwords", "build", "--from", "-", "--out", path(&list)];
    let output = run_with_input(&arguments, &(public(&["one"]) + "not a line\n"));
    assert!(!output.status.success() && text(&output.stderr).contains("line 2 is not"), "{}", text(&output.stderr));
    assert!(!list.exists());
    assert!(run_with_input(&arguments, &public(&["one"])).status.success());
    assert!(!run_with_input(&arguments, &public(&["two"])).status.success());
    // A server does not start without the list that it is configured to use.
    std::fs::write(&list, "cut").unwrap();
    let output = run(&["serve", "--dir", &world.deployment(), "--breached-passwords", path(&list)]);
    assert!(!output.status.success() && text(&output.stderr).contains("not a list of breached passwords"));
}
