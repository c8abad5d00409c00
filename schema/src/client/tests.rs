use serde_json::json;

use super::*;
use crate::access::Sector;

const PLACE: ClientFlaw = ClientFlaw::Redirect(RedirectFlaw::Place);

fn client() -> Client {
    Client::read(
        "shop-web",
        json!({
            "id": "shop-web", "revision": 1, "company": "shop", "name": "Shop", "kind": "confidential",
            "redirect_uris": ["https://shop.example/callback"], "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "client_secret_basic", "scopes": ["openid"], "subject_type": "public",
            "enabled": true,
        }),
    )
    .unwrap()
}

#[test]
fn a_document_under_another_id_is_no_client() {
    let document = serde_json::to_value(client()).unwrap();
    assert_eq!(Client::read("shop-web", document.clone()), Ok(client()));
    assert!(Client::read("soko-web", document).is_err());
    assert_eq!(Client::setting(&client().id), format!("{}shop-web", Client::SETTINGS));
}

#[test]
fn what_is_left_out_has_the_safe_value() {
    let client = client();
    assert_eq!((client.access_token_secs, client.id_token_signed_response_alg), (300, OidcAlgorithm::Es256));
    assert!(!client.first_party && !client.removed && client.secrets.is_empty());
    assert_eq!(Sector::from(&client), Sector::Public);
}

#[test]
fn members_that_contradict_each_other_are_flaws() {
    let flaw = |change: fn(&mut Client)| {
        let mut client = client();
        change(&mut client);
        client.check().err()
    };
    assert_eq!(flaw(|_| {}), None);
    assert_eq!(flaw(|client| client.kind = ClientKind::Public), Some(ClientFlaw::Method));
    assert_eq!(flaw(|client| client.redirect_uris.clear()), Some(ClientFlaw::NoRedirect));
    assert_eq!(flaw(|client| client.redirect_uris.push("http://a.example/".into())), Some(PLACE));
    assert_eq!(flaw(|client| client.post_logout_redirect_uris.push("x".into())), Some(PLACE));
    assert_eq!(flaw(|client| client.subject_type = SubjectType::Pairwise), Some(ClientFlaw::Sector));
    assert_eq!(flaw(|client| client.name = "a\nb".into()), Some(ClientFlaw::Name));
    let keys = |client: &mut Client| client.token_endpoint_auth_method = ClientAuthMethod::PrivateKeyJwt;
    assert_eq!(flaw(keys), Some(ClientFlaw::Keys));
    let by_itself = |client: &mut Client| {
        client.kind = ClientKind::Public;
        client.token_endpoint_auth_method = ClientAuthMethod::None;
        client.grant_types.push(GrantType::ClientCredentials);
    };
    assert_eq!(flaw(by_itself), Some(ClientFlaw::PublicByItself));
    let pairwise = |client: &mut Client| {
        client.subject_type = SubjectType::Pairwise;
        client.sector_identifier = Some("shop.example".into());
    };
    assert_eq!(flaw(pairwise), None);
}

#[test]
fn a_removed_client_has_no_secret() {
    let mut client = client();
    client.secrets.push(ClientSecretHash { sha256: "x".into(), ends_at: Some(10) });
    assert_eq!((client.live_secrets(9).count(), client.live_secrets(10).count()), (1, 0));
    client.end();
    assert!(client.is_ended() && !client.enabled && client.secrets.is_empty());
}

#[test]
fn refresh_tokens_of_a_public_client_without_a_key_rotate() {
    let mut client = client();
    assert!(!client.rotates_refresh_tokens());
    client.kind = ClientKind::Public;
    assert!(client.rotates_refresh_tokens());
    client.dpop_bound_access_tokens = true;
    assert!(!client.rotates_refresh_tokens());
}
