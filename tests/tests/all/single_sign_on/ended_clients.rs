//! A client that is disabled, or whose company is, holds nothing of before when it is enabled again.

use serde_json::json;
use umoja_schema::{Client, ClientId, Company, Scope};

use super::browser::Browser;
use super::people::SignedUp;
use super::{Got, Sso, story};

/// For longer than a region remembers a document.
const FORGOTTEN: u64 = 6_000;

impl Sso {
    async fn stored(&self, at: usize, id: &str) -> Client {
        let id: ClientId = id.parse().unwrap();
        let document = self.d.world.regions[at].tables.registry.setting(&Client::setting(&id)).await.unwrap().unwrap();
        Client::read(id.as_str(), document).unwrap()
    }

    async fn put_at(&self, at: usize, client: &Client) {
        let document = serde_json::to_value(client).unwrap();
        self.d.world.regions[at].tables.registry.put_setting(&Client::setting(&client.id), &document).await.unwrap();
    }

    /// Enables or disables clients in every region, which have forgotten the former documents then.
    async fn switch(&self, ids: &[&str], enabled: bool) {
        for id in ids {
            let mut client = self.stored(0, id).await;
            client.switch(enabled);
            client.revision += 1;
            for at in [0, 1] {
                self.put_at(at, &client).await;
            }
        }
        self.d.world.clock.advance(FORGOTTEN);
    }

    /// The person again, with a session that is young enough for a code.
    async fn again(&self, at: usize, person: &SignedUp) -> SignedUp {
        let (session, version) = (self.sign_in(at, person.id).await, self.version(at, person.id).await);
        SignedUp { id: person.id, email: person.email.clone(), session, version }
    }
}

/// What a client holds.
struct Held {
    id: &'static str,
    got: Got,
    code: String,
}

async fn held(sso: &Sso, id: &'static str, ada: &SignedUp) -> Held {
    let got = sso.redeem(0, id, &sso.code(0, id, ada, "openid offline_access")).await;
    Held { id, got, code: sso.code(0, id, ada, "openid") }
}

impl Held {
    async fn has_ended(&self, sso: &Sso) {
        for at in [0, 1] {
            assert!(!sso.accepts(at, self.id, &self.got).await, "{}", self.id);
            assert_eq!(sso.redeem(at, self.id, &self.code).await.error(), (400, "invalid_grant"), "{}", self.id);
        }
    }
}

/// A new sign-in gives tokens that every region accepts.
async fn gets_new_tokens(sso: &Sso, id: &str, ada: &SignedUp) {
    let ada = sso.again(1, ada).await;
    let mut code = sso.issued(1, id, &ada, "openid offline_access");
    code.client_ends = sso.stored(1, id).await.ends + sso.company(1).await.ends;
    let got = sso.redeem(1, id, &sso.sealed(&code)).await;
    sso.d.world.settle().await;
    for at in [0, 1] {
        assert!(sso.accepts(at, id, &got).await, "{id}");
    }
}

impl Sso {
    async fn company(&self, at: usize) -> Company {
        let shop = "shop".parse().unwrap();
        self.d.world.regions[at].tables.registry.company(&shop).await.unwrap().unwrap()
    }
}

#[test]
fn a_client_that_was_disabled_gets_back_no_code_and_no_token_in_any_region() {
    story(1841, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        let all = [held(&sso, "web", &ada).await, held(&sso, "app", &ada).await];
        let other = held(&sso, "other", &ada).await;
        let own = sso.token(0, "till", "").await;
        sso.d.world.settle().await;
        assert!(sso.accepts(1, "web", &all[0].got).await && sso.accepts(1, "app", &all[1].got).await);
        sso.switch(&["web", "app", "till"], false).await;
        for at in [0, 1] {
            assert_eq!(sso.refresh(at, "web", all[0].got.text("refresh_token")).await.error(), (401, "invalid_client"));
            assert_eq!(sso.userinfo(at, all[0].got.text("access_token")).await.error(), (401, "invalid_token"));
        }
        sso.switch(&["web", "app", "till"], true).await;
        for held in &all {
            held.has_ended(&sso).await;
            gets_new_tokens(&sso, held.id, &ada).await;
        }
        for at in [0, 1] {
            assert_eq!(sso.state(at, "till", own.text("access_token")).await, json!({ "active": false }));
            assert!(sso.accepts(at, "other", &other.got).await, "another client keeps its own");
            let fresh = sso.token(at, "till", "").await;
            let state = sso.state(1 - at, "till", fresh.text("access_token")).await;
            assert_eq!((&state["active"], state.get("umoja_client_ends")), (&json!(true), None));
        }
    });
}

#[test]
fn the_clients_of_a_company_that_was_disabled_get_nothing_back() {
    story(1842, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        let held = held(&sso, "web", &ada).await;
        sso.d.world.settle().await;
        let mut company = sso.d.shop.company(&Scope::ALL, true);
        for enabled in [false, true] {
            company.switch(enabled);
            company.revision += 1;
            sso.d.put_company(&company).await;
            sso.d.world.clock.advance(FORGOTTEN);
            assert_eq!(sso.userinfo(0, held.got.text("access_token")).await.error(), (401, "invalid_token"));
        }
        held.has_ended(&sso).await;
        gets_new_tokens(&sso, "web", &ada).await;
    });
}

/// Failure: a client is disabled in one region while another one issues tokens
#[test]
fn a_region_that_has_not_heard_of_the_end_rejects_no_token_that_began_after_it() {
    story(1843, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        let mut web = sso.stored(0, "web").await;
        let before = held(&sso, "web", &ada).await;
        web.switch(false);
        web.switch(true);
        sso.put_at(0, &web).await;
        sso.d.world.clock.advance(FORGOTTEN);
        let ada = sso.again(0, &ada).await;
        let mut code = sso.issued(0, "web", &ada, "openid offline_access");
        code.client_ends = web.ends;
        let got = sso.redeem(0, "web", &sso.sealed(&code)).await;
        sso.d.world.settle().await;
        // The other region still has what ended, and asks to come again with what it cannot judge.
        assert!(!sso.accepts(0, "web", &before.got).await && sso.accepts(1, "web", &before.got).await);
        let behind = sso.refresh(1, "web", got.text("refresh_token")).await;
        assert_eq!(behind.error(), (503, "temporarily_unavailable"));
        assert_eq!(sso.userinfo(1, got.text("access_token")).await.status, 503);
        sso.put_at(1, &web).await;
        sso.d.world.clock.advance(FORGOTTEN);
        assert!(!sso.accepts(1, "web", &before.got).await && sso.accepts(1, "web", &got).await);
    });
}

#[test]
fn what_a_person_let_a_device_have_before_the_client_was_disabled_is_not_given_to_it() {
    story(1844, async |mut sso| {
        sso.with_tv(&json!({})).await;
        let (answered, waiting) = (sso.begin(0).await, sso.begin(0).await);
        Browser::default().lets_in(&sso, 0, &answered).await;
        sso.switch(&["tv"], false).await;
        assert_eq!(sso.poll(1, &answered).await.error(), (401, "invalid_client"));
        sso.switch(&["tv"], true).await;
        assert_eq!(sso.poll(1, &answered).await.error(), (400, "invalid_grant"));
        // Whom a person lets in now is let in.
        Browser::default().lets_in(&sso, 0, &waiting).await;
        assert_eq!(sso.poll(1, &waiting).await.status, 200);
    });
}
