//! The largest and the deepest that the API accepts can be stored, opened, answered, verified and exported.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use umoja_schema::profile::{MAX_PROFILE_BYTES, MAX_PROFILE_DEPTH};
use umoja_schema::{Attribute, Attributes, Facts, Identity, Log, LogRow, MAX_IDENTIFIERS, Part, UserId};
use umoja_store::ports::Clock as _;
use umoja_tests::deployment::Deployment;

use super::story;

/// AWS Lambda answers with at most 6 MB, and DynamoDB stores items of at most 400 KB.
const MAX_ANSWER: usize = 5_000_000;
const MAX_ITEM: usize = 400 * 1024;

/// A profile of exactly the most bytes, with a value at the last level.
fn largest(name: &str) -> Value {
    let deepest = (2..MAX_PROFILE_DEPTH - 1)
        .fold(json!([name]), |value, n| if n % 2 == 0 { json!({ "d": value }) } else { json!([value]) });
    let mut profile = json!({ "custom": { "deep": deepest, name: "" } });
    let room = MAX_PROFILE_BYTES - profile.to_string().len();
    profile["custom"][name] = json!("x".repeat(room));
    profile
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The answer of a call, which the reference verifier has accepted, and the bytes that it took.
async fn measured(d: &Deployment, operation: &str, body: Value) -> (Value, usize) {
    let to = &d.endpoints[0];
    let claims = d.shop.claims(to, operation, d.now(), None, body);
    let token = umoja_crypto::jws::sign_request(&d.shop.key, &claims);
    let raw = d.shop.send(to, &claims.path, &token).await;
    let reply = d.shop.verify(to, &claims, &token, &raw, d.now());
    (reply.ok(200).body.clone(), raw.body.len())
}

/// All pages of an export.
async fn pages(d: &Deployment, id: &str) -> Vec<Value> {
    let mut pages: Vec<Value> = Vec::new();
    loop {
        let mut body = json!({ "id": id });
        if let Some(next) = pages.last().map(|page| page["next"].clone()) {
            body["after"] = next;
        }
        let (page, bytes) = measured(d, "export", body).await;
        assert!(bytes < MAX_ANSWER, "{bytes}");
        let is_last = page.get("next").is_none();
        pages.push(page);
        if is_last {
            return pages;
        }
    }
}

#[test]
fn the_largest_and_deepest_profile_passes_every_way() {
    story(1200, async |d| {
        let profile = largest("a");
        assert_eq!((profile.to_string().len(), depth(&profile)), (MAX_PROFILE_BYTES, MAX_PROFILE_DEPTH));
        let body = json!({ "email": "ada@example.com", "email_verified": true, "profile": profile });
        let id = d.call(0, "register", body).await.ok(201).id();
        d.world.settle().await;
        for at in 0..2 {
            let found = d.call(at, "lookup", json!({ "id": id })).await;
            assert_eq!(found.ok(200).body["user"]["profile"], profile);
        }
        assert_eq!(pages(&d, &id).await[0]["user"]["profile"], profile);
        let update = json!({ "id": id, "set": { "profile": largest("a") } });
        assert_eq!(d.call(1, "update", update).await.ok(200).body["user"]["profile"], profile);
    });
}

#[test]
fn a_profile_over_a_limit_is_rejected_wherever_it_is_made() {
    story(1201, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let (mut larger, deeper) = (largest("a"), json!({ "custom": { "x": largest("a")["custom"]["deep"] } }));
        larger["nickname"] = json!("A");
        let deeper = json!({ "custom": { "x": deeper["custom"] } });
        assert_eq!(depth(&deeper), MAX_PROFILE_DEPTH + 1);
        for profile in [larger, deeper] {
            let body = json!({ "username": "ada", "profile": profile });
            let reply = d.call(0, "register", body).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "profile");
            let reply = d.call(0, "update", json!({ "id": id, "set": { "profile": profile } })).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "set.profile");
        }
        // The blanks of a known user are filled only if both fit together.
        d.call(0, "update", json!({ "id": id, "set": { "profile": largest("a") } })).await.ok(200);
        let body = json!({ "email": "ada@example.com", "email_verified": true, "profile": { "nickname": "A" } });
        let reply = d.call_as(&d.food, 0, "register", body).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "profile");
    });
}

