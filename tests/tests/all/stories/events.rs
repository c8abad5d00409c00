//! The feed of events: what companies learn of their users, through the signed API of two regions.

use base64::Engine as _;
use serde_json::{Value, json};
use umoja_schema::Millis;
use umoja_tests::caller::Caller;
use umoja_tests::deployment::Deployment;

use super::story;

/// Makes the events of everything that was written, and replicates them.
async fn settled(d: &Deployment) {
    d.world.settle().await;
    d.world.feed().await;
    d.world.settle().await;
}

async fn list(d: &Deployment, caller: &Caller, at: usize, body: Value) -> Value {
    d.call_as(caller, at, "events/list", body).await.ok(200).body.clone()
}

/// The types of events without their prefix, each with the names of what changed.
fn reported(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap().iter();
    let reported = events.map(|event| {
        let kind = event["type"].as_str().unwrap().strip_prefix("umoja.user.").unwrap();
        let changed = event["data"]["changed"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
        std::iter::once(kind).chain(changed).collect::<Vec<_>>().join(" ")
    });
    reported.collect()
}

#[test]
fn a_company_gets_what_changes_about_its_users_by_names() {
    story(700, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let set = json!({ "profile": { "given_name": "Ada", "custom": { "shoe": 38 } }, "username": "ada" });
        d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        let change = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
        d.call(0, "password/change", change).await.ok(200);
        settled(&d).await;
        for at in 0..2 {
            let answer = list(&d, &d.shop, at, json!({})).await;
            let changed = "profile_changed profile.given_name profile.custom";
            let mut kinds = reported(&answer);
            kinds.sort();
            let mut expected = vec![
                "registered",
                "identifiers_changed username",
                changed,
                "disabled",
                "enabled",
                "credentials_changed",
            ];
            expected.sort_unstable();
            assert_eq!(kinds, expected);
            assert!(!answer.to_string().contains("Ada"), "an event has no value");
            assert_eq!(list(&d, &d.food, at, json!({})).await["events"], json!([]), "a company that is not linked");
        }
    });
}

#[test]
fn a_changed_external_id_is_reported_to_its_own_company() {
    story(719, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let body = json!({ "email": "ada@example.com", "email_verified": true });
        d.call_as(&d.food, 0, "register", body).await.ok(200);
        let set = json!({ "external_id": "s7", "username": "ada" });
        d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
        settled(&d).await;
        let changed = |answer: Value| {
            reported(&answer).into_iter().filter(|kind| kind.starts_with("identifiers_changed")).collect::<Vec<_>>()
        };
        let to_shop = changed(list(&d, &d.shop, 1, json!({})).await);
        assert_eq!(to_shop, ["identifiers_changed username", "identifiers_changed external_id"]);
        assert_eq!(changed(list(&d, &d.food, 1, json!({})).await), ["identifiers_changed username"]);
    });
}

#[test]
fn an_event_is_a_cloud_event_with_a_version_to_look_up() {
    story(701, async |d| {
        let registered = d.register(0, "ada@example.com", "correct horse").await;
        settled(&d).await;
        let answer = list(&d, &d.shop, 1, json!({})).await;
        let event = &answer["events"][0];
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "umoja.user.registered");
        assert_eq!(event["source"], format!("urn:umoja:{}:shop", d.world.name(0)));
        assert_eq!(event["subject"], registered.id());
        assert_eq!(event["data"]["user"], registered.id());
        assert_eq!(event["data"]["min_version"], registered.version());
        assert!(event["time"].as_str().unwrap().starts_with("2027-01-15T"));
        assert!(event.to_string().len() <= 2048);
        let lookup = json!({ "id": registered.id(), "min_version": event["data"]["min_version"] });
        d.call(1, "lookup", lookup).await.ok(200);
    });
}

#[test]
fn a_cursor_continues_in_every_region() {
    story(702, async |d| {
        d.register(0, "ada@example.com", "correct horse").await;
        settled(&d).await;
        let first = list(&d, &d.shop, 0, json!({})).await;
        assert_eq!(reported(&first), ["registered"]);
        let next = |cursor: &Value| json!({ "cursor": cursor });
        for at in 0..2 {
            assert_eq!(reported(&list(&d, &d.shop, at, next(&first["cursor"])).await), [""; 0]);
        }
        d.register(1, "eve@example.com", "correct horse").await;
        d.register(0, "joe@example.com", "correct horse").await;
        settled(&d).await;
        for at in 0..2 {
            let second = list(&d, &d.shop, at, next(&first["cursor"])).await;
            assert_eq!(reported(&second), ["registered"; 2], "one of each region");
            assert_eq!(reported(&list(&d, &d.shop, 1 - at, next(&second["cursor"])).await), [""; 0]);
        }
    });
}

