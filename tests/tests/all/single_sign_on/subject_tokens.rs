//! Tokens in the place of a user's id, through the signed API: those of this issuer, and those of the provider of a source.

use std::sync::Arc;

use serde_json::{Value, json};
use umoja_accounts::{Accounts, PasswordRules};
use umoja_crypto::SigningKey;
use umoja_oidc::Provider;
use umoja_oidc::subject_tokens::Tokens;
use umoja_schema::SourceKind;
use umoja_schema::ingest::SourceTokens;
use umoja_store::ports::{Answered, Hasher, OutboundError};
use umoja_tests::caller::Reply;
use umoja_tests::deployment::CountingHasher;
use umoja_tests::hook::{Hook, Posted, status};
use umoja_tests::provider::Provider as Source;

use super::people::{SignedUp, web};
use super::{Got, ISSUER, Sso, signed, story};

const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const AUTH0: &str = "https://soko.eu.auth0.com/";

/// Runs a story in which the API of every region takes tokens, and the shop has a target.
fn taking(seed: u64, body: impl AsyncFnOnce(Sso)) {
    story(seed, async |mut sso| {
        sso.with_clients().await;
        sso.d.put_target("crm", &sso.d.shop).await;
        sso.take_tokens();
        body(sso).await;
    });
}

impl Sso {
    /// The API of every region takes tokens, with nothing remembered.
    fn take_tokens(&mut self) {
        let (hasher, hook) = (Arc::clone(&self.d.hasher), Arc::clone(&self.hook));
        self.d.take_tokens(|region| {
            let hasher: Arc<dyn Hasher> = Arc::<CountingHasher>::clone(&hasher);
            let passwords = PasswordRules { min_chars: 8, min_score: 3 };
            let people = region.people();
            let home = people.home.clone();
            let accounts = Accounts { people, hasher, passwords, old_systems: None, mailer: None };
            let outbound = || Arc::<Hook>::clone(&hook) as _;
            Arc::new(Tokens::new(home, outbound(), Some(Arc::new(Provider::new(accounts, ISSUER, outbound())))))
        });
    }