#[test]
fn the_largest_user_fits_into_an_item_with_the_keys_of_sixteen_regions() {
    story(1202, async |d| {
        let body = json!({ "email": "ada@example.com", "email_verified": true, "profile": largest("a") });
        let id: UserId = d.call(0, "register", body).await.ok(201).id().parse().unwrap();
        let mut record = d.world.stored(0, id, Part::Profile).await.unwrap();
        let region = &d.world.regions[0];
        let mut identity: Identity = region.sealer.open(&record).await.unwrap();
        let mut facts = record.profile_facts().unwrap().clone();
        let ownership = facts.ownerships.values().next().unwrap().clone();
        // Forty identifiers under two index keys, each an external id of the longest form.
        for n in 0..MAX_IDENTIFIERS {
            let company: umoja_schema::CompanyId = format!("company-with-a-long-name-{n:02}").parse().unwrap();
            identity.external_ids.insert(company.clone(), "\u{10ffff}".repeat(128));
            let source = identity.sources["email"].clone();
            identity.sources.insert(format!("external_id.{company}"), source.clone());
            identity.sources.insert(format!("accounts.{company}"), source);
            facts.links.insert(company.clone(), umoja_schema::Link::since(facts.created_at));
            for key_version in 0..2_u8 {
                let mut ownership = ownership.clone();
                ownership.company = Some(company.clone());
                let bytes = [u8::try_from(n).unwrap() + 100 * key_version; 32];
                facts.ownerships.insert(umoja_schema::BlindIndex::new(bytes), ownership);
            }
        }
        let version = record.version.clone();
        record = region.sealer.seal(id, version, Facts::Profile(facts), &identity, Attributes::new()).await.unwrap();
        let mut item = record.to_item();
        let Some(Attribute::M(keys)) =
            item.values_mut().find(|value| matches!(value, Attribute::M(keys) if keys.contains_key("eu-west-1")))
        else {
            panic!("wrapped keys by region");
        };
        let key = keys["eu-west-1"].clone();
        keys.extend((0..14).map(|n| (format!("region-{n:02}"), key.clone())));
        assert_eq!(keys.len(), 16);
        assert!(size_of(&Attribute::M(item.clone())) < MAX_ITEM, "{}", size_of(&Attribute::M(item)));
    });
}

/// The size of an attribute, as DynamoDB counts it ("DynamoDB Item Sizes and Formats" of its developer guide).
fn size_of(attribute: &Attribute) -> usize {
    match attribute {
        Attribute::S(text) => text.len(),
        Attribute::B(bytes) => bytes.len(),
        Attribute::M(members) => 3 + members.iter().map(|(name, value)| name.len() + size_of(value) + 1).sum::<usize>(),
        Attribute::L(items) => 3 + items.iter().map(|value| size_of(value) + 1).sum::<usize>(),
        _ => 21,
    }
}

