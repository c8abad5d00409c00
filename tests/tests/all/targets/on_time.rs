//! Provisioning on time, through the signed API: requests, tickets and parameters.

use std::time::Duration;

use serde_json::{Value, json};
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{Company, Scope, StatusPage, Target, TargetAccount, TargetRequest};
use umoja_tests::caller::Reply;

use super::{Fed, target, user, with_target};

const PASSWORD: &str = "correct horse battery staple";
const LONGEST_MS: u64 = 10_000;

impl Fed {
    /// A user of the shop with a password.
    async fn person(&self, email: &str) -> String {
        let id = self.d.register(0, email, PASSWORD).await.ok(201).id();
        self.d.world.clock.advance(1_000);
        id
    }

    /// A login that wants the target, with these further members.
    async fn login(&self, at: usize, email: &str, more: Value) -> Reply {
        let mut body = json!({ "email": email, "password": PASSWORD, "provision": ["crm"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.d.call(at, "authenticate", body).await
    }

    /// The account at the target in the status of an answer's ticket.
    async fn status(&self, at: usize, reply: &Reply) -> Value {
        let ticket = &reply.body["provisioning"]["ticket"];
        self.d.call(at, "provisioning", json!({ "ticket": ticket })).await.ok(200).body["accounts"][0].clone()
    }

    /// Replicates, rings and delivers until the user has an account, while a request waits.
    async fn deliver_to(&self, id: &str) {
        let provisioner = self.provisioner(0);
        while self.account(id).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.d.world.settle().await;
            self.ring(&provisioner).await;
            self.deliver(&provisioner).await;
        }
        self.d.world.settle().await;
    }

    /// The rows and the requests of a user in a region.
    async fn stored(&self, at: usize, id: &str) -> (Vec<TargetAccount>, Vec<TargetRequest>) {
        let items = self.d.world.regions[at].tables.items.items(&TARGET_ACCOUNTS, user(id)).await.unwrap();
        let rows = items.iter().filter_map(|item| TargetAccount::from_item(item).ok()).collect();
        (rows, items.iter().filter_map(|item| TargetRequest::from_item(item).ok()).collect())
    }

    /// A mapping with a parameter.
    async fn map_country(&mut self) {
        self.target.mapping["title"] = json!("/params/country");
        self.store().await;
    }
}

fn account(reply: &Reply) -> Value {
    reply.ok(200).body["provisioning"]["accounts"][0].clone()
}

#[test]
fn a_login_has_the_user_provisioned_while_it_waits_in_any_region() {
    for (seed, at) in [(980, 0), (981, 1)] {
        with_target(seed, async |fed| {
            let id = fed.person("ada@example.com").await;
            fed.d.world.settle().await;
            let (reply, ()) =
                tokio::join!(fed.login(at, "ada@example.com", json!({ "wait_ms": LONGEST_MS })), fed.deliver_to(&id));
            let remote_id = fed.account(&id).unwrap()["id"].clone();
            assert_eq!(account(&reply), json!({ "target": "crm", "state": "done", "remote_id": remote_id }));
            assert_eq!(reply.body["authenticated"], true);
            let provisioning = &reply.body["provisioning"];
            assert_eq!(provisioning["version"], reply.body["user"]["version"]);
            let (url, ticket) = (provisioning["url"].as_str().unwrap(), provisioning["ticket"].as_str().unwrap());
            assert_eq!(url, format!("{}/s#{ticket}", fed.d.endpoints[at].base_url));
            for at in 0..2 {
                assert_eq!(fed.status(at, &reply).await["state"], "done");
            }
        });
    }
}

#[test]
fn a_registration_has_the_user_provisioned_and_a_retry_gets_another_ticket() {
    with_target(982, async |fed| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "provision": ["crm"] });
        let first = fed.d.call_idk(0, "register", "key-1", body.clone()).await;
        let state = &first.ok(201).body["provisioning"]["accounts"][0]["state"];
        assert_eq!(state, "pending");
        fed.settle().await;
        fed.d.world.clock.advance(1_000);
        let again = fed.d.call_idk(0, "register", "key-1", body).await;
        assert_eq!(again.ok(201).body["provisioning"]["accounts"][0]["state"], "done");
        assert_eq!(again.id(), first.id());
        assert_ne!(again.body["provisioning"]["ticket"], first.body["provisioning"]["ticket"]);
        assert_eq!(fed.status(0, &first).await["state"], "done");
    });
}

