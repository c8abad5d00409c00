//! `umoja sessions`.

use serde_json::json;

use crate::source::{fails, world};
use crate::support::{done, json as ask};

const ROW: &str = r#"{"user_id": "1", "email": "amina@example.com"}"#;
const ID: &str = "hV2fXyC1sJ0Qm8w3TnZkLQ";
/// One of 64 ids begins like an option.
const HYPHEN: &str = "-7_aAnOHmt79RSlq-6Bovw";

#[test]
fn sessions_are_listed_and_ended() {
    let (world, dir) = world();
    let rows = world.file("amina.ndjson");
    std::fs::write(&rows, ROW).unwrap();
    done(&["import", rows.to_str().unwrap(), "--format", "auth0", "--company", "soko", "--dir", &dir]);
    let user = "amina@example.com";
    let listed = ask(&["sessions", "list", user, "--dir", &dir]);
    assert_eq!((&listed["active"], &listed["sessions"]), (&json!(true), &json!([])));
    for id in [ID, HYPHEN] {
        fails(&["sessions", "end", user, "--session", id, "--dir", &dir], "knows no session");
        fails(&["factors", "remove", user, "--factor", id, "--by", "support", "--dir", &dir], "knows no factor");
    }
    assert_eq!(ask(&["sessions", "end", user, "--all", "--dir", &dir])["ended"], json!([]));
    fails(&["sessions", "end", "cay@example.com", "--all", "--dir", &dir], "no such user");
}
