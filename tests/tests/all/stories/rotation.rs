//! Key rotations: blind index keys, signing keys of answers, and API keys of companies.

use serde_json::json;
use umoja_schema::company::ApiKeyHash;
use umoja_schema::{MAX_IDENTIFIERS, Part, Scope};
use umoja_store::ports::Clock as _;
use umoja_store::rotation::{IndexStep, SigningStep};
use umoja_tests::caller::{Caller, Endpoint};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

use super::{restarted, story};

/// A deployment after the next step, and the instances that have not read it yet.
pub(super) async fn stepped(d: Deployment, expected: IndexStep) -> (Deployment, Vec<Endpoint>) {
    let Deployment { world, endpoints: stale, .. } = d;
    if expected != IndexStep::Publish {
        world.settle_ownerships().await;
    }
    assert_eq!(world.rotate_index().await.unwrap(), expected);
    (restarted(world).await, stale)
}

async fn call(d: &Deployment, at: &Endpoint, operation: &str, body: serde_json::Value) -> umoja_tests::caller::Reply {
    d.shop.call(at, operation, d.now(), body).await
}

/// Instances of both kinds in both regions find every user by every identifier, and no user registers twice.
async fn check(d: &Deployment, stale: &[Endpoint], id: &str) {
    let identifiers =
        [("email", "ada@example.com"), ("phone_number", "+254712123456"), ("username", "Ada"), ("external_id", "4711")];
    for at in d.endpoints.iter().chain(stale) {
        for (kind, value) in identifiers {
            let found = call(d, at, "lookup", json!({ kind: value })).await;
            assert_eq!(found.ok(200).id(), id, "{kind}");
            let twice = call(d, at, "register", json!({ kind: value })).await;
            twice.rejected(409, "identifier_taken");
        }
        let food = json!({ "email": "ada@example.com", "email_verified": true });
        let matched = d.food.call(at, "register", d.now(), food).await;
        assert_eq!(matched.ok(200).id(), id);
        let login = json!({ "email": "ADA@example.com", "password": "correct horse" });
        assert_eq!(call(d, at, "authenticate", login).await.body["authenticated"], true);
    }
}

/// A user who registers with an instance of one kind is found by one of the other and is the only owner of the address.
async fn check_new(d: &Deployment, stale: &[Endpoint], step: &str) {
    for (n, [one, other]) in [[&d.endpoints[0], &stale[0]], [&stale[0], &d.endpoints[0]]].into_iter().enumerate() {
        let email = json!({ "email": format!("{step}{n}@example.com") });
        let id = call(d, one, "register", email.clone()).await.ok(201).id();
        assert_eq!(call(d, other, "lookup", email.clone()).await.ok(200).id(), id);
        call(d, other, "register", email.clone()).await.rejected(409, "identifier_taken");
        // After the other instance renames the user, the address is free for both.
        let renamed = json!({ "id": id, "set": { "email": format!("renamed-{step}{n}@example.com") } });
        call(d, other, "update", renamed).await.ok(200);
        call(d, one, "lookup", email.clone()).await.rejected(404, "user_not_found");
        call(d, one, "register", email).await.ok(201);
        call(d, one, "erase", json!({ "id": id })).await.ok(202);
    }
    d.world.settle().await;
}