/// Failure: target out when a user logs in
#[test]
fn a_login_succeeds_while_the_target_is_out_and_its_ticket_shows_the_end() {
    with_target(983, async |fed| {
        let id = fed.person("ada@example.com").await;
        fed.remote.set_down(true);
        let reply = fed.login(0, "ada@example.com", json!({ "wait_ms": 1 })).await;
        assert_eq!(reply.body["authenticated"], true);
        assert_eq!(account(&reply), json!({ "target": "crm", "state": "pending" }));
        fed.settle().await;
        fed.d.world.settle().await;
        for at in 0..2 {
            let status = fed.status(at, &reply).await;
            assert_eq!((&status["state"], &status["code"]), (&json!("pending"), &json!("unavailable")));
            assert!(status["detail"].as_str().unwrap().contains("tried again"));
        }
        fed.remote.set_down(false);
        fed.d.world.clock.advance(60_000);
        fed.settle().await;
        let remote_id = fed.account(&id).unwrap()["id"].clone();
        fed.d.world.settle().await;
        for at in 0..2 {
            let done = json!({ "target": "crm", "state": "done", "remote_id": remote_id });
            assert_eq!(fed.status(at, &reply).await, done);
        }
    });
}

#[test]
fn a_target_that_rejects_the_user_is_a_state_and_a_correction_is_seen() {
    with_target(984, async |fed| {
        fed.remote.reject(Some("bad@example.com"));
        let id = fed.person("bad@example.com").await;
        let reply = fed.login(0, "bad@example.com", json!({})).await;
        fed.settle().await;
        let status = fed.status(0, &reply).await;
        assert_eq!((&status["state"], &status["code"]), (&json!("failed"), &json!("rejected")));
        let change = json!({ "id": id, "set": { "email": "good@example.com" } });
        fed.d.call(0, "update", change).await.ok(200);
        let asked = fed.d.call(0, "provision", json!({ "id": id, "targets": ["crm"] })).await;
        assert_eq!(account(&asked)["state"], "pending", "the failure is of an earlier state");
        fed.settle().await;
        assert_eq!(fed.status(0, &asked).await["state"], "done");
    });
}

#[test]
fn a_request_without_targets_and_a_wrong_password_note_nothing() {
    with_target(985, async |fed| {
        let id = fed.person("ada@example.com").await;
        let plain = fed.d.call(0, "authenticate", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
        assert_eq!(plain.ok(200).body.get("provisioning"), None);
        let wrong =
            json!({ "email": "ada@example.com", "password": "wrong", "provision": ["crm"], "params": { "a": "b" } });
        let wrong = fed.d.call(0, "authenticate", wrong).await;
        assert_eq!(wrong.ok(200).body, json!({ "authenticated": false }));
        assert_eq!(fed.stored(0, &id).await, (Vec::new(), Vec::new()));
        let due = &fed.d.world.regions[0].home.due;
        assert_eq!(due.due_row(&Target::setting(&fed.target.id), user(&id)).await.unwrap(), None);
    });
}

#[test]
fn a_login_whose_target_is_up_to_date_writes_and_asks_nothing() {
    with_target(986, async |fed| {
        let id = fed.person("ada@example.com").await;
        fed.login(0, "ada@example.com", json!({})).await.ok(200);
        fed.settle().await;
        fed.d.world.settle().await;
        let (stored, calls) = (fed.stored(0, &id).await, fed.remote.take_calls().len());
        for at in [0, 1, 0] {
            let reply = fed.login(at, "ada@example.com", json!({ "wait_ms": LONGEST_MS })).await;
            assert_eq!(account(&reply)["state"], "done");
        }
        fed.settle().await;
        assert_eq!((fed.stored(0, &id).await, calls), (stored, 1));
        assert_eq!(fed.remote.take_calls(), [""; 0]);
    });
}

#[test]
fn who_is_not_in_the_scope_has_a_state_of_its_own() {
    with_target(987, async |mut fed| {
        fed.target.scope = Some(json!({ "from": "/profile/address/country", "is": ["KE"] }));
        fed.store().await;
        fed.person("ada@example.com").await;
        let reply = fed.login(0, "ada@example.com", json!({})).await;
        fed.settle().await;
        assert_eq!(fed.status(0, &reply).await, json!({ "target": "crm", "state": "not_in_scope" }));
        let again = fed.login(0, "ada@example.com", json!({})).await;
        assert_eq!(account(&again)["state"], "not_in_scope");
    });
}

#[test]
fn only_targets_of_the_company_can_be_named_and_members_have_their_limits() {
    with_target(988, async |fed| {
        let id = fed.person("ada@example.com").await;
        let foreign = Target { company: "food".parse().unwrap(), ..target(&fed.d, "foreign") };
        let document = serde_json::to_value(&foreign).unwrap();
        for region in &fed.d.world.regions {
            region.tables.registry.put_setting(&Target::setting(&foreign.id), &document).await.unwrap();
        }
        let many: Vec<String> = (0..17).map(|n| format!("crm-{n}")).collect();
        let wrong = [
            ("provision", json!({ "provision": ["unknown"] })),
            ("provision", json!({ "provision": ["foreign"] })),
            ("provision", json!({ "provision": ["crm", "foreign"] })),
            ("provision", json!({ "provision": ["crm", "crm"] })),
            ("provision", json!({ "provision": [] })),
            ("provision", json!({ "provision": null, "wait_ms": 1 })),
            ("provision", json!({ "provision": many })),
            ("wait_ms", json!({ "wait_ms": 10_001 })),
            ("return_url", json!({ "return_url": "shop" })),
            ("params", json!({ "params": { "Country": "KE" } })),
            ("params", json!({ "params": { "country": "x".repeat(257) } })),
        ];
        for (field, more) in wrong {
            let reply = fed.login(0, "ada@example.com", more.clone()).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], field, "{more}");
        }
        let by_hand = fed.d.call(0, "provision", json!({ "id": id, "targets": ["foreign"] })).await;
        assert_eq!(by_hand.rejected(422, "invalid_body").body["field"], "targets");
        assert_eq!(fed.stored(0, &id).await, (Vec::new(), Vec::new()));
    });
}

