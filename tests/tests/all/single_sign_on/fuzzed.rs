//! The properties of the fuzz targets, for what the targets start with: each example is read, and each of its parts that is cut off or
//! changed is read or rejected.

#[path = "../../../../fuzz/src/sign_on.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets call it from outside its crate")]
mod properties;

use umoja_crypto::webauthn::registered;
use umoja_oidc::code::Code;
use umoja_oidc::form::Form;
use umoja_oidc::passkey::{Sent, Site, challenge};
use umoja_oidc::steps::{OnPage, Pushed, SessionCookie};

const FORMS: &str = include_str!("../../../../fuzz/seeds/oidc_form.txt");
const SEALED: &str = include_str!("../../../../fuzz/seeds/oidc_sealed.txt");
const PASSKEYS: &str = include_str!("../../../../fuzz/seeds/oidc_passkey.txt");
const SIGNED: &str = include_str!("../../../../fuzz/seeds/oidc_signed.txt");
const TYPED: &str = include_str!("../../../../fuzz/seeds/oidc_typed.txt");

/// Every beginning of an example, and every example with one byte changed.
fn mutated(example: &str) -> impl Iterator<Item = Vec<u8>> {
    let (one, other) = (example.as_bytes().to_vec(), example.as_bytes().to_vec());
    let cut = (0..=one.len()).map(move |end| one[..end].to_vec());
    cut.chain((0..other.len()).map(move |at| {
        let mut changed = other.clone();
        changed[at] ^= 1 << (at % 7);
        changed
    }))
}

#[test]
fn mutated_requests_keep_to_the_client() {
    FORMS.lines().flat_map(mutated).for_each(|form| properties::form(&form));
    assert!(FORMS.lines().all(|form| Form::parse(form.as_bytes()).is_ok()));
}

#[test]
fn mutated_content_is_read_as_it_was_written_or_not_at_all() {
    SEALED.lines().flat_map(mutated).for_each(|content| properties::opened(&content));
    let lines: Vec<&str> = SEALED.lines().collect();
    assert!(serde_json::from_str::<Code>(lines[0]).is_ok());
    assert!(serde_json::from_str::<Pushed>(lines[1]).is_ok());
    assert!(serde_json::from_str::<SessionCookie>(lines[2]).is_ok());
    assert!(serde_json::from_str::<OnPage>(lines[3]).is_ok());
}

#[test]
fn mutated_signatures_do_not_verify() {
    for text in SIGNED.lines().flat_map(mutated).filter_map(|text| String::from_utf8(text).ok()) {
        properties::signed(&text);
    }
}

#[test]
fn mutated_passkeys_are_none() {
    for text in PASSKEYS.lines().flat_map(mutated).filter_map(|text| String::from_utf8(text).ok()) {
        properties::passkey(&text);
    }
    let (site, challenge) = (Site::of("https://id.example"), challenge("step"));
    let made = |line: &str| {
        let sent = Sent::read(line).unwrap();
        let (client_data, attestation) = sent.made();
        registered(&site.expects(&challenge, false), client_data, attestation).is_ok()
    };
    assert_eq!(PASSKEYS.lines().map(made).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn mutated_headers_name_one_value() {
    for text in TYPED.lines().flat_map(mutated).filter_map(|text| String::from_utf8(text).ok()) {
        properties::typed(&text);
    }
}