#[test]
fn users_are_found_at_every_step_of_an_index_rotation() {
    story(700, async |d| {
        let ada = json!({ "email": "Ada@example.com", "email_verified": true, "phone_number": "0712 123 456",
            "username": "ada", "external_id": "4711", "password": "correct horse" });
        let id = d.call(0, "register", ada).await.ok(201).id();
        d.world.settle().await;
        check(&d, &[], &id).await;
        let (d, stale) = stepped(d, IndexStep::Publish).await;
        check(&d, &stale, &id).await;
        check_new(&d, &stale, "published").await;
        let (d, stale) = stepped(d, IndexStep::Drop).await;
        check(&d, &stale, &id).await;
        check_new(&d, &stale, "dropped").await;
        let (d, stale) = stepped(d, IndexStep::Finish).await;
        check(&d, &stale, &id).await;
        check_new(&d, &stale, "finished").await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_rotation_invalidates_only_the_version_for_conditional_updates() {
    story(702, async |d| {
        let seen = d.register(0, "ada@example.com", "correct horse").await;
        d.world.settle().await;
        let (d, _) = stepped(d, IndexStep::Publish).await;
        d.world.settle_ownerships().await;
        let (id, version) = (seen.id(), seen.version());
        let now = d.call(1, "lookup", json!({ "id": id, "min_version": version })).await;
        assert_ne!(now.ok(200).version(), version);
        assert_eq!(now.body["user"]["updated_at"], seen.body["user"]["updated_at"], "no value has changed");
        let change = json!({ "id": id, "if_version": version, "set": { "profile": { "given_name": "Ada" } } });
        d.call(0, "update", change).await.rejected(409, "version_conflict");
        let change = json!({ "id": id, "if_version": now.version(), "set": { "profile": { "given_name": "Ada" } } });
        d.call(0, "update", change).await.ok(200);
    });
}

#[test]
fn a_user_with_the_most_identifiers_survives_a_rotation() {
    story(703, async |d| {
        let seeds = (10u8..).take(MAX_IDENTIFIERS);
        let companies: Vec<Caller> = seeds.map(|seed| Caller::new(&format!("c{seed}"), seed)).collect();
        for caller in &companies {
            d.put_company(&caller.company(&Scope::ALL, true)).await;
        }
        let body = |who: &str, n: usize| json!({ "email": format!("{who}@example.com"), "email_verified": true, "external_id": format!("{who}{n}") });
        let mut ids = Vec::new();
        for who in ["ada", "bob"] {
            let mut id = String::new();
            for (n, caller) in companies.iter().enumerate() {
                let at = if n == 0 { 0 } else { n % 2 };
                let reply = d.call_as(caller, at, "register", body(who, n)).await;
                if n + 1 < MAX_IDENTIFIERS {
                    id = reply.ok(if n == 0 { 201 } else { 200 }).id();
                    d.world.settle().await;
                } else {
                    assert_eq!(reply.rejected(422, "invalid_body").body["field"], "body");
                }
            }
            ids.push(id);
        }
        let (d, _) = stepped(d, IndexStep::Publish).await;
        d.world.settle_ownerships().await;
        d.call(1, "erase", json!({ "id": ids[0] })).await.ok(202);
        d.world.settle().await;
        d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
        let (d, _) = stepped(d, IndexStep::Drop).await;
        let (d, _) = stepped(d, IndexStep::Finish).await;
        assert_eq!(d.call(1, "lookup", json!({ "email": "bob@example.com" })).await.ok(200).id(), ids[1]);
        d.world.check_invariants().await;
    });
}

#[test]
fn answers_verify_at_every_step_of_a_signing_key_rotation() {
    run(async {
        let mut d = Deployment::new(701).await;
        let signs = |d: &Deployment| d.world.regions[0].secrets().signing_key().kid().to_owned();
        let kids = |d: &Deployment| d.endpoints[0].jwks.iter().map(|(kid, _)| kid.clone()).collect::<Vec<_>>();
        assert_eq!((signs(&d).as_str(), kids(&d)), ("umoja-1", vec!["umoja-1".to_owned()]));
        let steps = [
            (SigningStep::Publish, "umoja-1", 2),
            (SigningStep::Promote, "umoja-2", 2),
            (SigningStep::Retire, "umoja-2", 1),
            (SigningStep::Publish, "umoja-2", 2),
        ];
        for (step, signer, published) in steps {
            let Deployment { world, endpoints: stale, .. } = d;
            let before = world.secrets().await.unwrap();
            assert_eq!(before.signing_step(), step);
            let mut document = before.clone();
            // The operator's command is killed after it wrote one region; the next command detects that.
            let ring = world.regions[0].sealer.ring();
            document.rotate_signing(ring, world.clock.now()).await.unwrap();
            document.sign(ring).await.unwrap();
            let value = serde_json::to_value(&document).unwrap();
            let first = &world.regions[0].home.registry;
            first.put_setting(umoja_store::secrets::SETTING, &value).await.unwrap();
            assert_eq!(world.shared_secrets().newest().await.unwrap(), (document, true));
            d = restarted(world).await;
            assert_eq!((signs(&d).as_str(), kids(&d).len()), (signer, published), "{step:?}");
            // An answer of either kind of instance verifies with the keys that either kind publishes.
            for instances in stale.iter().zip(&d.endpoints).map(|(stale, current)| [stale, current]) {
                for answers in instances {
                    for publishes in instances {
                        let to = Endpoint { jwks: publishes.jwks.clone(), ..answers.clone() };
                        let unknown = json!({ "email": "absent@example.com" });
                        call(&d, &to, "lookup", unknown).await.rejected(404, "user_not_found");
                    }
                }
            }
        }
    });
}

#[test]
fn two_api_keys_work_until_the_old_one_expires() {
    story(704, async |d| {
        // One key pair and two API keys.
        let with_api_key = |seed| {
            let mut caller = Caller::new("mall", seed);
            caller.key = umoja_crypto::SigningKey::from_seed("mall-1", [90; 32]);
            caller
        };
        let [old, new] = [90, 91].map(with_api_key);
        let mut company = old.company(&Scope::ALL, false);
        let ends = d.now() + 3600;
        company.api_keys[0].expires_at = Some(ends);
        company.api_keys.push(ApiKeyHash { id: new.api_key.id().into(), sha256: new.api_key.akh(), expires_at: None });
        d.put_company(&company).await;
        let asks = async |caller: &Caller, at: usize| {
            // Both callers count their requests from the start, and request ids are remembered for a minute.
            d.world.clock.advance(70_000);
            let claims = caller.claims(&d.endpoints[at], "lookup", d.now(), None, json!({ "username": "absent" }));
            let token = umoja_crypto::jws::sign_request(&caller.key, &claims);
            caller.send(&d.endpoints[at], &claims.path, &token).await.status
        };
        for at in 0..2 {
            assert_eq!((asks(&old, at).await, asks(&new, at).await), (404, 404), "both at once");
        }
        // The signing key and the API key are distinct: neither replaces the other.
        assert_eq!(asks(&with_api_key(92), 0).await, 401);
        d.world.clock.advance((ends - d.now()) * 1000);
        for at in 0..2 {
            assert_eq!((asks(&old, at).await, asks(&new, at).await), (401, 404), "the old key has expired");
        }
    });
}

#[test]
fn both_users_of_a_conflict_keep_the_address_during_rotation() {
    story(710, async |d| {
        let mut ids = Vec::new();
        for at in 0..2 {
            let new = json!({ "email": "ada@example.com", "email_verified": true, "username": format!("ada{at}") });
            ids.push(d.food.call(&d.endpoints[at], "register", d.now(), new).await.ok(201).id());
            d.world.clock.advance(10);
        }
        d.world.deliver().await;
        let (d, _) = stepped(d, IndexStep::Publish).await;
        // New writes are owned under the new key too: the second user's address first.
        let named = json!({ "id": ids[1], "set": { "profile": { "given_name": "Ada" } } });
        d.food.call(&d.endpoints[0], "update", d.now(), named).await.ok(200);
        let id = ids[1].parse().unwrap();
        let profile = d.world.stored(0, id, Part::Profile).await.unwrap();
        let versions: std::collections::BTreeSet<u32> =
            profile.ownerships().values().map(|ownership| ownership.key_version).collect();
        assert_eq!(versions, [1, 2].into());
        // The first user owns it, under every key.
        let verified = json!({ "email": "ada@example.com", "email_verified": true });
        assert_eq!(d.food.call(&d.endpoints[0], "register", d.now(), verified).await.ok(200).id(), ids[0]);
        for id in [&ids[0], &ids[1]] {
            let same = json!({ "id": id, "set": { "email": "ADA@example.com", "email_verified": true } });
            d.food.call(&d.endpoints[0], "update", d.now(), same).await.ok(200);
        }
        // No other user gets the address.
        d.call(0, "register", json!({ "email": "ada@example.com" })).await.rejected(409, "identifier_taken");
    });
}
