//! A canary in every personal field: no log, queue, stream, table, URL or error contains it in clear.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use umoja_schema::names::metric;
use umoja_schema::{Attribute, Attributes};
use umoja_store::ports::{MailError, Queue as _};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

use crate::single_sign_on::rejected::{LOGGED, rejected_calls};

const CANARY: &str = "canary7f3a";

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn contains(attributes: &Attributes) -> bool {
    fn value(attribute: &Attribute) -> bool {
        let bytes =
            |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window.eq_ignore_ascii_case(CANARY.as_bytes()));
        match attribute {
            Attribute::S(text) | Attribute::N(text) => bytes(text.as_bytes()),
            Attribute::B(blob) => bytes(blob),
            Attribute::M(map) => contains(map),
            Attribute::L(list) => list.iter().any(value),
            Attribute::Ss(texts) | Attribute::Ns(texts) => texts.iter().any(|text| bytes(text.as_bytes())),
            Attribute::Bs(blobs) => blobs.iter().any(|blob| bytes(blob)),
            Attribute::Bool(_) | Attribute::Null => false,
        }
    }
    attributes.iter().any(|(name, attribute)| name.contains(CANARY) || value(attribute))
}

#[test]
fn no_personal_field_is_stored_in_clear() {
    // A subscriber for the whole process: a subscriber of one thread misses events whose callsites another thread used
    // first. Lines of other tests do no harm. The story runs once before, because a subscriber misses for good a callsite
    // that another thread uses for the first time while the subscriber is being set.
    run(story());
    run(rejected_calls(CANARY));
    let log = Captured::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let subscriber = subscriber.with_ansi(false).with_thread_ids(true).finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets a subscriber");
    run(story());
    run(rejected_calls(CANARY));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/v1/users/register"), "the log was captured");
    for event in [metric::LOGIN_FAILURES, metric::LOCKED_IDENTIFIERS] {
        assert!(log.contains(&format!("event=\"{event}\" company=\"shop\"")), "{event}");
    }
    for (path, reason, client) in LOGGED {
        let is_it = |line: &str| {
            line.contains(&format!("a call of a client was rejected path=\"{path}\" reason=\"{reason}\""))
                && client.map_or(!line.contains("client="), |client| line.contains(&format!("client=\"{client}\"")))
        };
        assert!(log.lines().any(is_it), "{path} {reason} {client:?}");
    }
    // Requests of other threads may have begun before the subscriber was set; they have no id.
    let thread = format!(" {:0>2?} ", std::thread::current().id());
    let api = |line: &&str| line.contains(&thread) && line.contains(" umoja_api::");
    assert!(log.lines().any(|line| api(&line)), "the story's requests were logged");
    assert_eq!(log.lines().filter(api).find(|line| !line.contains("request{request_id=")), None);
    let found = log.lines().find(|line| line.to_lowercase().contains(CANARY));
    assert_eq!(found, None);
}

async fn story() {
    let d = Deployment::new(400).await;
    let c = |suffix: &str| format!("{CANARY}{suffix}");
    let email = c("@example.com");
    let body = json!({
        "email": email, "email_verified": true, "username": c("u"), "external_id": c("x"), "password": c(" waters seven cacti"),
        "profile": { "given_name": c("g"), "address": { "locality": c("l") }, "custom": { c("k"): c("v") } },
    });
    let id = d.call(0, "register", body.clone()).await.ok(201).id();
    // The peer is unavailable, so that queues are used too.
    d.world.set_cut(0, 1, true);
    d.call(0, "update", json!({ "id": id, "set": { "profile": { "nickname": c("n") } } })).await.ok(200);
    d.call(0, "status", json!({ "id": id, "status": "disabled", "reason": c("r") })).await.ok(200);
    d.call(0, "status", json!({ "id": id, "status": "active", "reason": c("r") })).await.ok(200);
    d.put_target("crm", &d.shop).await;
    let login = json!({
        "email": email, "password": c(" waters seven cacti"), "client": { "ip": "192.0.2.1", "device_id": c("d") },
        "provision": ["crm"], "params": { "country": c("p") },
    });
    d.call(0, "authenticate", login).await.ok(200);
    for status in [200, 200, 200, 200, 200, 429] {
        let guess = json!({ "email": email, "password": c(" guesses"), "client": { "ip": "192.0.2.1" } });
        d.call(0, "authenticate", guess).await.ok(status);
    }
    let token = d.call(0, "password/reset/start", json!({ "email": email })).await.ok(200).body["token"].clone();
    let reset = json!({ "token": token, "new_password": c(" feeds eleven geese") });
    d.call(0, "password/reset/finish", reset).await.ok(200);
    let challenge = d.call(0, "verify/start", json!({ "id": id })).await.ok(200).body["challenge"].clone();
    for code in [c(" is no code"), d.mail.code(&email)] {
        d.call(0, "verify/finish", json!({ "challenge": challenge, "code": code })).await;
    }
    for fault in [MailError::Unavailable("no connection"), MailError::Rejected("the server does not take it")] {
        d.mail.set_fault(Some(fault));
        d.call(0, "verify/start", json!({ "id": id })).await.rejected(503, "mail_unavailable");
    }
    d.world.round().await;

    let mut problems = Vec::new();
    problems.push(d.call_as(&d.food, 0, "register", json!({ "username": c("u") })).await);
    problems.push(
        d.call(
            0,
            "register",
            json!({ "email": c(" no address"), "phone_number": c(""), "password": c(" waters seven cacti") }),
        )
        .await,
    );
    problems.push(d.call(0, "register", json!({ "username": c("w"), "profile": { "given_name": [c("")] } })).await);
    problems.push(d.call(0, "register", json!({ "username": c("w"), "profile": { c("field"): 1 } })).await);
    problems.push(d.call(0, "lookup", json!({ "id": c("") })).await);
    problems.push(d.call(0, "lookup", json!({ "username": c("q"), "min_version": c("") })).await);
    problems.push(d.call(0, "status", json!({ "id": id, "status": c("") })).await);
    problems.push(d.call(0, "authenticate", json!({ "username": { "x": c("") }, "password": "x" })).await);
    problems.push(d.call(0, "update", json!({ "id": id, "set": { "email": c("@@") } })).await);
    let unknown = json!({ "id": id, "targets": [CANARY], "params": { "country": c("p") }, "return_url": CANARY });
    problems.push(d.call(0, "provision", unknown).await);
    problems.push(
        d.call(0, "provision", json!({ "id": id, "targets": ["crm"], "params": { c("_p"): c("p") , "P": c("p") } }))
            .await,
    );
    problems.push(d.call(0, "provisioning", json!({ "ticket": c(".ticket") })).await);
    for reply in &problems {
        assert!((400..500).contains(&reply.status), "{reply:?}");
        assert!(!reply.body.to_string().to_lowercase().contains(CANARY), "{reply:?}");
    }
    d.call(0, "erase", json!({ "id": id, "reason": c("why") })).await.ok(202);
    d.world.round().await;

    for (at, region) in d.world.regions.iter().enumerate() {
        for change in d.world.changes(at) {
            assert!(!contains(&change.image), "in the stream of {}", region.name);
        }
        for queue in region.working_queues() {
            let queue = region.store.queue(&queue);
            for delivery in queue.receive(10, 1).await.unwrap() {
                assert!(!delivery.text.to_lowercase().contains(CANARY));
            }
        }
    }
    assert!(d.world.backlog(0, 1).await != umoja_store::ports::QueueDepth::default(), "queues were used");
}
