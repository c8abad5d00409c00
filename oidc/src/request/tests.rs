//! Names in comments are those of the modules of the OpenID Foundation's conformance suite.

use serde_json::json;

use super::*;
use crate::testing::client;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn query(changes: &[(&str, Option<&str>)]) -> String {
    let mut pairs = vec![
        ("client_id", "shop"),
        ("redirect_uri", "https://shop.example/callback"),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    pairs.extend(changes.iter().filter_map(|(name, value)| Some((*name, (*value)?))));
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn read_of(client: &Client, changes: &[(&str, Option<&str>)]) -> Result<AuthorizationRequest, Rejected> {
    AuthorizationRequest::read(&Form::parse(query(changes).as_bytes()).unwrap(), Some(client), false)
}

fn read(changes: &[(&str, Option<&str>)]) -> Result<AuthorizationRequest, Rejected> {
    read_of(&client(json!({})), changes)
}

fn fault(changes: &[(&str, Option<&str>)]) -> &'static str {
    match read(changes).err() {
        Some(Rejected::Answer(to, fault)) => {
            assert_eq!((to.redirect_uri.as_str(), to.state.as_deref()), ("https://shop.example/callback", Some("s1")));
            fault.code()
        }
        other => panic!("{other:?}"),
    }
}

// oidcc-server, oidcc-ensure-request-without-nonce-succeeds-for-code-flow
#[test]
fn a_good_request_is_read_whole() {
    let request =
        read(&[("max_age", Some("60")), ("prompt", Some("login consent")), ("ui_locales", Some("fr+en"))]).unwrap();
    assert_eq!(request.scopes, ["email", "openid"].map(str::to_owned).into());
    assert_eq!((request.max_age, request.nonce, request.challenge.as_str()), (Some(60), None, CHALLENGE));
    assert!(request.prompt.login && request.prompt.consent && !request.prompt.none);
    assert_eq!(request.ui_locales, ["fr", "en"]);
}

// oidcc-ensure-registered-redirect-uri, oidcc-ensure-redirect-uri-in-authorization-request, oidcc-redirect-uri-query-*
#[test]
fn no_browser_is_sent_to_a_uri_that_is_not_the_clients() {
    for uri in [
        None,
        Some("https://shop.example/callback/"),
        Some("https://shop.example/callback?a=1"),
        Some("https://shop.example/callback%23a"),
        Some("https://shop.example:443/callback"),
        Some("https://shop.example@evil.example/callback"),
        Some("https://shop.example.evil.example/callback"),
        Some("https://SHOP.example/callback"),
        Some("https://shop.example/%252e%252e/callback"),
        Some("http://shop.example/callback"),
        Some("//evil.example"),
    ] {
        assert_eq!(read(&[("redirect_uri", uri)]).err(), Some(Rejected::Page(NoReturn::Redirect)), "{uri:?}");
    }
}

#[test]
fn a_client_that_is_not_known_is_a_page() {
    let form = Form::parse(query(&[]).as_bytes()).unwrap();
    let off = client(json!({ "enabled": false }));
    let other = client(json!({ "id": "other" }));
    for client in [None, Some(&off), Some(&other)] {
        let rejected = AuthorizationRequest::read(&form, client, false).err();
        assert_eq!(rejected, Some(Rejected::Page(NoReturn::Client)));
    }
}

// oidcc-response-type-missing, oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported, oidcc-request-uri-*
#[test]
fn a_fault_of_a_known_client_is_sent_back() {
    for (name, value, code) in [
        ("response_type", None, "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", Some("code+id_token"), "unsupported_response_type"),
        ("response_mode", Some("fragment"), "invalid_request"),
        ("scope", None, "invalid_scope"),
        ("scope", Some("admin"), "invalid_scope"),
        ("request", Some("eyJ"), "request_not_supported"),
        ("request_uri", Some("https://shop.example/request"), "request_uri_not_supported"),
        ("registration", Some("{}"), "registration_not_supported"),
        ("prompt", Some("none+login"), "invalid_request"),
        ("prompt", Some("create+none"), "invalid_request"),
        ("prompt", Some("other"), "invalid_request"),
        ("max_age", Some("-1"), "invalid_request"),
        ("max_age", Some("%2B1"), "invalid_request"),
        ("dpop_jkt", Some("short"), "invalid_request"),
    ] {
        assert_eq!(fault(&[(name, value)]), code, "{name}={value:?}");
    }
}

#[test]
fn a_challenge_with_s256_is_needed() {
    for changes in [
        [("code_challenge", None), ("code_challenge_method", None)],
        [("code_challenge", Some(CHALLENGE)), ("code_challenge_method", Some("plain"))],
        [("code_challenge", Some(CHALLENGE)), ("code_challenge_method", None)],
        [("code_challenge", Some("short")), ("code_challenge_method", Some("S256"))],
    ] {
        assert_eq!(fault(&changes), "invalid_request");
    }
}

// oidcc-ensure-request-with-unknown-parameter-succeeds, oidcc-ensure-request-with-acr-values-succeeds, oidcc-login-hint,
// oidcc-display-page, oidcc-display-popup, oidcc-claims-locales
#[test]
fn what_is_not_known_or_voluntary_is_no_fault() {
    for (name, value) in [
        ("extra", "foobar"),
        ("acr_values", "1+2"),
        ("login_hint", "amina%40example.org"),
        ("display", "popup"),
        ("claims_locales", "se"),
        ("scope", "openid+admin"),
    ] {
        let request = read(&[(name, Some(value))]).expect(name);
        assert!(request.scopes.contains("openid") && !request.scopes.contains("admin"));
    }
}

#[test]
fn a_client_that_pushes_cannot_be_spoken_for_by_a_browser() {
    let pushes = client(json!({ "require_pushed_authorization_requests": true }));
    assert!(matches!(read_of(&pushes, &[]).err(), Some(Rejected::Answer(_, Fault::Invalid(_)))));
    let form = Form::parse(query(&[]).as_bytes()).unwrap();
    assert!(AuthorizationRequest::read(&form, Some(&pushes), true).is_ok());
}

#[test]
fn a_client_without_codes_gets_none() {
    let machine = client(json!({ "grant_types": ["client_credentials"] }));
    assert!(matches!(read_of(&machine, &[]).err(), Some(Rejected::Answer(_, Fault::UnauthorizedClient))));
}
