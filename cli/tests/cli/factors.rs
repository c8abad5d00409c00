//! `umoja factors`.

use serde_json::json;

use crate::source::{fails, world};
use crate::support::{done, json as ask};

const ROW: &str = r#"{"id": "1", "mail": "amina@example.com", "second": [
    {"type": "totp", "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "label": "Amina's phone"},
    {"type": "passkey", "credential_id": "AAECAw", "rp_id": "login.example",
     "public_key": "pAEBAycgBiFYINdamAGCsQq31Uv-08lkBzoO4XLz2qYjJa8CGmj3B1Ea"}
]}"#;
const MAPPING: &str = r#"{"external_id": "id", "email": "mail", "email_verified": true, "factors": "second"}"#;

#[test]
fn imported_factors_are_listed_and_removed_and_the_audit_trail_says_by_whom() {
    let (world, dir) = world();
    let (rows, mapping) = (world.file("amina.ndjson"), world.file("mapping.json"));
    std::fs::write(&rows, ROW.replace('\n', " ")).unwrap();
    std::fs::write(&mapping, MAPPING).unwrap();
    let import = ["import", rows.to_str().unwrap(), "--format", "ndjson", "--mapping", mapping.to_str().unwrap()];
    let import =
        [&import[..], &["--company", "soko", "--issuer", "https://login.example:8443", "--dir", &dir]].concat();
    let planned = ask(&[&import[..], &["--dry-run"]].concat());
    let imported = ask(&import);
    assert_eq!(
        (&planned["factors"], &imported["factors"]),
        (&imported["factors"], &json!({ "passkey": 1, "totp": 1 }))
    );
    let user = "amina@example.com";
    let listed = ask(&["factors", "list", user, "--dir", &dir]);
    let mut kinds: Vec<_> = listed["factors"].as_array().unwrap().iter().map(|factor| factor["kind"].clone()).collect();
    kinds.sort_by_key(ToString::to_string);
    assert_eq!((kinds, &listed["recovery_codes_left"]), (vec![json!("passkey"), json!("totp")], &json!(0)));
    assert!(listed.to_string().contains("Amina's phone"), "the person says by its name which one is lost: {listed}");
    let id = listed["factors"][0]["id"].as_str().unwrap();
    let remove = ["factors", "remove", user, "--by", "support", "--dir", &dir];
    let removed = ask(&[&remove[..], &["--factor", id]].concat());
    assert_eq!(removed["removed"][0]["id"], id);
    fails(&[&remove[..], &["--factor", id]].concat(), "knows no factor");
    assert_eq!(ask(&[&remove[..], &["--all"]].concat())["removed"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&[&remove[..], &["--all"]].concat())["removed"], json!([]));
    fails(&["factors", "remove", user, "--all", "--dir", &dir], "--by");
    fails(&["factors", "remove", "cay@example.com", "--all", "--by", "support", "--dir", &dir], "no such user");
    assert!(done(&["factors", "list", user, "--dir", &dir]).contains("no second factor"));
    let id = listed["user"].as_str().unwrap();
    let trail = ask(&["audit", "show", id, "--dir", &dir]).to_string();
    for said in ["factor_added", "factor_removed", "factors remove", "\"operator\":\"support\""] {
        assert!(trail.contains(said), "{said}: {trail}");
    }
}
