//! `umoja provider`, and the providers of a client.

use serde_json::{Value, json};

use crate::source::{fails, world};
use crate::support::{done, json as ask, path};

const ISSUER: &str = "https://accounts.google.com";

fn add(dir: &str, more: &[&str]) -> Vec<String> {
    let add = ["provider", "add", "google", "--company", "soko", "--client-id", "umoja", "--dir", dir];
    [&add, more].concat().into_iter().map(str::to_owned).collect()
}

fn of(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn shown(dir: &str) -> Value {
    ask(&["provider", "show", "google", "--dir", dir])
}

#[test]
fn a_provider_is_known_in_every_region_and_its_secret_is_never_shown() {
    let (world, dir) = world();
    let file = std::path::Path::new(&dir).with_extension("provider.txt");
    std::fs::write(&file, "the-secret\n").unwrap();
    let added = ask(&of(&add(&dir, &["--issuer", ISSUER, "--client-secret-file", path(&file)])));
    assert_eq!(
        (&added["client_secret"], &added["token_endpoint_auth_method"]),
        (&json!(true), &json!("client_secret_basic"))
    );
    assert_eq!((&added["registers"], &added["scopes"]), (&json!(false), &json!(["openid", "profile", "email"])));
    let all = done(&["provider", "list", "--dir", &dir, "--json"]) + &shown(&dir).to_string();
    assert!(!all.contains("the-secret"), "{all}");
    fails(&of(&add(&dir, &["--issuer", ISSUER])), "exists already");
    ask(&[
        "provider",
        "set",
        "google",
        "--name",
        "Google",
        "--register",
        "true",
        "--auth-method",
        "client_secret_post",
        "--dir",
        &dir,
    ]);
    assert_eq!((&shown(&dir)["name"], &shown(&dir)["registers"]), (&json!("Google"), &json!(true)));
    fails(&["provider", "remove", "google", "--dir", &dir], "is not disabled");
    ask(&["provider", "disable", "google", "--dir", &dir]);
    ask(&["provider", "remove", "google", "--dir", &dir]);
    fails(&["provider", "show", "google", "--dir", &dir], "there is no provider google");
    fails(&of(&add(&dir, &["--issuer", "https://login.example"])), "is not given to another issuer");
    ask(&of(&add(&dir, &["--issuer", ISSUER])));
    std::fs::remove_file(file).unwrap();
    drop(world);
}

#[test]
fn a_provider_that_cannot_be_called_or_asked_is_rejected() {
    let (_world, dir) = world();
    fails(&of(&add(&dir, &["--issuer", "http://accounts.example"])), "https://HOST/PATH");
    fails(&of(&add(&dir, &["--issuer", "http://127.0.0.1:7400"])), "--outbound-loopback");
    fails(&of(&add(&dir, &["--issuer", "https://10.0.0.1"])), "never called");
    fails(&of(&add(&dir, &["--issuer", ISSUER, "--scopes", "email"])), "need openid");
    fails(&of(&add(&dir, &["--issuer", ISSUER, "--auth-method", "client_secret_post"])), "a provider with a secret");
    ask(&of(&add(&dir, &["--issuer", "http://127.0.0.1:7400", "--outbound-loopback"])));
}

#[test]
fn a_client_offers_providers_that_there_are() {
    let (_world, dir) = world();
    let client = ["--company", "soko", "--redirect-uri", "https://soko.example/callback", "--dir", &dir];
    let with = ["client", "add", "soko-web", "--provider", "google"];
    fails(&[&with, &client[..]].concat(), "there is no provider google");
    ask(&of(&add(&dir, &["--issuer", ISSUER])));
    ask(&[&with, &client[..]].concat());
    let providers = || ask(&["client", "show", "soko-web", "--dir", &dir])["providers"].clone();
    assert_eq!(providers(), json!(["google"]));
    ask(&["client", "set", "soko-web", "--first-party", "true", "--dir", &dir]);
    assert_eq!(providers(), json!(["google"]));
    ask(&["client", "set", "soko-web", "--provider", "none", "--dir", &dir]);
    assert_eq!(providers(), Value::Null);
}

#[test]
fn the_pages_of_an_account_offer_the_providers_of_the_company() {
    let (_world, dir) = world();
    let set = |more: &[&str]| ask(&[&["company", "set", "soko", "--dir", &dir], more].concat())["providers"].clone();
    fails(&["company", "set", "soko", "--provider", "google", "--dir", &dir], "there is no provider google");
    ask(&of(&add(&dir, &["--issuer", ISSUER])));
    assert_eq!(set(&["--provider", "google"]), json!(["google"]));
    assert_eq!(set(&["--trusted", "true"]), json!(["google"]));
    assert_eq!(set(&["--provider", "none"]), json!([]));
}