    /// Has the targets of a company bring the accounts of a token's user up to date.
    async fn provision(&self, at: usize, (token, token_type): (&str, &str), more: Value) -> Reply {
        let mut body = json!({ "subject_token": token, "subject_token_type": token_type, "targets": ["crm"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.d.call(at, "provision", body).await
    }

    /// What a client gets for a person who has signed in.
    async fn tokens_of(&self, client: &str, person: &SignedUp) -> Got {
        let code = self.code(0, client, person, "openid email");
        let got = self.redeem(0, client, &code).await;
        assert_eq!(got.status, 200, "{}", got.body);
        got
    }

    /// A source of the shop at Auth0, whose tokens stand for users.
    async fn auth0(&self) -> Source {
        let mut source = Source::new(&self.d, SourceKind::Auth0, "shop", 0).await;
        let audiences = vec!["https://api.soko.example".to_owned()];
        source.source.tokens = Some(SourceTokens::new(AUTH0, audiences).unwrap());
        source.store(&self.d).await;
        self.publish(&[1]);
        source
    }

    /// Auth0 has these keys.
    fn publish(&self, seeds: &[u8]) {
        let keys = json!({ "keys": seeds.iter().map(|seed| key(*seed).jwk()).collect::<Vec<_>>() });
        self.hook.answer(move |posted| Ok(auth0_answers(posted, &keys)));
    }

    /// A token that Auth0 has issued, with these claims changed.
    fn theirs(&self, seed: u8, changes: &Value) -> String {
        let mut claims = json!({
            "iss": AUTH0, "aud": ["https://api.soko.example", "https://soko.eu.auth0.com/userinfo"],
            "sub": "auth0|17", "iat": self.now(), "exp": self.now() + 3600,
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        signed(&key(seed), &json!({ "alg": "EdDSA", "typ": "JWT", "kid": key(seed).kid() }), &claims)
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&format!("auth0-{seed}"), [seed; 32])
}

fn auth0_answers(posted: &Posted, keys: &Value) -> Answered {
    let body = match posted.url.strip_prefix(AUTH0) {
        Some(".well-known/openid-configuration") => json!({
            "issuer": AUTH0, "authorization_endpoint": format!("{AUTH0}authorize"),
            "token_endpoint": format!("{AUTH0}oauth/token"), "jwks_uri": format!("{AUTH0}jwks"),
        }),
        Some("jwks") => keys.clone(),
        _ => return status(404),
    };
    Answered { body: body.to_string().into_bytes(), ..status(200) }
}

fn of_auth0() -> Value {
    json!({ "subject_issuer": "shop-auth0" })
}

#[test]
fn a_token_of_a_client_of_the_company_stands_for_its_user_in_every_region() {
    taking(2301, async |sso| {
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        let got = sso.tokens_of("web", &ada).await;
        sso.d.world.settle().await;
        let (access, id) = (got.text("access_token"), got.text("id_token"));
        for at in 0..2 {
            for token in [(access, ACCESS), (access, JWT), (id, ID), (id, JWT)] {
                let reply = sso.provision(at, token, json!({ "dry_run": true })).await;
                assert_eq!(reply.ok(200).body["id"], json!(ada.id.to_string()));
                assert_eq!(reply.body["plan"][0]["action"], "create");
            }
            for token in [(access, ID), (id, ACCESS)] {
                sso.provision(at, token, json!({})).await.rejected(409, "subject_token_invalid");
            }
        }
        let reply = sso.provision(1, (access, ACCESS), json!({})).await;
        assert_eq!(reply.ok(200).body["provisioning"]["accounts"][0]["state"], "pending");
    });
}

#[test]
fn a_company_shows_no_token_of_another_companys_client() {
    taking(2302, async |sso| {
        let ada = sso.person(0, "ada@example.com").await;
        let mut stall = web("stall");
        stall["company"] = json!("food");
        sso.put(stall).await;
        let got = sso.tokens_of("stall", &ada).await;
        let token = got.text("access_token");
        sso.provision(0, (token, ACCESS), json!({})).await.rejected(409, "subject_token_invalid");
        // That it has expired is not said either.
        sso.d.world.clock.advance(600_000);
        sso.provision(0, (token, ACCESS), json!({})).await.rejected(409, "subject_token_invalid");
    });
}

#[test]
fn a_company_shows_no_token_of_a_person_who_is_not_linked_to_it() {
    taking(2303, async |sso| {
        let ada = sso.person(0, "ada@example.com").await;
        let mut stall = web("stall");
        stall["company"] = json!("food");
        sso.put(stall).await;
        sso.d.put_target("till", &sso.d.food).await;
        let got = sso.tokens_of("stall", &ada).await;
        let body = json!({ "subject_token": got.text("id_token"), "subject_token_type": ID, "targets": ["till"] });
        sso.d.call_as(&sso.d.food, 0, "provision", body.clone()).await.rejected(403, "not_linked");
        let login = json!({ "email": "ada@example.com", "password": "correct horse battery staple" });
        sso.d.call_as(&sso.d.food, 0, "authenticate", login).await.ok(200);
        let reply = sso.d.call_as(&sso.d.food, 0, "provision", body).await;
        assert_eq!(reply.ok(200).body["id"], json!(ada.id.to_string()));
    });
}

#[test]
fn a_token_that_is_not_live_any_more_stands_for_no_one() {
    taking(2304, async |sso| {
        let ada = sso.person(0, "ada@example.com").await;
        let got = sso.tokens_of("web", &ada).await;
        let (access, id) = (got.text("access_token"), got.text("id_token"));
        sso.d.world.clock.advance(299_000);
        sso.provision(0, (access, ACCESS), json!({ "dry_run": true })).await.ok(200);
        sso.d.world.clock.advance(1_000);
        for token in [(access, ACCESS), (id, ID), (access, JWT), (id, JWT)] {
            sso.provision(0, token, json!({})).await.rejected(410, "subject_token_expired");
        }
        // The token of a session that was ended, of a person who is disabled, and of the client itself.
        let got = sso.tokens_of("web", &ada).await;
        let other = sso.sign_in(0, ada.id).await;
        sso.d.world.regions[0].people().end_session(ada.id, &ada.session.id).await.unwrap();
        for token in [(got.text("access_token"), ACCESS), (got.text("id_token"), ID)] {
            sso.provision(0, token, json!({})).await.rejected(409, "subject_token_invalid");
        }
        let ada = SignedUp { session: other, ..ada };
        let got = sso.tokens_of("web", &ada).await;
        let token = (got.text("access_token"), ACCESS);
        sso.provision(0, token, json!({ "dry_run": true })).await.ok(200);
        sso.d.call(0, "status", json!({ "id": ada.id, "status": "disabled" })).await.ok(200);
        sso.provision(0, token, json!({})).await.rejected(409, "subject_token_invalid");
        let till = sso.token(0, "till", "").await;
        sso.provision(0, (till.text("access_token"), ACCESS), json!({})).await.rejected(409, "subject_token_invalid");
    });
}

#[test]
fn a_token_that_this_issuer_has_not_signed_stands_for_no_one() {
    taking(2305, async |sso| {
        let ada = sso.person(0, "ada@example.com").await;
        let got = sso.tokens_of("web", &ada).await;
        let access = got.text("access_token");
        let (signed, signature) = access.rsplit_once('.').unwrap();
        let swapped: String = signature.chars().rev().collect();
        let refresh = got.text("refresh_token");
        for token in [format!("{signed}.{swapped}"), format!("{signed}.AAAA"), sso.theirs(1, &json!({ "iss": ISSUER }))]
        {
            for token_type in [ACCESS, ID, JWT] {
                let reply = sso.provision(0, (&token, token_type), json!({})).await;
                reply.rejected(409, "subject_token_invalid");
            }
        }
        sso.provision(0, (refresh, ACCESS), json!({})).await.rejected(409, "subject_token_invalid");
    });
}

#[test]
fn one_member_names_the_user_and_a_token_says_what_it_is() {
    taking(2306, async |sso| {
        let ada = sso.person(0, "ada@example.com").await;
        let got = sso.tokens_of("web", &ada).await;
        let token = got.text("access_token");
        for more in [
            json!({ "id": ada.id }),
            json!({ "email": "ada@example.com" }),
            json!({ "subject_token_type": null }),
            json!({ "subject_token": null }),
            json!({ "subject_token": null, "subject_token_type": null, "subject_issuer": "shop-auth0" }),
        ] {
            let reply = sso.provision(0, (token, ACCESS), more.clone()).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "subject_token", "{more}");
        }
        let refresh_token = "urn:ietf:params:oauth:token-type:refresh_token";
        let reply = sso.provision(0, (token, refresh_token), json!({})).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "subject_token_type");
    });
}

#[test]
fn a_token_of_the_provider_of_a_source_stands_for_the_user_that_the_source_feeds() {
    taking(2307, async |sso| {
        sso.auth0().await;
        let user = json!({ "external_id": "auth0|17", "email": "ada@example.com" });
        let id = sso.d.call(0, "register", user).await.ok(201).id();
        sso.d.world.settle().await;
        for (at, token_type) in [(0, ACCESS), (1, ID), (1, JWT)] {
            let token = sso.theirs(1, &json!({}));
            let reply = sso.provision(at, (&token, token_type), of_auth0()).await;
            assert_eq!(reply.ok(200).body["id"], json!(id));
        }
        let asked: Vec<_> = sso.hook.take().into_iter().map(|posted| posted.url).collect();
        assert_eq!(asked.len(), 4, "each region reads the keys once: {asked:?}");
        let unknown = sso.theirs(1, &json!({ "sub": "auth0|18" }));
        sso.provision(0, (&unknown, JWT), of_auth0()).await.rejected(404, "user_not_found");
        // Without the issuer it has to be a token of Umoja.
        let token = sso.theirs(1, &json!({}));
        sso.provision(0, (&token, JWT), json!({})).await.rejected(409, "subject_token_invalid");
    });
}

#[test]
fn a_token_of_a_provider_for_others_or_of_the_past_is_rejected() {
    taking(2308, async |sso| {
        sso.auth0().await;
        let user = json!({ "external_id": "auth0|17", "email": "ada@example.com" });
        sso.d.call(0, "register", user).await.ok(201);
        let now = sso.now();
        for changes in [
            json!({ "aud": "https://api.elsewhere.example" }),
            json!({ "iss": "https://soko.eu.auth0.com" }),
            json!({ "iat": now + 120 }),
            json!({ "sub": "" }),
        ] {
            let token = sso.theirs(1, &changes);
            let reply = sso.provision(0, (&token, JWT), of_auth0()).await;
            reply.rejected(409, "subject_token_invalid");
        }
        let token = sso.theirs(1, &json!({ "exp": now - 60 }));
        sso.provision(0, (&token, JWT), of_auth0()).await.rejected(410, "subject_token_expired");
        let token = sso.theirs(2, &json!({}));
        sso.provision(0, (&token, JWT), of_auth0()).await.rejected(409, "subject_token_invalid");
    });
}

#[test]
fn a_new_key_of_a_provider_is_read_and_a_provider_that_is_out_is_asked_later() {
    taking(2309, async |mut sso| {
        sso.auth0().await;
        let user = json!({ "external_id": "auth0|17", "email": "ada@example.com" });
        sso.d.call(0, "register", user).await.ok(201);
        let token = sso.theirs(1, &json!({}));
        sso.provision(0, (&token, JWT), of_auth0()).await.ok(200);
        sso.publish(&[1, 2]);
        sso.d.world.clock.advance(30_000);
        let rotated = sso.theirs(2, &json!({}));
        sso.provision(0, (&rotated, JWT), of_auth0()).await.ok(200);
        sso.hook.answer(|_| Err(OutboundError::Unavailable("down")));
        // What was read serves while it is out.
        sso.d.world.clock.advance(3_000_000);
        let token = sso.theirs(2, &json!({}));
        sso.provision(0, (&token, JWT), of_auth0()).await.ok(200);
        sso.take_tokens();
        let reply = sso.provision(0, (&token, JWT), of_auth0()).await;
        assert_eq!(reply.rejected(503, "issuer_unavailable").retry_after, Some(10));
    });
}

#[test]
fn only_a_live_source_of_the_company_with_an_issuer_can_be_named() {
    taking(2310, async |sso| {
        let mut source = sso.auth0().await;
        let user = json!({ "external_id": "auth0|17", "email": "ada@example.com" });
        sso.d.call(0, "register", user).await.ok(201);
        let token = sso.theirs(1, &json!({}));
        let rejects = async |sso: &Sso, issuer: &str| {
            let reply = sso.provision(0, (&token, JWT), json!({ "subject_issuer": issuer })).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "subject_issuer", "{issuer}");
        };
        Source::new(&sso.d, SourceKind::Okta, "shop", 0).await;
        Source::new(&sso.d, SourceKind::Auth0, "food", 0).await;
        for issuer in ["shop-okta", "food-auth0", "unknown"] {
            rejects(&sso, issuer).await;
        }
        let foreign = json!({ "subject_token": token, "subject_token_type": JWT, "subject_issuer": "shop-auth0", "targets": ["crm"] });
        sso.d.call_as(&sso.d.food, 0, "provision", foreign).await.rejected(422, "invalid_body");
        source.source.enabled = false;
        source.store(&sso.d).await;
        sso.d.world.clock.advance(6_000);
        rejects(&sso, "shop-auth0").await;
        source.source.enabled = true;
        source.source.end();
        source.store(&sso.d).await;
        sso.d.world.clock.advance(6_000);
        rejects(&sso, "shop-auth0").await;
    });
}