#[test]
fn a_company_needs_the_scope_and_a_link_to_the_user() {
    with_target(989, async |fed| {
        let id = fed.person("ada@example.com").await;
        let theirs =
            fed.d.call_as(&fed.d.food, 0, "register", json!({ "email": "joe@example.com" })).await.ok(201).id();
        let body = json!({ "id": theirs, "targets": ["crm"] });
        fed.d.call(0, "provision", body).await.rejected(403, "not_linked");
        let unknown = json!({ "id": "0190a5c4-7c00-7000-8000-000000000000", "targets": ["crm"] });
        fed.d.call(0, "provision", unknown).await.rejected(404, "user_not_found");
        let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Provision).collect();
        fed.d.put_company(&Company { revision: 1, ..fed.d.shop.company(&scopes, true) }).await;
        fed.d.world.clock.advance(10_000);
        let body = json!({ "id": id, "targets": ["crm"] });
        fed.d.call(0, "provision", body).await.rejected(403, "scope_missing");
        fed.login(0, "ada@example.com", json!({})).await.rejected(403, "scope_missing");
    });
}

#[test]
fn a_ticket_that_is_forged_foreign_or_old_opens_nothing() {
    with_target(990, async |fed| {
        fed.person("ada@example.com").await;
        let reply = fed.login(0, "ada@example.com", json!({})).await;
        let ticket = reply.ok(200).body["provisioning"]["ticket"].as_str().unwrap();
        let (content, tag) = ticket.split_once('.').unwrap();
        let swapped: String = content.chars().rev().collect();
        for forged in
            [format!("{content}.{}", tag.to_lowercase()), format!("{swapped}.{tag}"), format!("{content}.AAAA")]
        {
            let reply = fed.d.call(0, "provisioning", json!({ "ticket": forged })).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], "ticket");
        }
        let foreign = fed.d.call_as(&fed.d.food, 0, "provisioning", json!({ "ticket": ticket })).await;
        foreign.rejected(422, "invalid_body");
        let expires_at = reply.body["provisioning"]["expires_at"].as_u64().unwrap();
        fed.d.world.clock.advance((expires_at - fed.d.now()) * 1000 - 1_000);
        fed.d.call(1, "provisioning", json!({ "ticket": ticket })).await.ok(200);
        fed.d.world.clock.advance(1_000);
        for at in 0..2 {
            fed.d.call(at, "provisioning", json!({ "ticket": ticket })).await.rejected(410, "ticket_expired");
        }
    });
}

