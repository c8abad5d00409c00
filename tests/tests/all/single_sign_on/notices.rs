//! Clients are informed that a session has ended (OpenID Connect Back-Channel Logout 1.0).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use umoja_accounts::access::{LOGOUT, NewSession, Standing};
use umoja_crypto::jws::verify_jwt;
use umoja_host::HttpsOutbound;
use umoja_provisioner::Logouts;
use umoja_provisioner::logouts::Informed;
use umoja_provisioner::retry::{NEVER, TRIED_FOR_MS};
use umoja_schema::access::{Sector, Session};
use umoja_schema::{Millis, UserId};
use umoja_store::oidc_keys::OidcKeys;
use umoja_store::ports::{Answered, Clock as _, Outbound, OutboundError};
use umoja_tests::hook::{Hook, Posted, status};
use umoja_tests::world::{killed_after, polled};

use super::authorize::sign_in_story;
use super::browser::{Browser, CALLBACK};
use super::people::{VERIFIER, redeeming};
use super::{ISSUER, Sso, client, story};

const EMAIL: &str = "ada@example.com";
const DAY: u64 = 86_400_000;

/// A client that wants to be informed.
pub(super) fn informed(id: &str, uri: &str) -> Value {
    let mut client = client(id);
    client["backchannel_logout_uri"] = uri.into();
    client["backchannel_logout_session_required"] = true.into();
    client
}

impl Sso {
    pub(super) fn logouts(&self, at: usize) -> Logouts {
        self.logouts_by(at, Arc::<Hook>::clone(&self.hook))
    }

    fn logouts_by(&self, at: usize, outbound: Arc<dyn Outbound>) -> Logouts {
        Logouts::new(self.d.world.regions[at].people(), outbound, ISSUER.to_owned())
    }

    /// A person with a session of the first region in which these clients got tokens, as every region knows.
    pub(super) async fn seen(&self, clients: &[&str]) -> (UserId, Session) {
        let world = &self.d.world;
        let id = world.register(0, EMAIL, "phc").await.unwrap();
        let session = self.session(id).await;
        for client in clients {
            self.note(0, id, &session, client).await;
        }
        world.settle().await;
        (id, session)
    }

    async fn session(&self, id: UserId) -> Session {
        let (people, auth_time) = (self.d.world.regions[0].people(), self.d.world.clock.now());
        let ends = Standing::read(&people, id).await.unwrap().unwrap().known_ends();
        let new = NewSession { auth_time, amr: vec!["pwd".into()], acr: None, label: None, ends, life_ms: DAY };
        people.begin_session(id, new).await.unwrap()
    }

    pub(super) async fn note(&self, at: usize, id: UserId, session: &Session, client: &str) {
        let people = self.d.world.regions[at].people();
        people.note_client(id, &session.id, client, session.expires_at).await.unwrap();
    }

    async fn end(&self, at: usize, id: UserId, session: &Session) {
        self.d.world.regions[at].people().end_session(id, &session.id).await.unwrap();
    }

    /// The rows of a region about ended sessions.
    pub(super) async fn rows(&self, at: usize) -> usize {
        self.d.world.regions[at].home.due.due_page(LOGOUT, NEVER, None, 100).await.unwrap().rows.len()
    }

    /// What the client of a notice calls a session.
    pub(super) fn called(&self, session: &Session, claims: &Value) -> String {
        self.d.world.regions[0].secrets().session_name(&session.id, claims["aud"].as_str().unwrap())
    }

    /// The claims of a notice, which a published key has signed.
    pub(super) async fn claims(&self, posted: &Posted) -> Value {
        let region = &self.d.world.regions[1];
        let body = std::str::from_utf8(&posted.body).unwrap();
        let token = body.strip_prefix("logout_token=").unwrap();
        let keys = OidcKeys::load(&*region.home.registry, region.secrets(), region.home.clock.now()).await.unwrap();
        let kid = umoja_crypto::jws::parse_jwt(token).unwrap().header("kid").unwrap().to_owned();
        Value::Object(verify_jwt(token, "logout+jwt", keys.verify(&kid).unwrap()).unwrap().claims)
    }
}

// oidcc-backchannel-discovery-endpoint-verification
#[test]
fn the_metadata_says_that_clients_are_informed_and_where_devices_begin() {
    story(7_411, async |sso| {
        let request = axum::http::Request::get("/.well-known/openid-configuration").body(axum::body::Body::empty());
        let metadata = sso.send(1, request.unwrap()).await.body;
        assert_eq!(metadata["backchannel_logout_supported"], true);
        assert_eq!(metadata["backchannel_logout_session_supported"], true);
        assert_eq!(metadata["device_authorization_endpoint"], format!("{ISSUER}/oauth2/device"));
        let grants = metadata["grant_types_supported"].as_array().unwrap();
        assert!(grants.contains(&json!("urn:ietf:params:oauth:grant-type:device_code")));
    });
}

