//! The status page of two regions, with tickets of the signed API.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_page::{Events, Page};

use super::{Fed, with_target};

impl Fed {
    /// The page of a region.
    fn page(&self, at: usize) -> Router {
        let region = &self.d.world.regions[at];
        let url = &self.d.endpoints[at].base_url;
        umoja_page::router(Arc::new(Page::of_region(region.people(), url, Events::Buffered)))
    }
}

async fn asked(page: &Router, request: Request<Body>) -> (u16, Option<String>, String) {
    let response = page.clone().oneshot(request).await.unwrap();
    let cookie = response.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, cookie, String::from_utf8(body.to_vec()).unwrap())
}

async fn session(page: &Router, ticket: &str) -> (u16, Option<String>, String) {
    let request = Request::post("/s/session").header("content-type", "application/json");
    asked(page, request.body(Body::from(json!({ "ticket": ticket }).to_string())).unwrap()).await
}

/// The states that a browser gets which has this cookie and the id of its last event, and the id of the next one.
async fn events(page: &Router, cookie: &str, id: Option<&str>) -> (Vec<Value>, Option<String>) {
    let request = Request::get("/s/events").header("cookie", cookie.split(';').next().unwrap());
    let request = id.iter().fold(request, |request, id| request.header("last-event-id", *id));
    let (status, _, text) = asked(page, request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, 200, "{text}");
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let rows: Vec<Value> = field("data: ").map(|data| serde_json::from_str(&data).unwrap()).unwrap_or_default();
    (rows.into_iter().map(|row| row["state"].clone()).collect(), field("id: "))
}

/// Failure: the connection of a status page is cut, and it connects to another region
#[test]
fn a_status_page_that_changes_the_region_gets_each_newer_state_once() {
    with_target(990, async |fed| {
        let body = json!({ "email": "ada@example.com", "provision": ["crm"] });
        let reply = fed.d.call(0, "register", body).await;
        let ticket = reply.ok(201).body["provisioning"]["ticket"].as_str().unwrap().to_owned();
        let pages = [0, 1].map(|at| fed.page(at));
        let (answered, cookie, shown) = session(&pages[0], &ticket).await;
        assert_eq!(answered, 200, "{shown}");
        let cookie = cookie.unwrap();
        let (first, id) = events(&pages[0], &cookie, None).await;
        assert_eq!(first, ["pending"]);
        // The cut: the account is made meanwhile. The other region is behind, and says nothing that is older.
        fed.d.world.clock.advance(1_000);
        fed.settle().await;
        let id = id.unwrap();
        fed.d.world.settle().await;
        let (second, next) = events(&pages[1], &cookie, Some(&id)).await;
        assert_eq!(second, ["done"]);
        let next = next.unwrap();
        for page in &pages {
            assert_eq!(events(page, &cookie, Some(&next)).await, (Vec::new(), None));
        }
    });
}

#[test]
fn a_status_page_shows_no_id_of_a_target_and_opens_no_forged_ticket() {
    with_target(991, async |fed| {
        let body = json!({ "email": "ada@example.com", "provision": ["crm"] });
        let reply = fed.d.call(0, "register", body).await;
        let ticket = reply.ok(201).body["provisioning"]["ticket"].as_str().unwrap().to_owned();
        fed.d.world.clock.advance(1_000);
        fed.settle().await;
        let page = fed.page(0);
        let (_, _, shown) = session(&page, &ticket).await;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let row = shown["accounts"][0].as_object().unwrap();
        assert_eq!((&row["state"], row.contains_key("remote_id")), (&json!("done"), false));
        let (content, tag) = ticket.split_once('.').unwrap();
        for forged in [format!("{content}x.{tag}"), format!("{content}.{}", "A".repeat(tag.len())), content.to_owned()]
        {
            let (status, cookie, _) = session(&page, &forged).await;
            assert_eq!((status, cookie), (401, None));
        }
        fed.d.world.clock.advance(31 * 60 * 1000);
        assert_eq!(session(&page, &ticket).await.0, 401, "a ticket expires");
    });
}
