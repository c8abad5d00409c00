//! Webhooks: no event is lost, those of a user come in order, and no webhook holds up another.

mod rig;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use umoja_provisioner::webhooks::Backlog;
use umoja_schema::webhook::SecretSalt;
use umoja_schema::{Company, Millis, Webhook};
use umoja_store::ports::{Answered, OutboundError};
use umoja_tests::hook::{Posted, put_webhook, status, webhook};
use umoja_tests::world::killed_after;

use self::rig::{DAY, HOUR, Rig, SECOND, shop, webhooks};

fn unavailable(_: &Posted) -> Result<Answered, OutboundError> {
    Err(OutboundError::Unavailable("no connection"))
}

#[tokio::test]
async fn every_event_is_posted_once_and_in_order() {
    let rig = Rig::new(7_701).await;
    rig.users(7, 3).await;
    rig.post().await;
    let posted = rig.hook.take();
    assert_eq!(rig.check(&posted).await, 0);
    assert_eq!(rig.backlog().await, Backlog::default());
    rig.post().await;
    assert_eq!(rig.hook.take(), []);
}

#[tokio::test]
async fn a_message_is_the_event_of_the_list_signed_by_the_secret_and_by_the_region() {
    let rig = Rig::new(7_702).await;
    rig.users(1, 1).await;
    rig.post().await;
    let (posted, events) = (rig.hook.take(), rig.events().await);
    let secrets = rig.d.world.regions[0].secrets();
    for (posted, event) in posted.iter().zip(&events) {
        assert_eq!((posted.event(), posted.url.as_str()), (event.clone(), rig.crm.url.as_str()));
        assert!(posted.body.len() <= 2_048);
        let (id, at) = (posted.header("webhook-id"), posted.header("webhook-timestamp").parse::<u64>().unwrap());
        let secret = secrets.webhook_secret(&rig.crm.id, &rig.crm.secrets[0].salt);
        assert_eq!(posted.header("webhook-signature"), secret.sign(id, at, &posted.body));
        assert!(!id.contains('.') && at == rig.d.now());
        let (signed, signature) = posted.header("umoja-signature").rsplit_once('.').unwrap();
        let [header, claims] = [0, 1].map(|n| decoded(signed.split('.').nth(n).unwrap()));
        assert_eq!((&header["typ"], &header["kid"]), (&json!("umoja-evt+jwt"), &json!(secrets.signing_key().kid())));
        let hash = umoja_crypto::jws::body_hash(&posted.body);
        let expected =
            json!({ "iss": rig.d.endpoints[0].base_url, "aud": "shop", "iat": at, "jti": id, "sha256": hash });
        assert_eq!(claims, expected);
        let key = secrets.signing_key().verifying_key();
        assert!(key.verifies(signed.as_bytes(), &bytes(signature)));
    }
    assert_eq!(posted.len(), events.len());
}