// oidcc-backchannel-rp-initiated-logout
#[test]
fn a_client_that_sends_a_person_to_the_logout_is_informed_of_the_session_of_its_id_token() {
    let changes = json!({ "backchannel_logout_uri": "https://web.example/logout" });
    sign_in_story(7_412, changes, async |sso| {
        let mut browser = Browser::default();
        let code = browser.whole(&sso, 0, &[]).await.answer("code").unwrap();
        let got = sso.ask(1, "web", &[], &redeeming(&code, CALLBACK, VERIFIER)).await;
        let token = got.text("id_token");
        sso.d.world.settle().await;
        let page = browser.get(&sso, 1, &format!("/oauth2/logout?id_token_hint={token}")).await;
        assert_eq!(page.title(), "You are signed out");
        assert_eq!(sso.logouts(1).step().await.unwrap().accepted, 1);
        let (posted, parsed) = (sso.hook.take(), umoja_crypto::jws::parse_jwt(token).unwrap());
        let claims = sso.claims(&posted[0]).await;
        assert_eq!(claims["sid"].as_str(), parsed.claimed("sid"));
        assert_eq!(claims["sub"].as_str(), parsed.claimed("sub"));
        assert_eq!((posted.len(), &claims["aud"]), (1, &json!("web")));
    });
}

#[test]
fn every_client_of_the_session_that_wants_it_is_informed_once_by_the_region_that_ended_it() {
    story(7_400, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        sso.put(informed("app", "https://app.example/logout")).await;
        let (id, session) = sso.seen(&["web", "app", "till"]).await;
        let people = sso.d.world.regions[0].people();
        let sub = people.subject(id, &Sector::Public).await.unwrap();
        sso.d.world.settle().await;
        sso.end(1, id, &session).await;
        sso.d.world.settle().await;
        assert_eq!(sso.logouts(0).step().await.unwrap(), Informed::default());
        assert_eq!(sso.logouts(1).step().await.unwrap().accepted, 2);
        let posted = sso.hook.take();
        let mut urls: Vec<_> = posted.iter().map(|posted| posted.url.as_str()).collect();
        urls.sort_unstable();
        assert_eq!(urls, ["https://app.example/logout", "https://web.example/logout"]);
        let mut sids = BTreeSet::new();
        for posted in &posted {
            assert_eq!(posted.header("content-type"), "application/x-www-form-urlencoded");
            let claims = sso.claims(posted).await;
            let now = sso.now();
            assert_eq!(
                (&claims["iss"], &claims["iat"], &claims["exp"]),
                (&json!(ISSUER), &json!(now), &json!(now + 120))
            );
            assert!(posted.url.contains(claims["aud"].as_str().unwrap()));
            sids.insert(claims["sid"].to_string());
            assert_eq!((&claims["sid"], &claims["sub"]), (&json!(sso.called(&session, &claims)), &json!(sub)));
            let event = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
            assert_eq!((&claims["events"], claims.get("nonce")), (&event, None));
            let claims = claims.to_string();
            assert!(!claims.contains(&id.to_string()) && !claims.contains(&session.id));
        }
        assert_eq!(sids.len(), 2, "two clients cannot tell that they have one session");
        // Nothing is left a minute later, and no one is informed again.
        sso.end(1, id, &session).await;
        sso.end(0, id, &session).await;
        sso.d.world.clock.advance(61_000);
        sso.logouts(1).step().await.unwrap();
        assert_eq!((sso.hook.take().len(), sso.rows(0).await, sso.rows(1).await), (0, 0, 0));
    });
}

#[test]
fn a_client_gets_its_own_algorithm() {
    story(7_401, async |sso| {
        let mut web = informed("web", "https://web.example/logout");
        web["id_token_signed_response_alg"] = "RS256".into();
        sso.put(web).await;
        let (id, session) = sso.seen(&["web"]).await;
        sso.end(0, id, &session).await;
        sso.hook.answer(|_| Ok(status(204)));
        assert_eq!(sso.logouts(0).step().await.unwrap().accepted, 1);
        let posted = sso.hook.take();
        let token = std::str::from_utf8(&posted[0].body).unwrap().strip_prefix("logout_token=").unwrap();
        let parsed = umoja_crypto::jws::parse_jwt(token).unwrap();
        assert_eq!(parsed.header("alg"), Some("RS256"));
        sso.claims(&posted[0]).await;
    });
}