#[test]
fn pages_end_where_the_limit_says_and_more_says_that_there_are_others() {
    story(703, async |d| {
        for n in 0..7 {
            d.register(n % 2, &format!("ada{n}@example.com"), "correct horse").await;
        }
        settled(&d).await;
        let (mut body, mut seen) = (json!({ "limit": 2 }), Vec::new());
        loop {
            let page = list(&d, &d.shop, seen.len() % 2, body).await;
            let events = page["events"].as_array().unwrap();
            assert!(events.len() <= 2);
            seen.extend(events.iter().map(|event| event["subject"].as_str().unwrap().to_owned()));
            if page["more"] == json!(false) {
                break;
            }
            body = json!({ "limit": 2, "cursor": page["cursor"] });
        }
        assert_eq!(seen.len(), 7);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 7);
    });
}

#[test]
fn events_are_replayed_from_a_time() {
    story(704, async |d| {
        d.register(0, "ada@example.com", "correct horse").await;
        settled(&d).await;
        d.world.clock.advance(3 * 24 * 60 * 60 * 1000);
        let after = d.now();
        d.register(0, "eve@example.com", "correct horse").await;
        settled(&d).await;
        assert_eq!(reported(&list(&d, &d.shop, 1, json!({})).await).len(), 2);
        assert_eq!(reported(&list(&d, &d.shop, 1, json!({ "after": after })).await).len(), 1);
        assert_eq!(reported(&list(&d, &d.shop, 1, json!({ "after": d.now() + 60 })).await).len(), 0);
    });
}

#[test]
fn a_cursor_that_was_not_issued_to_the_company_is_rejected() {
    story(705, async |d| {
        d.register(0, "ada@example.com", "correct horse").await;
        settled(&d).await;
        let cursor = list(&d, &d.shop, 0, json!({})).await["cursor"].as_str().unwrap().to_owned();
        let (content, tag) = cursor.split_once('.').unwrap();
        let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let invented = base64.encode("0~mars-north-1~000000010000000100000001");
        for (caller, cursor) in [
            (&d.food, cursor.clone()),
            (&d.shop, format!("{invented}.{tag}")),
            (&d.shop, content.to_owned()),
            (&d.shop, String::new()),
        ] {
            let reply = d.call_as(caller, 1, "events/list", json!({ "cursor": cursor })).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "cursor");
        }
        for (body, field) in [
            (json!({ "cursor": cursor, "after": 0 }), "after"),
            (json!({ "limit": 0 }), "limit"),
            (json!({ "limit": 501 }), "limit"),
            (json!({ "wait_secs": 21 }), "wait_secs"),
        ] {
            let reply = d.call(0, "events/list", body).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], field);
        }
    });
}

#[test]
fn a_company_without_the_scope_lists_no_events() {
    story(706, async |d| {
        let clerk = Caller::new("clerk", 9);
        d.put_company(&clerk.company(&[umoja_schema::Scope::Lookup], false)).await;
        let rejected = d.call_as(&clerk, 0, "events/list", json!({})).await;
        assert!(rejected.body["detail"].as_str().unwrap().contains("`events:list`"));
        rejected.rejected(403, "scope_missing");
    });
}

#[test]
fn links_concern_their_company_and_an_erasure_all_that_were_linked() {
    story(707, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        settled(&d).await;
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        d.call_as(&d.food, 1, "authenticate", login).await.ok(200);
        settled(&d).await;
        assert_eq!(reported(&list(&d, &d.food, 0, json!({})).await), ["linked"]);
        assert_eq!(reported(&list(&d, &d.shop, 0, json!({})).await), ["registered"]);
        d.call(1, "erase", json!({ "id": id })).await.ok(202);
        settled(&d).await;
        for caller in [&d.shop, &d.food] {
            let answer = list(&d, caller, 0, json!({})).await;
            let last = answer["events"].as_array().unwrap().last().unwrap();
            assert_eq!(last["type"], "umoja.user.erased");
            assert_eq!(last["subject"], id);
            assert_eq!(last["data"].get("min_version"), None);
        }
    });
}

