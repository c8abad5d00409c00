//! `umoja sessions`.

use serde_json::json;

use crate::source::{fails, world};
use crate::support::{done, json as ask};

const ROW: &str = r#"{"user_id": "1", "email": "amina@example.com"}"#;
const ID: &str = "hV2fXyC1sJ0Qm8w3TnZkLQ";

#[test]
fn sessions_are_listed_and_ended() {
    let (world, dir) = world();
    let rows = world.file("amina.ndjson");
    std::fs::write(&rows, ROW).unwrap();
    done(&["import", rows.to_str().unwrap(), "--format", "auth0", "--company", "soko", "--dir", &dir]);
    let user = "amina@example.com";
    let listed = ask(&["sessions", "list", user, "--dir", &dir]);
    assert_eq!((&listed["active"], &listed["sessions"]), (&json!(true), &json!([])));
    fails(&["sessions", "end", user, "--session", ID, "--dir", &dir], "knows no session");
    assert_eq!(ask(&["sessions", "end", user, "--all", "--dir", &dir])["ended"], json!([]));
    fails(&["sessions", "end", "cay@example.com", "--all", "--dir", &dir], "no such user");
}