#[test]
fn a_client_that_fails_is_informed_again_with_the_same_id_and_one_that_rejects_is_not() {
    story(7_402, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        sso.put(informed("app", "https://app.example/logout")).await;
        let (id, session) = sso.seen(&["web", "app"]).await;
        sso.end(0, id, &session).await;
        sso.hook.answer(|posted| Ok(status(if posted.url.contains("app") { 400 } else { 500 })));
        let logouts = sso.logouts(0);
        let done = logouts.step().await.unwrap();
        assert_eq!((done.accepted, done.rejected, done.given_up), (0, 1, 1));
        let first = sso.hook.take();
        assert_eq!((first.len(), logouts.step().await.unwrap()), (2, Informed::default()));
        // A client that never answers is given up in the end.
        let web = first.iter().find(|posted| posted.url.contains("web")).unwrap();
        let jti = sso.claims(web).await["jti"].clone();
        let (began, mut calls) = (sso.d.world.clock.now(), 0);
        while sso.rows(0).await > 0 {
            sso.d.world.clock.advance(600_000);
            logouts.step().await.unwrap();
            for posted in sso.hook.take() {
                assert_eq!(
                    (posted.url.as_str(), &sso.claims(&posted).await["jti"]),
                    ("https://web.example/logout", &jti)
                );
                calls += 1;
            }
            assert!(sso.d.world.clock.now().since(began) < TRIED_FOR_MS + 2 * DAY);
        }
        assert!((10..40).contains(&calls), "{calls}");
    });
}

#[test]
fn a_client_whose_tokens_arrive_after_the_end_is_informed_a_minute_later() {
    story(7_403, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        let (id, session) = sso.seen(&[]).await;
        // At the same moment, in the other region.
        sso.note(1, id, &session, "web").await;
        sso.end(0, id, &session).await;
        sso.d.world.deliver().await;
        let logouts = sso.logouts(0);
        assert_eq!(logouts.step().await.unwrap(), Informed::default());
        sso.d.world.clock.advance(60_000);
        logouts.step().await.unwrap();
        assert_eq!(logouts.step().await.unwrap().accepted, 1);
        assert_eq!((sso.hook.take().len(), sso.rows(0).await, sso.rows(1).await), (1, 0, 0));
    });
}

#[test]
fn two_who_end_a_session_at_once_inform_each_client_once() {
    story(7_404, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        let (id, _) = sso.seen(&[]).await;
        for polls in 0..60 {
            let session = sso.session(id).await;
            sso.note(0, id, &session, "web").await;
            let mut other = std::pin::pin!(sso.end(0, id, &session));
            let ended = polled(polls, other.as_mut()).await;
            sso.end(0, id, &session).await;
            sso.logouts(0).step().await.unwrap();
            if ended.is_none() {
                other.await;
            }
            for _ in 0..3 {
                sso.logouts(0).step().await.unwrap();
                sso.d.world.clock.advance(61_000);
            }
            assert_eq!((sso.hook.take().len(), sso.rows(0).await), (1, 0), "{polls}");
        }
    });
}

#[test]
fn a_session_that_has_ended_is_made_known_wherever_its_process_was_killed() {
    story(7_405, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        let (id, _) = sso.seen(&[]).await;
        for polls in 0..80 {
            let session = sso.session(id).await;
            sso.note(0, id, &session, "web").await;
            killed_after(polls, sso.end(0, id, &session)).await;
            let people = sso.d.world.regions[0].people();
            let standing = umoja_accounts::access::Standing::read(&people, id).await.unwrap().unwrap();
            let has_ended = standing.has_ended(&session.id);
            // Who informs the client is killed too.
            for _ in 0..8 {
                killed_after(polls, sso.logouts(0).step()).await;
                sso.d.world.clock.advance(31_000);
            }
            for _ in 0..4 {
                sso.logouts(0).step().await.unwrap();
                sso.d.world.clock.advance(31_000);
            }
            let posted = sso.hook.take();
            assert!(!has_ended || !posted.is_empty(), "{polls}");
            let mut ids = Vec::new();
            for posted in &posted {
                ids.push(sso.claims(posted).await["jti"].clone());
            }
            ids.dedup();
            assert!(ids.len() <= 1 && sso.rows(0).await == 0, "{polls}");
        }
    });
}