fn bytes(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn decoded(text: &str) -> Value {
    serde_json::from_slice(&bytes(text)).unwrap()
}

#[tokio::test]
async fn only_the_linked_company_gets_events_and_none_that_is_disabled() {
    let mut rig = Rig::new(7_703).await;
    let food = webhook(&rig.d.world, "food-crm", &"food".parse().unwrap());
    put_webhook(&rig.d.world, &food).await;
    rig.users(2, 0).await;
    rig.post_to(&food).await;
    assert_eq!(rig.hook.take(), []);
    let company = rig.d.world.regions[0].home.registry.company(&shop()).await.unwrap().unwrap();
    rig.d.put_company(&Company { enabled: false, revision: company.revision + 1, ..company.clone() }).await;
    rig.change(|_| ()).await;
    rig.post().await;
    assert_eq!(rig.hook.take(), []);
    rig.d.put_company(&Company { enabled: true, revision: company.revision + 2, ..company }).await;
    rig.change(|_| ()).await;
    rig.post().await;
    assert_eq!(rig.check(&rig.hook.take()).await, 0);
}

/// Failure: webhook out for a day
#[tokio::test]
async fn a_webhook_that_is_out_for_a_day_loses_nothing_and_costs_few_calls() {
    let rig = Rig::new(7_704).await;
    let other = webhook(&rig.d.world, "mail", &shop());
    put_webhook(&rig.d.world, &other).await;
    rig.users(20, 1).await;
    rig.hook.answer(|posted| if posted.url.contains("crm") { unavailable(posted) } else { Ok(status(200)) });
    rig.post_to(&other).await;
    let to_other = rig.hook.take();
    assert_eq!(rig.check(&to_other).await, 0);
    rig.post_for(DAY, 300 * SECOND).await;
    let calls = rig.hook.take();
    assert!(calls.len() < 130, "{} calls", calls.len());
    let waits = rig.backlog().await;
    assert_eq!((waits.failed, waits.users, waits.fault.as_deref()), (0, 20, Some("no connection")));
    rig.hook.answer(|_| Ok(status(204)));
    rig.post_for(20 * 60 * SECOND, 10 * SECOND).await;
    assert_eq!(rig.check(&rig.hook.take()).await, 0);
    assert_eq!(rig.backlog().await, Backlog::default());
}

/// Failure: slow webhook
#[tokio::test]
async fn a_slow_webhook_holds_up_no_other() {
    let rig = Rig::new(7_705).await;
    let other = webhook(&rig.d.world, "mail", &shop());
    put_webhook(&rig.d.world, &other).await;
    rig.users(3, 0).await;
    rig.hook.hang(&rig.crm.url);
    tokio::select! {
        biased;
        _ = rig.webhooks.step(&rig.crm.id) => panic!("it waits for an answer"),
        () = rig.post_to(&other) => {}
    }
    assert_eq!(rig.check(&rig.hook.take()).await, 0);
}

/// Failure: webhook with too many requests
#[tokio::test]
async fn a_webhook_with_too_many_requests_is_called_when_it_says() {
    let rig = Rig::new(7_706).await;
    rig.users(40, 0).await;
    rig.hook.answer(|_| {
        let headers = vec![("retry-after".to_owned(), "300".to_owned())];
        Ok(Answered { status: 429, headers, body: Vec::new() })
    });
    rig.post().await;
    // Those that ran at the same time.
    let first = rig.hook.take().len();
    assert!((1..=16).contains(&first), "{first}");
    rig.post_for(299 * SECOND, SECOND).await;
    assert_eq!(rig.hook.take(), []);
    rig.hook.answer(|_| Ok(status(200)));
    rig.post_for(200 * SECOND, SECOND).await;
    assert_eq!(rig.check(&rig.hook.take()).await, 0);
}

/// Failure: webhook secret rotated between two attempts
#[tokio::test]
async fn a_secret_that_is_rotated_between_two_attempts_signs_beside_the_new_one() {
    let mut rig = Rig::new(7_707).await;
    rig.users(1, 0).await;
    rig.hook.answer(|_| Ok(status(500)));
    rig.post().await;
    let rejected = rig.hook.take().remove(0);
    let ends_at = Some(rig.now().secs() + 600);
    rig.change(|webhook| {
        webhook.secrets[0].ends_at = ends_at;
        webhook.secrets.push(SecretSalt { salt: "new".into(), ends_at: None });
    })
    .await;
    rig.hook.answer(|_| Ok(status(200)));
    rig.post_for(10 * SECOND, SECOND).await;
    let accepted = rig.hook.take().remove(0);
    assert_eq!((accepted.header("webhook-id"), &accepted.body), (rejected.header("webhook-id"), &rejected.body));
    let (id, at) = (accepted.header("webhook-id"), accepted.header("webhook-timestamp").parse().unwrap());
    let secrets = rig.d.world.regions[0].secrets();
    let sign = |salt: &str| secrets.webhook_secret(&rig.crm.id, salt).sign(id, at, &accepted.body);
    assert_eq!(accepted.header("webhook-signature"), format!("{} {}", sign("new"), sign("salt of crm")));
    // The old secret ends.
    rig.d.world.clock.advance(600 * SECOND);
    rig.users(0, 0).await;
    rig.d.register(0, "late@example.com", "correct horse battery").await.ok(201);
    rig.settle().await;
    rig.post().await;
    assert!(!rig.hook.take()[0].header("webhook-signature").contains(' '));
}

/// Failure: any function killed at any await
#[tokio::test]
async fn a_worker_that_is_killed_at_any_await_loses_nothing() {
    let mut rig = Rig::new(7_708).await;
    rig.d.world.set_pausing(true);
    rig.users(3, 1).await;
    let mut posted = Vec::new();
    for polls in 0..160 {
        if polls % 20 == 0 {
            let set = json!({ "profile": { "name": format!("name {polls}") } });
            let id = rig.d.world.find(0, "user0@example.com").await.unwrap();
            rig.d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
            rig.settle().await;
        }
        drop(killed_after(polls, Box::pin(rig.webhooks.step(&rig.crm.id))).await);
        posted.extend(rig.hook.take());
        // Another process takes over, before or after the lease has ended.
        rig.webhooks = webhooks(&rig.d, &rig.hook, 0);
        rig.d.world.clock.advance(if polls % 2 == 0 { 31 * SECOND } else { SECOND });
    }
    rig.post_for(60 * SECOND, 10 * SECOND).await;
    posted.extend(rig.hook.take());
    rig.check(&posted).await;
    assert_eq!(rig.backlog().await, Backlog::default());
}

/// Failure: home of a webhook out
#[tokio::test]
async fn events_of_other_regions_are_posted_once_the_home_is_back() {
    let rig = Rig::new(7_709).await;
    rig.users(2, 0).await;
    rig.post().await;
    let mut posted = rig.hook.take();
    rig.d.world.set_down(0, true);
    for n in 0..3 {
        rig.d.register(1, &format!("away{n}@example.com"), "correct horse battery").await.ok(201);
    }
    rig.d.world.feed().await;
    assert!(rig.webhooks.step(&rig.crm.id).await.is_err());
    rig.d.world.set_down(0, false);
    for _ in 0..20 {
        rig.d.world.clock.advance(60 * SECOND);
        rig.settle().await;
    }
    rig.post_for(60 * SECOND, 10 * SECOND).await;
    posted.extend(rig.hook.take());
    assert_eq!(rig.check(&posted).await, 0);
}

#[tokio::test]
async fn an_answer_410_turns_a_webhook_off_until_it_is_resumed() {
    let mut rig = Rig::new(7_710).await;
    rig.users(1, 0).await;
    rig.hook.answer(|_| Ok(status(410)));
    rig.post_for(HOUR, 60 * SECOND).await;
    assert_eq!(rig.hook.take().len(), 1);
    rig.hook.answer(|_| Ok(status(200)));
    rig.webhooks = webhooks(&rig.d, &rig.hook, 0);
    rig.post_for(HOUR, 60 * SECOND).await;
    assert_eq!(rig.hook.take(), [], "a restart does not turn it on");
    rig.change(|webhook| webhook.orders.resumed += 1).await;
    rig.post().await;
    assert_eq!(rig.check(&rig.hook.take()).await, 0);
}

#[tokio::test]
async fn an_event_that_is_rejected_for_three_days_waits_for_an_operator_and_others_come() {
    let mut rig = Rig::new(7_711).await;
    let ids = rig.users(2, 1).await;
    let bad = ids[0].clone();
    rig.hook.answer(move |posted| Ok(status(if posted.event()["subject"] == json!(bad) { 422 } else { 200 })));
    rig.post_for(4 * DAY, 10 * 60 * SECOND).await;
    let posted = rig.hook.take();
    let (rejected, accepted) = (posted.iter().filter(|posted| !posted.is_accepted).count(), posted.len());
    assert!((15..40).contains(&rejected), "{rejected} attempts");
    assert!(accepted > rejected, "the other user's events came");
    let waits = rig.backlog().await;
    assert_eq!((waits.waiting, waits.failed > 0, waits.fault.as_deref()), (0, true, Some("status 422")));
    rig.hook.answer(|_| Ok(status(200)));
    rig.change(|webhook| webhook.orders.redriven += 1).await;
    rig.post().await;
    let all: Vec<Posted> = posted.into_iter().chain(rig.hook.take()).collect();
    assert_eq!(rig.check(&all).await, 0);
    assert_eq!(rig.backlog().await, Backlog::default());
}

#[tokio::test]
async fn a_replay_posts_the_events_since_a_time_again() {
    let mut rig = Rig::new(7_712).await;
    rig.users(2, 0).await;
    rig.post().await;
    let before = rig.hook.take();
    rig.d.world.clock.advance(HOUR);
    let since = rig.now();
    rig.d.register(0, "later@example.com", "correct horse battery").await.ok(201);
    rig.settle().await;
    rig.post().await;
    let later = rig.hook.take();
    rig.change(|webhook| {
        webhook.orders.replayed += 1;
        webhook.orders.replay_from = Some(since);
    })
    .await;
    rig.post().await;
    let again = rig.hook.take();
    let ids = |posted: &[Posted]| posted.iter().map(|one| one.header("webhook-id").to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&again), ids(&later));
    assert!(ids(&again).is_disjoint(&ids(&before)));
}