#[test]
fn parameters_reach_the_mapping_and_the_newest_are_kept_sealed() {
    with_target(991, async |mut fed| {
        fed.map_country().await;
        let id = fed.person("ada@example.com").await;
        let title = |fed: &Fed| fed.account(&id).unwrap()["title"].clone();
        let steps = [
            (json!({ "country": "KE" }), json!("KE")),
            (Value::Null, json!("KE")),
            (json!({ "country": "UG", "plan": "gold" }), json!("UG")),
            (json!({ "plan": "gold" }), Value::Null),
            (json!({}), Value::Null),
        ];
        for (at, (params, expected)) in steps.into_iter().enumerate() {
            let reply = fed.login(at % 2, "ada@example.com", json!({ "params": params })).await;
            fed.settle().await;
            assert_eq!((fed.status(0, &reply).await["state"].clone(), title(&fed)), (json!("done"), expected));
            for region in 0..2 {
                let (_, requests) = fed.stored(region, &id).await;
                let sealed = requests[0].params.clone().unwrap_or_default();
                assert!(!sealed.windows(2).any(|bytes| bytes == b"KE" || bytes == b"UG"));
                assert_eq!(sealed.is_empty(), params == json!({}), "{params}");
            }
            fed.d.world.clock.advance(1_000);
        }
    });
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    with_target(992, async |mut fed| {
        fed.map_country().await;
        let id = fed.person("ada@example.com").await;
        let plan = async |fed: &Fed, params: Value| {
            let body = json!({ "id": id, "targets": ["crm"], "params": params, "dry_run": true });
            let reply = fed.d.call(0, "provision", body).await;
            assert_eq!(reply.ok(200).body.get("provisioning"), None);
            reply.body["plan"].clone()
        };
        assert_eq!(plan(&fed, json!({ "country": "KE" })).await, json!([{ "target": "crm", "action": "create" }]));
        assert_eq!(fed.stored(0, &id).await, (Vec::new(), Vec::new()));
        assert_eq!(fed.remote.take_calls(), [""; 0]);
        fed.login(0, "ada@example.com", json!({ "params": { "country": "KE" } })).await.ok(200);
        fed.settle().await;
        let stored = fed.stored(0, &id).await;
        assert_eq!(plan(&fed, Value::Null).await[0]["action"], "nothing");
        assert_eq!(plan(&fed, json!({ "country": "KE" })).await[0]["action"], "nothing");
        assert_eq!(plan(&fed, json!({ "country": "UG" })).await[0]["action"], "update");
        fed.settle().await;
        assert_eq!((fed.stored(0, &id).await, fed.remote.take_calls().len()), (stored, 1));
    });
}

/// Failure: person erased while a request about an account waits
#[test]
fn who_is_erased_meanwhile_leaves_no_account_and_no_parameters_and_the_receipt_waits() {
    for (seed, has_account) in [(993, false), (994, true)] {
        with_target(seed, async |mut fed| {
            fed.map_country().await;
            let id = fed.person("ada@example.com").await;
            if has_account {
                fed.settle().await;
            }
            fed.d.world.settle().await;
            // The request has arrived in the region that erases, and no delivery has read it.
            let reply = fed.login(1, "ada@example.com", json!({ "params": { "country": "KE" } })).await;
            assert_eq!(account(&reply)["state"], "pending");
            fed.d.world.settle().await;
            fed.d.call(0, "erase", json!({ "id": id })).await.ok(202);
            let receipt =
                async |fed: &Fed| fed.d.call(0, "erasure", json!({ "id": id })).await.ok(200).body["receipt"].clone();
            assert_eq!(receipt(&fed).await["targets"]["crm"]["confirmed"], false);
            fed.settle().await;
            fed.settle().await;
            assert_eq!(fed.remote.users(), [Value::Null; 0]);
            for region in 0..2 {
                let (rows, requests) = fed.stored(region, &id).await;
                assert!(requests.iter().all(|request| request.params.is_none()));
                assert!(rows.iter().all(|row| !row.may_exist()));
                let status = json!({ "target": "crm", "state": "not_in_scope" });
                assert_eq!(fed.status(region, &reply).await, status);
            }
            let receipt = receipt(&fed).await;
            assert_eq!((&receipt["targets"]["crm"]["confirmed"], &receipt["complete"]), (&json!(true), &json!(true)));
            fed.settle().await;
            assert_eq!(fed.remote.users(), [Value::Null; 0]);
        });
    }
}

/// Failure: ring of a request lost
#[test]
fn a_request_whose_ring_is_lost_is_delivered() {
    with_target(995, async |fed| {
        let id = fed.person("ada@example.com").await;
        fed.settle().await;
        fed.d.world.regions[0].faults.due.set_down(true);
        let reply = fed.d.call(0, "provision", json!({ "id": id, "targets": ["crm"] })).await;
        assert_eq!(account(&reply)["state"], "pending");
        fed.d.world.regions[0].faults.due.set_down(false);
        fed.settle().await;
        assert_eq!(fed.status(0, &reply).await["state"], "done");
    });
}

#[test]
fn a_ticket_leads_back_to_a_url_of_the_company() {
    with_target(996, async |fed| {
        let return_urls = [("shop".parse().unwrap(), "https://shop.example/done".to_owned())].into();
        let page = StatusPage { return_urls, ..StatusPage::default() };
        let company = fed.d.shop.company(&Scope::ALL, true);
        fed.d.put_company(&Company { status_page: Some(page), ..company }).await;
        fed.person("ada@example.com").await;
        let reply = fed.login(0, "ada@example.com", json!({ "return_url": "shop" })).await;
        let ticket = reply.ok(200).body["provisioning"]["ticket"].as_str().unwrap();
        let secrets = fed.d.world.regions[1].secrets();
        let now = umoja_schema::Millis(fed.d.now() * 1000);
        let opened = umoja_accounts::provisioning::Ticket::open(secrets, now, ticket).unwrap();
        assert_eq!(opened.return_url, Some("shop".parse().unwrap()));
    });
}