#[test]
fn every_session_of_a_person_is_informed_of_and_neither_rows_nor_messages_name_the_person() {
    story(7_406, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        let (id, first) = sso.seen(&["web"]).await;
        let second = sso.session(id).await;
        sso.note(0, id, &second, "web").await;
        let people = sso.d.world.regions[0].people();
        people.end_all_sessions(id).await.unwrap();
        let page = people.home.due.due_page(LOGOUT, NEVER, None, 10).await.unwrap();
        assert_eq!(page.rows.len(), 1);
        assert!(!format!("{page:?}").contains("ada@"));
        sso.logouts(0).step().await.unwrap();
        let mut ended = Vec::new();
        for posted in sso.hook.take() {
            assert!(!sso.claims(&posted).await.to_string().contains("ada@"));
            ended.push(sso.claims(&posted).await["sid"].as_str().unwrap().to_owned());
        }
        ended.sort_unstable();
        let mut both =
            vec![sso.called(&first, &json!({ "aud": "web" })), sso.called(&second, &json!({ "aud": "web" }))];
        both.sort_unstable();
        assert_eq!(ended, both);
    });
}

#[test]
fn a_client_that_is_out_is_left_alone_and_others_are_informed() {
    story(7_407, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        sso.put(informed("app", "https://app.example/logout")).await;
        let (id, session) = sso.seen(&["web", "app"]).await;
        let mut sessions = vec![session];
        for _ in 0..15 {
            let session = sso.session(id).await;
            sso.note(0, id, &session, "web").await;
            sessions.push(session);
        }
        sso.hook.answer(|posted| {
            if posted.url.contains("web") { Err(OutboundError::Unavailable("no answer")) } else { Ok(status(200)) }
        });
        sso.d.world.regions[0].people().end_all_sessions(id).await.unwrap();
        let logouts = sso.logouts(0);
        assert_eq!(logouts.step().await.unwrap().accepted, 1);
        sso.hook.take();
        sso.d.world.clock.advance(10_000);
        logouts.step().await.unwrap();
        assert_eq!(sso.hook.take().len(), 0);
        sso.hook.answer(|_| Ok::<Answered, OutboundError>(status(200)));
        let mut accepted = 0;
        for _ in 0..40 {
            sso.d.world.clock.advance(31_000);
            accepted += logouts.step().await.unwrap().accepted;
        }
        assert_eq!((accepted, sso.rows(0).await), (16, 0));
    });
}

/// The URL belongs to an operator, and its name to who owns it.
#[test]
fn no_notice_goes_to_a_private_address_or_without_tls() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sso = Sso::new(7_408).await;
        let (id, _) = sso.seen(&[]).await;
        for uri in [
            "http://web.example/logout",
            "https://127.0.0.1/logout",
            "https://10.0.0.1/logout",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/logout",
            "https://[fd00::1]/logout",
        ] {
            sso.put(informed("web", uri)).await;
            let session = sso.session(id).await;
            sso.note(0, id, &session, "web").await;
            sso.end(0, id, &session).await;
            let done = sso.logouts_by(0, Arc::new(HttpsOutbound::new())).step().await.unwrap();
            assert_eq!((done.accepted, done.rejected), (0, 1), "{uri}");
        }
    });
}

#[test]
fn a_client_without_a_place_for_it_costs_no_notice() {
    story(7_409, async |sso| {
        let (id, session) = sso.seen(&["till"]).await;
        sso.end(0, id, &session).await;
        assert_eq!(sso.logouts(0).step().await.unwrap(), Informed::default());
        sso.d.world.clock.advance(61_000);
        sso.logouts(0).step().await.unwrap();
        assert_eq!((sso.hook.take().len(), sso.rows(0).await), (0, 0));
    });
}

#[test]
fn who_writes_the_table_of_what_is_due_has_no_client_informed_of_what_did_not_happen() {
    story(7_410, async |sso| {
        sso.put(informed("web", "https://web.example/logout")).await;
        sso.put(informed("app", "https://app.example/logout")).await;
        let (id, ended) = sso.seen(&["web"]).await;
        let live = sso.session(id).await;
        sso.note(0, id, &live, "web").await;
        sso.end(0, id, &ended).await;
        let due = &sso.d.world.regions[0].home.due;
        let stored = due.due_row(LOGOUT, id).await.unwrap().unwrap();
        // The genuine notice, said to be about a live session, and for another client; and a look at the live session.
        let mut members = stored.members.unwrap();
        let mut forged = members[&ended.id].clone();
        forged["look_at"] = json!(0);
        forged["notices"]["app"] = forged["notices"]["web"].clone();
        members.insert(live.id.clone(), forged);
        members[&ended.id]["notices"].as_object_mut().unwrap().clear();
        assert!(due.replace_due(LOGOUT, id, Some(&stored.etag), Some((Millis(0), &members))).await.unwrap());
        let logouts = sso.logouts(0);
        for _ in 0..3 {
            assert_eq!(logouts.step().await.unwrap().accepted, 0);
        }
        assert_eq!(sso.hook.take().len(), 0);
    });
}