#[test]
fn events_of_merged_users_reach_the_companies_of_both() {
    story(708, async |d| {
        let one = d.call(0, "register", json!({ "username": "ada" })).await.id();
        let two = d.call_as(&d.food, 0, "register", json!({ "username": "countess" })).await.id();
        d.call(0, "merge", json!({ "survivor": one, "duplicate": two })).await.ok(200);
        settled(&d).await;
        let of = async |caller, kind: &str| {
            let answer = list(&d, caller, 1, json!({})).await;
            let events = answer["events"].as_array().unwrap();
            let found = events.iter().find(|event| event["type"] == format!("umoja.user.{kind}"));
            found.unwrap_or_else(|| panic!("no {kind} in {answer}")).clone()
        };
        for (caller, subject) in [(&d.shop, &one), (&d.food, &two)] {
            let event = of(caller, "merged").await;
            assert_eq!(event["subject"], *subject);
            assert_eq!((&event["data"]["user"], &event["data"]["other"]), (&json!(two), &json!(one)));
        }
        d.call(1, "update", json!({ "id": one, "set": { "profile": { "name": "Ada" } } })).await.ok(200);
        settled(&d).await;
        let event = of(&d.food, "profile_changed").await;
        assert_eq!(event["subject"], json!(two));
        assert_eq!(event["data"]["user"], json!(one), "the values of the primary account are what the company sees");
        d.call(0, "unmerge", json!({ "id": two })).await.ok(200);
        settled(&d).await;
        for caller in [&d.shop, &d.food] {
            assert_eq!(of(caller, "unmerged").await["data"]["other"], json!(one));
        }
    });
}

#[test]
fn a_login_and_a_repeated_request_make_no_event() {
    story(709, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        settled(&d).await;
        let cursor = list(&d, &d.shop, 0, json!({})).await["cursor"].clone();
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        settled(&d).await;
        assert_eq!(reported(&list(&d, &d.shop, 0, json!({ "cursor": cursor })).await), [""; 0]);
    });
}

#[test]
fn a_waiting_request_is_answered_by_the_first_event() {
    story(710, async |d| {
        d.register(0, "ada@example.com", "correct horse").await;
        settled(&d).await;
        let cursor = list(&d, &d.shop, 0, json!({})).await["cursor"].clone();
        let waiting = list(&d, &d.shop, 0, json!({ "cursor": cursor, "wait_secs": 20 }));
        let later = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            d.register(0, "eve@example.com", "correct horse").await;
            d.world.feed().await;
        };
        let (answer, ()) = tokio::join!(waiting, later);
        assert_eq!(reported(&answer), ["registered"]);
        let cursor = &answer["cursor"];
        let answer = list(&d, &d.shop, 0, json!({ "cursor": cursor, "wait_secs": 1 })).await;
        assert_eq!(reported(&answer), [""; 0], "no event came");
    });
}

#[test]
fn a_cursor_before_expired_events_is_rejected_and_an_idle_one_is_not() {
    story(711, async |d| {
        let begun = list(&d, &d.shop, 0, json!({ "after": d.now() - 60 })).await["cursor"].clone();
        d.register(0, "ada@example.com", "correct horse").await;
        settled(&d).await;
        let read = list(&d, &d.shop, 0, json!({ "cursor": begun, "limit": 1 })).await["cursor"].clone();
        d.register(0, "eve@example.com", "correct horse").await;
        settled(&d).await;
        let all = list(&d, &d.shop, 0, json!({ "cursor": read })).await["cursor"].clone();
        d.world.clock.advance(40 * Millis::DAY_MS);
        d.register(0, "joe@example.com", "correct horse").await;
        settled(&d).await;
        assert!(d.world.regions[1].pump.drop_expired().await.unwrap() > 0);
        for at in 0..2 {
            d.call(at, "events/list", json!({ "cursor": read })).await.rejected(410, "cursor_expired");
            assert_eq!(reported(&list(&d, &d.shop, at, json!({ "cursor": all })).await), ["registered"]);
            assert_eq!(reported(&list(&d, &d.shop, at, json!({})).await), ["registered"], "what is kept");
        }
        d.world.anti_entropy().await;
        assert!(d.world.regions[1].pump.drop_expired().await.unwrap() == 0, "nothing comes back");
    });
}