#[tokio::test]
async fn a_webhook_that_moves_or_is_removed_leaves_no_rows() {
    let mut rig = Rig::new(7_713).await;
    rig.users(2, 0).await;
    rig.hook.answer(unavailable);
    rig.post().await;
    assert_eq!(rig.backlog().await.users, 2);
    let to = rig.d.world.name(1).clone();
    rig.change(|webhook| {
        webhook.home = to;
        webhook.orders.replayed += 1;
        webhook.orders.replay_from = Some(Millis(0));
    })
    .await;
    assert_eq!(rig.webhooks.ids().await.unwrap(), std::slice::from_ref(&rig.crm.id));
    assert_eq!(rig.webhooks.step(&rig.crm.id).await, Ok(None));
    assert_eq!((rig.backlog().await, rig.webhooks.ids().await), (Backlog::default(), Ok(vec![])));
    rig.hook.take();
    rig.hook.answer(|_| Ok(status(200)));
    rig.webhooks = webhooks(&rig.d, &rig.hook, 1);
    rig.post().await;
    assert_eq!(rig.check(&rig.hook.take()).await, 0);
    rig.change(Webhook::end).await;
    assert_eq!(rig.webhooks.step(&rig.crm.id).await, Ok(None));
}

/// Failure: an attacker writes into a region's tables
#[tokio::test]
async fn a_writer_of_the_table_of_what_is_due_cannot_invent_an_event() {
    let rig = Rig::new(7_714).await;
    rig.users(1, 0).await;
    rig.post().await;
    rig.hook.take();
    let due = &rig.d.world.regions[0].home.due;
    let user = rig.d.world.find(0, "user0@example.com").await.unwrap();
    for document in [
        json!({ "waiting": [{ "event": "eu-west-1#00000001000000000000", "since": 0 }] }),
        json!({ "waiting": [{ "event": "no event", "since": 0, "body": "invented" }] }),
        json!({ "waiting": "damaged" }),
    ] {
        let target = Webhook::setting(&rig.crm.id);
        let row = Some((Millis(0), document.as_object().unwrap()));
        assert_eq!(due.replace_due(&target, user, None, row).await, Ok(true));
        rig.post_for(60 * SECOND, 10 * SECOND).await;
        assert_eq!((rig.hook.take(), rig.backlog().await), (vec![], Backlog::default()), "{document}");
    }
}

