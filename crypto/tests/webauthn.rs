//! The test vectors of Web Authentication level 3 (W3C, section "Test Vectors", in `webauthn/level3.json`). What they show of keys and
//! signatures is the same in level 2. They were made by HKDF from a text, so no key protects anything. And what Chromium with its virtual
//! authenticator has sent (`webauthn/chromium.json`, recorded by `.ci/oidc passkeys`), which two other verifiers accept.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too; the lint only knows functions marked so")]

use serde_json::Value;
use umoja_crypto::webauthn::{Asserted, Expected, PublicKey, Registered, WebauthnError, asserted, registered};

fn bytes(part: &Value, name: &str) -> Vec<u8> {
    hex::decode(part[name].as_str().unwrap_or_else(|| panic!("no {name}"))).unwrap()
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("webauthn/level3.json")).unwrap()
}

fn vector(name: &str) -> Value {
    vectors().into_iter().find(|vector| vector["name"] == name).unwrap()
}

fn recorded() -> Vec<Value> {
    serde_json::from_str(include_str!("webauthn/chromium.json")).unwrap()
}

fn expected<'a>(vector: &'a Value, challenge: &'a [u8]) -> Expected<'a> {
    match vector["origin"].as_str() {
        Some(origin) => Expected { site: "localhost", origin, challenge, user_verification: true },
        None => Expected { site: "example.org", origin: "https://example.org", challenge, user_verification: false },
    }
}

fn create(vector: &Value) -> Result<Registered, WebauthnError> {
    let made = &vector["create"];
    let challenge = bytes(made, "challenge");
    registered(&expected(vector, &challenge), &bytes(made, "clientDataJSON"), &bytes(made, "attestationObject"))
}

fn get(vector: &Value, key: &PublicKey) -> Result<Asserted, WebauthnError> {
    let sent = &vector["get"];
    let challenge = bytes(sent, "challenge");
    let (data, signature) = (bytes(sent, "authenticatorData"), bytes(sent, "signature"));
    asserted(&expected(vector, &challenge), key, &bytes(sent, "clientDataJSON"), &data, &signature)
}

#[test]
fn keys_of_every_accepted_algorithm_are_read_and_verify() {
    for name in ["none-es256", "packed-self-es256", "none-es256-long-credential-id", "packed-rs256", "packed-eddsa"] {
        let vector = vector(name);
        let made = create(&vector).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(made.credential_id, bytes(&vector, "credential_id"), "{name}");
        let key = PublicKey::read(&made.public_key).unwrap();
        assert_eq!(get(&vector, &key).map(|asserted| asserted.sign_count), Ok(0), "{name}");
    }
}

#[test]
fn what_a_browser_sends_is_accepted_for_every_algorithm() {
    assert_eq!(recorded().len(), 3);
    for vector in recorded() {
        let name = vector["name"].as_str().unwrap();
        let made = create(&vector).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(made.credential_id == bytes(&vector, "credential_id") && made.user_verified, "{name}");
        let used = get(&vector, &PublicKey::read(&made.public_key).unwrap()).unwrap();
        assert!(used.user_verified && used.sign_count > made.sign_count, "{name}");
    }
}

#[test]
fn an_answer_from_a_frame_of_another_site_is_rejected() {
    for name in ["none-es256-crossOrigin", "none-es256-topOrigin"] {
        assert_eq!(create(&vector(name)), Err(WebauthnError::Origin), "{name}");
    }
}

#[test]
fn a_key_of_an_algorithm_that_was_not_asked_for_is_rejected() {
    assert_eq!(create(&vector("packed-es384")), Err(WebauthnError::Key));
}

#[test]
fn the_answer_to_one_call_is_no_answer_to_another() {
    let vector = vector("none-es256");
    let key = PublicKey::read(&create(&vector).unwrap().public_key).unwrap();
    let mut swapped = vector.clone();
    swapped["get"]["clientDataJSON"] = vector["create"]["clientDataJSON"].clone();
    assert_eq!(get(&swapped, &key), Err(WebauthnError::Type));
    let mut other = vector.clone();
    other["get"]["challenge"] = vector["create"]["challenge"].clone();
    assert_eq!(get(&other, &key), Err(WebauthnError::Challenge));
}

#[test]
fn a_changed_byte_or_another_key_is_rejected() {
    let one = vector("none-es256");
    let key = PublicKey::read(&create(&one).unwrap().public_key).unwrap();
    let other = PublicKey::read(&create(&vector("packed-eddsa")).unwrap().public_key).unwrap();
    assert_eq!(get(&one, &other), Err(WebauthnError::Signature));
    for (name, error) in
        [("authenticatorData", None), ("signature", Some(WebauthnError::Signature)), ("clientDataJSON", None)]
    {
        let whole = bytes(&one["get"], name);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let mut vector = one.clone();
            vector["get"][name] = hex::encode(changed).into();
            let rejected = get(&vector, &key).unwrap_err();
            assert!(error.is_none_or(|error| error == rejected), "{name} {at}: {rejected}");
        }
    }
}

#[test]
fn an_attestation_that_is_cut_off_is_rejected_at_every_length() {
    let vector = vector("none-es256");
    let whole = bytes(&vector["create"], "attestationObject");
    for length in 0..whole.len() {
        let mut cut = vector.clone();
        cut["create"]["attestationObject"] = hex::encode(&whole[..length]).into();
        assert!(create(&cut).is_err(), "{length}");
    }
}