#[test]
fn the_largest_person_is_answered_and_exported_in_pages() {
    story(1203, async |d| {
        let mut people = Vec::new();
        for n in 0..50 {
            let body = json!({ "username": format!("user{n}"), "profile": largest(&format!("n{n}")) });
            people.push(d.call(0, "register", body).await.ok(201).id());
            d.world.clock.advance(1000);
        }
        let all: BTreeSet<String> = people.iter().cloned().collect();
        while people.len() > 1 {
            let pairs: Vec<_> = people.chunks(2).map(<[String]>::to_vec).collect();
            people.clear();
            for pair in pairs {
                if let [survivor, duplicate] = &pair[..] {
                    d.call(0, "merge", json!({ "survivor": survivor, "duplicate": duplicate })).await.ok(200);
                }
                people.push(pair[0].clone());
            }
        }
        let primary = &people[0];
        let (found, bytes) = measured(&d, "lookup", json!({ "id": primary })).await;
        assert!(bytes < MAX_ANSWER, "{bytes}");
        assert!(found["user"]["profile"].to_string().len() <= MAX_PROFILE_BYTES);
        let pages = pages(&d, primary).await;
        assert_eq!(pages.len(), 3);
        let linked = |page: &Value| page["linked_accounts"].as_array().unwrap().clone();
        let shown: Vec<_> = pages.iter().flat_map(linked).collect();
        let ids: BTreeSet<String> = shown
            .iter()
            .map(|linked| linked["user"]["id"].as_str().unwrap().to_owned())
            .chain([primary.clone()])
            .collect();
        assert_eq!((shown.len(), ids), (49, all));
        assert!(shown.iter().all(|linked| linked["user"]["profile"].to_string().len() == MAX_PROFILE_BYTES));
        assert!(shown.iter().all(|linked| linked["audit"][0]["event"] == "registered"));
    });
}

#[test]
fn a_long_audit_trail_is_exported_in_pages_without_a_gap() {
    story(1204, async |d| {
        let primary = d.register(0, "ada@example.com", "correct horse").await.id();
        let linked = d.call(0, "register", json!({ "username": "ada" })).await.ok(201).id();
        d.call(0, "merge", json!({ "survivor": primary, "duplicate": linked })).await.ok(200);
        let region = &d.world.regions[0];
        // As many rows as years of logins make, in fewer and larger ones.
        for user in [&primary, &linked] {
            for n in 0..1_500 {
                d.world.clock.advance(1);
                let company = format!("{n:04}{}", "x".repeat(2_000));
                let row = LogRow {
                    user: user.parse().unwrap(),
                    key: format!("zz#{n:04}"),
                    at: umoja_schema::Hlc::at(region.clock.now()),
                    origin: region.name.clone(),
                    kind: "password_changed".into(),
                    fields: Attributes::from([("company".into(), company.into())]),
                    unknown: Attributes::new(),
                };
                region.tables.logs.append(Log::Audit, &row).await.unwrap();
            }
        }
        let pages = pages(&d, &primary).await;
        assert_eq!(pages.len(), 3);
        let numbers = |audit: &Value| -> Vec<String> {
            let changed = audit.as_array().unwrap().iter().filter(|entry| entry["event"] == "password_changed");
            changed.map(|entry| entry["company"].as_str().unwrap()[..4].to_owned()).collect()
        };
        let expected: Vec<String> = (0..1_500).map(|n| format!("{n:04}")).collect();
        let own: Vec<_> = pages.iter().flat_map(|page| numbers(&page["audit"])).collect();
        assert_eq!(own, expected);
        let accounts =
            pages.iter().filter_map(|page| page.get("linked_accounts")).flat_map(|all| all.as_array().unwrap());
        let theirs: Vec<_> = accounts.flat_map(|account| numbers(&account["audit"])).collect();
        assert_eq!(theirs, expected);
        // Each page is recorded, because each shows data.
        let rows = region.tables.logs.rows(Log::Audit, primary.parse().unwrap()).await.unwrap();
        assert_eq!(rows.iter().filter(|row| row.kind == "exported").count(), 3);
    });
}

#[test]
fn an_export_does_not_continue_after_a_position_of_another_person() {
    story(1205, async |d| {
        let ada = d.register(0, "ada@example.com", "correct horse").await.id();
        let bob = d.register(0, "bob@example.com", "correct horse").await.id();
        for after in [bob.as_str(), "x", ""] {
            let reply = d.call(0, "export", json!({ "id": ada, "after": after })).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "after", "{after}");
        }
        d.call(0, "export", json!({ "id": ada, "after": ada })).await.ok(200);
    });
}
