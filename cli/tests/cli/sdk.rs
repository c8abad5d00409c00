//! The client for Rust (`sdk/rust`) against running regions.

use serde_json::json;
use umoja_api::conformance::{Exchange, check};
use umoja_client::types::{Erase, Lookup, Register};
use umoja_client::{Builder, Client, Company, Error, ProblemCode};

use crate::support::{Served, World};

#[path = "../../../sdk/rust/examples/quickstart.rs"]
mod quickstart;

/// A served deployment with a company.
struct Stage {
    world: World,
    served: Served,
    company: Company,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        let file = serde_json::to_vec(&world.company("soko")).unwrap();
        std::fs::write(world.file("soko.json"), &file).unwrap();
        let (served, company) = (world.serve(), Company::from_json(&file).unwrap());
        Self { world, served, company }
    }

    /// A client whose every exchange is held against the description of the API.
    fn builder(&self) -> Builder {
        Client::builder(self.company.clone()).observer(|exchange| {
            let umoja_client::Exchange { method, path, request, response } = exchange;
            let (status, headers, answer) = (response.status, &response.headers, &response.body[..]);
            let exchange = Exchange { method, path, request, status, headers, answer };
            check(&exchange).unwrap_or_else(|what| panic!("description: {what}"));
        })
    }
}

fn person(email: &str) -> Register {
    Register { email: Some(email.to_owned()), ..Register::default() }
}

#[tokio::test]
async fn the_quickstart_for_rust_registers_authenticates_and_finds_a_person() {
    let stage = Stage::new();
    let file = stage.world.file("soko.json");
    let id = quickstart::run(file.to_str().unwrap(), &stage.served.urls[0]).await.unwrap();
    // The same registration in the other region makes the same user.
    assert_eq!(quickstart::run(file.to_str().unwrap(), &stage.served.urls[1]).await.unwrap(), id);
}

#[tokio::test]
async fn a_client_continues_in_the_next_region_and_remembers_which_one_is_out() {
    let stage = Stage::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let out = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let client = stage.builder().region(&out).region(&stage.served.urls[1]).build().unwrap();
    let registered = client.register(&person("amina@example.com")).await.unwrap();
    assert_eq!((registered.status(), registered.region()), (201, &*stage.served.urls[1]));
    assert!(registered.request_id().is_some_and(|id| id.len() == 32));
    let alone = stage.builder().region(&out).attempts(2).build().unwrap();
    let error = alone.lookup(&Lookup { id: Some(registered.user.id.clone()), ..Lookup::default() }).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn an_error_has_a_code_a_member_and_the_id_of_the_request() {
    let stage = Stage::new();
    let client = stage.builder().connect(&stage.served.urls[0]).await.unwrap();
    assert_eq!(client.regions().collect::<Vec<_>>(), stage.served.urls.iter().collect::<Vec<_>>());
    let unknown = client.lookup(&Lookup { username: Some("unknown".into()), ..Lookup::default() }).await.unwrap_err();
    assert_eq!(unknown.code(), Some(&ProblemCode::UserNotFound));
    assert!(unknown.request_id().is_some() && unknown.problem().unwrap().token.is_some());
    assert!(unknown.to_string().contains("Request-Id"), "{unknown}");
    let webhooks = client.webhooks().await.unwrap();
    assert_eq!((&*webhooks.company, webhooks.urls.len()), ("soko", 2));
    let empty = client.lookup(&Lookup::default()).await.unwrap_err();
    assert_eq!(
        (empty.code(), empty.problem().unwrap().field.as_deref()),
        (Some(&ProblemCode::InvalidBody), Some("body"))
    );
    let stranger = Company::new("stranger", "no key", stage.company.signer());
    let stranger = Client::builder(stranger).region(&stage.served.urls[0]).build().unwrap();
    let rejected = stranger.lookup(&Lookup::default()).await.unwrap_err();
    assert_eq!(rejected.code(), Some(&ProblemCode::Unauthorized));
    assert!(rejected.problem().unwrap().token.is_none());
}

#[tokio::test]
async fn one_idempotency_key_makes_one_user_and_another_body_is_rejected() {
    let stage = Stage::new();
    let client = stage.builder().region(&stage.served.urls[0]).build().unwrap();
    let keyed = client.idempotent("order-17");
    let first = keyed.register(&person("amina@example.com")).await.unwrap();
    assert_eq!(keyed.register(&person("amina@example.com")).await.unwrap().user.id, first.user.id);
    let other = keyed.register(&person("bea@example.com")).await.unwrap_err();
    assert_eq!(other.code(), Some(&ProblemCode::IdempotencyKeyReused));
    let erased = client.erase(&Erase { id: Some(first.user.id.clone()), ..Erase::default() }).await.unwrap();
    assert_eq!((erased.status(), erased.token().split('.').count()), (202, 3));
}

#[tokio::test]
async fn a_clock_that_differs_is_corrected_by_a_signed_answer() {
    let stage = Stage::new();
    let client = stage.builder().region(&stage.served.urls[0]).skew_secs(-40).build().unwrap();
    client.register(&person("amina@example.com")).await.unwrap();
    let skew = client.skew_secs(&stage.served.urls[0]).unwrap();
    assert!(skew.abs() <= 2, "{skew}");
}

#[tokio::test]
async fn a_feed_reads_the_events_of_the_company_and_continues_at_its_cursor() {
    let stage = Stage::new();
    let client = stage.builder().region(&stage.served.urls[0]).build().unwrap();
    let mut feed = client.feed(None);
    let mut subjects = Vec::new();
    for email in ["amina@example.com", "bea@example.com"] {
        let id = client.register(&person(email)).await.unwrap().user.id.clone();
        while !subjects.contains(&id) {
            let page = feed.next().await.unwrap();
            subjects.extend(page.events.iter().map(|event| event.subject.clone()));
            feed = client.feed(Some(page.cursor.clone()));
        }
    }
    assert_eq!(subjects.len(), 2, "no event comes again: {}", json!(subjects));
}
