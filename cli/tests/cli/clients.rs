//! `umoja client` and `umoja rotate oidc-key`.

use serde_json::{Value, json};

use crate::source::{fails, world};
use crate::support::{done, json as ask, path};

const URI: &str = "https://soko.example/callback";

fn add(dir: &str, id: &str, more: &[&str]) -> Value {
    ask(&[&["client", "add", id, "--company", "soko", "--redirect-uri", URI, "--dir", dir], more].concat())
}

fn shown(dir: &str, id: &str) -> Value {
    ask(&["client", "show", id, "--dir", dir])
}

#[test]
fn a_client_gets_its_secret_once_and_a_second_one_beside_it() {
    let (world, dir) = world();
    let secret = add(&dir, "soko-web", &[])["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 43);
    let listed = done(&["client", "list", "--dir", &dir, "--json"]) + &shown(&dir, "soko-web").to_string();
    assert!(!listed.contains(&secret) && !listed.contains("sha256"), "{listed}");
    let file = std::path::Path::new(&dir).with_extension("secret.json");
    ask(&["client", "rotate", "soko-web", "--dir", &dir, "--out", path(&file)]);
    let issued: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_ne!(issued["client_secret"], secret);
    assert_eq!(shown(&dir, "soko-web")["secrets"].as_array().unwrap().len(), 2);
    ask(&["client", "rotate", "soko-web", "--dir", &dir]);
    assert_eq!(shown(&dir, "soko-web")["secrets"].as_array().unwrap().len(), 2);
    ask(&["client", "rotate", "soko-web", "--overlap-secs", "0", "--dir", &dir]);
    assert_eq!(shown(&dir, "soko-web")["secrets"], json!([{ "ends_at": null }]));
    std::fs::remove_file(file).unwrap();
    drop(world);
}

#[test]
fn a_client_is_changed_disabled_and_removed() {
    let (_world, dir) = world();
    let public = add(&dir, "soko-app", &["--public"]);
    assert_eq!((&public["kind"], public.get("client_secret")), (&json!("public"), None));
    fails(&["client", "rotate", "soko-app", "--dir", &dir], "has no secret");
    done(&[
        "client",
        "set",
        "soko-app",
        "--redirect-uri",
        "http://127.0.0.1:*/cb",
        "--id-token-alg",
        "RS256",
        "--dir",
        &dir,
    ]);
    let client = shown(&dir, "soko-app");
    assert_eq!(client["redirect_uris"], json!(["http://127.0.0.1:*/cb"]));
    assert_eq!(client["id_token_signed_response_alg"], "RS256");
    fails(&["client", "remove", "soko-app", "--dir", &dir], "is not disabled");
    done(&["client", "disable", "soko-app", "--dir", &dir]);
    assert_eq!(shown(&dir, "soko-app")["enabled"], false);
    done(&["client", "remove", "soko-app", "--dir", &dir]);
    fails(&["client", "show", "soko-app", "--dir", &dir], "there is no client soko-app");
    // What named the removed client would count for another one.
    let again = ["client", "add", "soko-app", "--dir", &dir, "--company", "soko", "--redirect-uri", URI];
    fails(&again, "its id is not given again");
}

#[test]
fn an_audience_is_of_one_company() {
    let (_world, dir) = world();
    done(&["company", "add", "duka", "--dir", &dir, "--scopes", "all"]);
    let audience = ["--audience", "https://orders.soko.example"];
    add(&dir, "soko-web", &audience);
    add(&dir, "soko-api", &audience);
    let other = ["client", "add", "duka-web", "--company", "duka", "--redirect-uri", URI, "--dir", &dir];
    fails(&[&other[..], &audience].concat(), "is that of soko-");
    done(&other);
    fails(&[&["client", "set", "duka-web", "--dir", &dir], &audience[..]].concat(), "is that of soko-");
    done(&["client", "set", "duka-web", "--dir", &dir, "--audience", "https://orders.duka.example"]);
}

#[test]
fn a_slip_in_a_grant_or_a_scope_is_answered_with_what_there_is() {
    let (_world, dir) = world();
    let add_fails = |more: &[&str], words: &str| {
        let add = ["client", "add", "soko-web", "--company", "soko", "--redirect-uri", URI, "--dir", &dir];
        fails(&[&add, more].concat(), words);
    };
    add_fails(&["--grant", "code"], "give authorization_code, refresh_token, client_credentials or device_code");
    for (slip, meant) in
        [("emial", "email"), ("opneid", "openid"), ("Profile", "profile"), ("offline-access", "offline_access")]
    {
        add_fails(&["--scopes", &format!("openid,{slip}")], &format!("did you mean {meant}?"));
    }
    add_fails(&["--audience", "a b"], "without spaces");
    add(&dir, "soko-web", &["--scopes", "openid,orders.read,mailbox"]);
}

#[test]
fn what_no_client_can_be_is_rejected() {
    let (_world, dir) = world();
    let add_fails = |more: &[&str], words: &str| {
        fails(&[&["client", "add", "soko-web", "--dir", &dir], more].concat(), words);
    };
    add_fails(&["--company", "other", "--redirect-uri", URI], "there is no company");
    add_fails(&["--company", "soko"], "needs a redirect URI");
    add_fails(&["--company", "soko", "--redirect-uri", "http://soko.example/"], "https://HOST/PATH");
    let callback = |more: &str| format!("{URI}{more}");
    add_fails(&["--company", "soko", "--redirect-uri", &callback("?code=1")], "the answer adds these");
    add_fails(&["--company", "soko", "--redirect-uri", &callback(";x")], "no semicolon");
    add_fails(&["--company", "soko", "--redirect-uri", "https://a@soko.example/"], "no user before its host");
    let after = callback("#x");
    add_fails(&["--company", "soko", "--redirect-uri", URI, "--post-logout-redirect-uri", &after], "no fragment");
    add_fails(&["--company", "soko", "--redirect-uri", URI, "--auth-method", "private_key_jwt"], "needs either");
    add_fails(&["--company", "soko", "--redirect-uri", URI, "--pairwise", "10.0.0.1"], "sector identifier");
    add(&dir, "soko-web", &[]);
    add_fails(&["--company", "soko", "--redirect-uri", URI], "exists already");
}

#[test]
fn keys_are_published_for_a_week_before_they_sign_unless_that_is_forced() {
    let (_world, dir) = world();
    fails(&["rotate", "oidc-key", "--dir", &dir], "may sign from");
    let first = ask(&["rotate", "oidc-key", "--force", "--dir", &dir]);
    let second = ask(&["rotate", "oidc-key", "--force", "--alg", "ES256", "--dir", &dir]);
    assert_eq!((first["made"].clone(), first["rotated"].as_array().unwrap().len()), (json!([]), 2));
    assert_eq!(second["rotated"][0]["kid"], first["rotated"][0]["next"]);
    done(&["doctor", "--dir", &dir]);
}
