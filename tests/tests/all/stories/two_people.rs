//! Two people who share a verified identifier: a family with one telephone number, and one company's two records.

use serde_json::{Value, json};
use umoja_accounts::conflicts::{Resolution, ResolveError, Resolved, State, Way, look};
use umoja_accounts::evidence::Contradiction;
use umoja_schema::{IdentifierKind, Log, Part, UserId};
use umoja_tests::caller::Caller;
use umoja_tests::deployment::Deployment;

use super::story;

const PHONE: &str = "+254712123456";

/// A user with the family's verified number.
fn member(more: Value) -> Value {
    let mut body = json!({ "phone_number": PHONE, "phone_number_verified": true });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn with_email(email: &str, verified: bool) -> Value {
    member(json!({ "email": email, "email_verified": verified }))
}

async fn primary(d: &Deployment, at: usize, by: Value) -> String {
    d.call(at, "lookup", by).await.ok(200).id()
}

/// Registers two users in two regions that do not know of each other, and runs all queues and anti-entropy to the end.
async fn met(d: &Deployment, first: (&Caller, Value), second: (&Caller, Value)) -> [String; 2] {
    let one = d.call_as(first.0, 0, "register", first.1).await.ok(201).id();
    d.world.clock.advance(1000);
    let two = d.call_as(second.0, 1, "register", second.1).await.ok(201).id();
    d.world.drain().await;
    [one, two]
}

/// In both regions the two are two persons in conflict about the number, which finds the first.
async fn check_apart(d: &Deployment, [one, two]: &[String; 2], why: &[Contradiction]) {
    for at in 0..2 {
        for id in [one, two] {
            assert_eq!(primary(d, at, json!({ "id": id })).await, *id);
        }
        assert_eq!(primary(d, at, json!({ "phone_number": PHONE })).await, *one);
        let own = &d.world.regions[at].home.own;
        let conflict = look(own, one.parse().unwrap(), two.parse().unwrap()).await.unwrap();
        assert_eq!((conflict.state, &conflict.contradictions[..]), (State::Open, why));
        let rows = own.logs.rows(Log::Journal, two.parse().unwrap()).await.unwrap();
        assert!(rows.iter().any(|row| row.kind == "identifier_conflict" && row.field("rival") == Some(one)));
    }
}

fn of_shop() -> Contradiction {
    Contradiction::ExternalId { company: "shop".parse().unwrap() }
}

const EMAIL: Contradiction = Contradiction::Email { verified: true };

#[test]
fn another_external_id_of_the_company_is_another_person() {
    story(1100, async |d| {
        let first = json!({ "email": "ada@example.com", "email_verified": true, "external_id": "auth0|1" });
        let one = d.call(0, "register", first.clone()).await.ok(201).id();
        let mut other = first.clone();
        other["external_id"] = json!("google-oauth2|2");
        let rejected = d.call(0, "register", other).await;
        assert_eq!(rejected.rejected(409, "identifier_taken").body["field"], "email");
        // The same record again, and a record without an external id, are the known person.
        let mut nameless = first.clone();
        nameless.as_object_mut().unwrap().remove("external_id");
        for again in [first, nameless] {
            let matched = d.call(0, "register", again).await;
            assert_eq!((matched.ok(200).id(), &matched.body["outcome"]), (one.clone(), &json!("matched")));
        }
        d.call(0, "lookup", json!({ "external_id": "google-oauth2|2" })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn external_ids_of_two_companies_are_one_person() {
    story(1101, async |d| {
        let body = |id: &str| json!({ "email": "ada@example.com", "email_verified": true, "external_id": id });
        let one = d.call(0, "register", body("1")).await.ok(201).id();
        assert_eq!(d.call_as(&d.food, 0, "register", body("2")).await.ok(200).id(), one);
        // Now both companies know the person, and each only by its own external id.
        d.call_as(&d.food, 0, "register", body("3")).await.rejected(409, "identifier_taken");
        for (by, id) in [(&d.shop, "1"), (&d.food, "2")] {
            assert_eq!(d.call_as(by, 0, "lookup", json!({ "external_id": id })).await.ok(200).id(), one);
        }
    });
}

#[test]
fn a_shared_number_does_not_match_another_verified_address() {
    story(1102, async |d| {
        d.call(0, "register", with_email("ada@example.com", true)).await.ok(201);
        for by in [&d.shop, &d.food] {
            let rejected = d.call_as(by, 0, "register", with_email("bola@example.com", true)).await;
            assert_eq!(rejected.rejected(409, "identifier_taken").body["field"], "phone_number");
        }
        d.call(0, "lookup", json!({ "email": "bola@example.com" })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn a_shared_number_matches_where_no_address_contradicts_it() {
    for again in [member(json!({})), with_email("ada@example.com", true), with_email("bola@example.com", false)] {
        story(1103, async |d| {
            let one = d.call(0, "register", with_email("ada@example.com", true)).await.ok(201).id();
            let matched = d.call_as(&d.food, 0, "register", again).await;
            assert_eq!((matched.ok(200).id(), &matched.body["user"]["email"]), (one, &json!("ada@example.com")));
        });
    }
}

#[test]
fn two_people_who_meet_by_replication_stay_two() {
    let ids = |n: &str| member(json!({ "external_id": n }));
    story(1104, async |d| {
        let pair = met(&d, (&d.shop, ids("1")), (&d.shop, ids("2"))).await;
        check_apart(&d, &pair, &[of_shop()]).await;
    });
    story(1105, async |d| {
        let (ada, bola) = (with_email("ada@example.com", true), with_email("bola@example.com", true));
        let pair = met(&d, (&d.shop, ada), (&d.food, bola)).await;
        check_apart(&d, &pair, &[EMAIL]).await;
    });
    story(1106, async |d| {
        // A merge would join the passwords too, so an address that is not verified counts.
        let (ada, bola) = (with_email("ada@example.com", true), with_email("bola@example.com", false));
        let pair = met(&d, (&d.shop, ada), (&d.food, bola)).await;
        check_apart(&d, &pair, &[Contradiction::Email { verified: false }]).await;
    });
}

#[test]
fn no_password_opens_the_account_of_another_person() {
    story(1107, async |d| {
        let mut bola = with_email("bola@example.com", true);
        bola["password"] = json!("correct horse");
        met(&d, (&d.shop, with_email("ada@example.com", true)), (&d.food, bola)).await;
        for at in 0..2 {
            assert!(d.accepts(at, "bola@example.com", "correct horse").await);
            assert!(!d.accepts(at, "ada@example.com", "correct horse").await);
            let by_phone = json!({ "phone_number": PHONE, "password": "correct horse" });
            assert_eq!(d.call(at, "authenticate", by_phone).await.ok(200).body["authenticated"], false);
        }
    });
}

/// Registers three users in two regions that do not know of each other. The second shares a number with the first and
/// an address with the third, to whom the shop has given another external id than to the first.
async fn chain(d: &Deployment) -> [String; 3] {
    let first = d.call(0, "register", member(json!({ "external_id": "1" }))).await.ok(201).id();
    d.world.clock.advance(1000);
    let second = d.call_as(&d.food, 1, "register", with_email("ada@example.com", true)).await.ok(201).id();
    d.world.clock.advance(1000);
    let third = json!({ "email": "ada@example.com", "email_verified": true, "external_id": "2" });
    [first, second, d.call(0, "register", third).await.ok(201).id()]
}

#[test]
fn a_chain_of_shared_identifiers_joins_no_two_people() {
    for (from, to) in [(0, 1), (1, 0)] {
        story(1108, async |d| {
            let [first, _, third] = chain(&d).await;
            // One direction is slower, so that one region merges what it knows.
            d.world.set_cut(from, to, true);
            d.world.rounds(2).await;
            d.world.set_cut(from, to, false);
            d.world.drain().await;
            for at in 0..2 {
                let one = primary(&d, at, json!({ "external_id": "1" })).await;
                assert_ne!(one, primary(&d, at, json!({ "external_id": "2" })).await);
                assert_eq!(primary(&d, at, json!({ "id": first })).await, one);
                assert_ne!(primary(&d, at, json!({ "id": third })).await, one);
            }
        });
    }
}

#[test]
fn a_user_who_could_be_either_of_two_people_is_neither() {
    story(1109, async |d| {
        let ids = chain(&d).await;
        // Every region knows all three before any request is processed.
        for _ in 0..2 {
            for region in &d.world.regions {
                region.pump.replicate().await.unwrap();
            }
        }
        d.world.drain().await;
        for at in 0..2 {
            for id in &ids {
                assert_eq!(primary(&d, at, json!({ "id": id })).await, *id);
            }
        }
    });
}

fn resolution<'a>(
    people: &'a umoja_accounts::People,
    [winner, loser]: &[String; 2],
    despite: &'a [IdentifierKind],
) -> Resolution<'a> {
    let [winner, loser] = [winner, loser].map(|id| id.parse().unwrap());
    Resolution { people, winner, loser, by: "support", reason: None, despite, dry_run: false }
}

#[test]
fn an_operator_merges_two_people_only_by_name_of_the_difference() {
    story(1110, async |d| {
        let mut first = with_email("ada@example.com", true);
        first["external_id"] = json!("1");
        let mut second = with_email("ada@example.org", true);
        second["external_id"] = json!("2");
        let pair = met(&d, (&d.shop, first), (&d.shop, second)).await;
        check_apart(&d, &pair, &[of_shop(), EMAIL]).await;
        let people = d.world.regions[0].people();
        let (email, external_id) = (IdentifierKind::Email, IdentifierKind::ExternalId);
        for (despite, why) in [(vec![], of_shop()), (vec![email], of_shop()), (vec![external_id], EMAIL)] {
            for dry_run in [true, false] {
                let resolution = Resolution { dry_run, ..resolution(&people, &pair, &despite) };
                assert_eq!(resolution.run(Way::Merge).await, Err(ResolveError::TwoPeople(why.clone())));
            }
        }
        let despite = [external_id, email];
        let done = resolution(&people, &pair, &despite).run(Way::Merge).await;
        assert!(matches!(done, Ok(Resolved::Done(_))), "{done:?}");
        d.world.drain().await;
        for at in 0..2 {
            for n in ["1", "2"] {
                assert_eq!(primary(&d, at, json!({ "external_id": n })).await, pair[0], "no external id is lost");
            }
            let rows = d.world.regions[at].home.own.logs.rows(Log::Journal, pair[1].parse().unwrap()).await.unwrap();
            let merged = rows.into_iter().find(|row| row.kind == "merged").unwrap();
            let kinds = ["external_id", "email"].map(umoja_schema::Attribute::from);
            assert_eq!(merged.fields["despite"], umoja_schema::Attribute::L(kinds.to_vec()));
        }
    });
}

#[test]
fn a_forced_message_merges_no_two_people() {
    story(1111, async |d| {
        let (ada, bola) = (with_email("ada@example.com", true), with_email("bola@example.com", true));
        let pair = met(&d, (&d.shop, ada), (&d.food, bola)).await;
        let ids: [UserId; 2] = pair.clone().map(|id| id.parse().unwrap());
        for region in &d.world.regions {
            let merged =
                umoja_accounts::automatic_merge::merge_verified(&region.home, &region.sealer, ids[0], ids[1]).await;
            assert_eq!(merged.unwrap(), umoja_accounts::automatic_merge::Merged::Left);
        }
        // Without her address, nothing contradicts that the second is the first, and anti-entropy asks again.
        let set = json!({ "email": null });
        d.call_as(&d.food, 1, "update", json!({ "id": pair[1], "set": set })).await.ok(200);
        d.world.drain().await;
        for at in 0..2 {
            assert_eq!(primary(&d, at, json!({ "id": pair[1] })).await, pair[0]);
            assert!(d.world.stored(at, ids[1], Part::Profile).await.is_some());
        }
    });
}