#[tokio::test]
#[ignore = "needs standardwebhooks and svix, see .ci/webhooks"]
async fn the_libraries_of_others_verify_messages_with_either_of_two_secrets() {
    let mut rig = Rig::new(7_715).await;
    rig.change(|webhook| webhook.secrets.push(SecretSalt { salt: "new".into(), ends_at: None })).await;
    rig.users(2, 2).await;
    rig.post().await;
    let secrets = rig.d.world.regions[0].secrets();
    let mut messages = Vec::new();
    for posted in rig.hook.take() {
        let headers: serde_json::Map<_, _> =
            posted.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let body = String::from_utf8(posted.body.clone()).unwrap();
        for (salt, body, verifies) in [
            ("new", body.clone(), true),
            ("salt of crm", body.clone(), true),
            ("other", body.clone(), false),
            ("new", format!("{body} "), false),
        ] {
            let secret = secrets.webhook_secret(&rig.crm.id, salt).expose().to_string();
            messages.push(json!({ "headers": headers, "body": body, "secret": secret, "verifies": verifies }));
        }
    }
    let folder = std::env::var("UMOJA_TEST_WEBHOOKS").expect("the folder of the packages");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/failures/webhooks/verify.mjs");
    let count = messages.len();
    let output = tokio::task::spawn_blocking(move || {
        use std::io::Write as _;
        let mut node = std::process::Command::new("node");
        node.args([script, &folder]).stdin(std::process::Stdio::piped());
        let mut node = node.stdout(std::process::Stdio::piped()).spawn().expect("node");
        node.stdin.take().unwrap().write_all(&serde_json::to_vec(&messages).unwrap()).unwrap();
        node.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), (2 * count).to_string());
    assert!(count >= 4 * 6, "{count}");
}
