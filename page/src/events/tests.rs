use std::pin::pin;
use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use umoja_schema::api::ProvisioningState::{Done, Pending};

use super::*;
use crate::testing::{EXPIRES, World, get, user};

const COOKIE: (&str, &str) = ("cookie", "umoja_status=ticket.1");
const PERIOD: Duration = Duration::from_mins(10);

/// A browser: what it has shown, and the id of the last event.
#[derive(Default)]
struct Browser {
    shown: Vec<(String, String)>,
    id: Option<String>,
}

impl Browser {
    /// Reads a text of events, as far as it is complete.
    fn read(&mut self, text: &str) {
        for block in text.split("\n\n") {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if field("event") != Some("accounts") {
                continue;
            }
            self.id = field("id").map(str::to_owned);
            let rows: Vec<serde_json::Value> = serde_json::from_str(field("data").unwrap()).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            self.shown.extend(rows.iter().map(|row| (text(&row["target"]), text(&row["sequence"])[12..].to_owned())));
        }
    }

    fn take(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.shown)
    }

    async fn connect(&self, router: &axum::Router) -> Body {
        let id = self.id.as_deref().map(|id| ("last-event-id", id));
        let headers: Vec<_> = [COOKIE].into_iter().chain(id).collect();
        let response = get(router, "/s/events", &headers).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response.into_body()
    }

    /// Reads what has come by now.
    fn see(&mut self, body: &mut Body) {
        while let Some(frame) = pin!(body.frame()).now_or_never() {
            let Some(frame) = frame else { return };
            self.read(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
    }
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(target, sequence)| ((*target).to_owned(), (*sequence).to_owned())).collect()
}

#[tokio::test]
async fn a_cut_stream_is_resumed_in_another_region_and_nothing_is_lost_or_doubled() {
    let (here, there) = (World::new(&["crm", "desk"]), World::new(&["crm", "desk"]));
    let (page, other) = (here.page("", Events::Streamed(PERIOD)), there.router(Events::Streamed(PERIOD)));
    let (router, watchers, mut browser) = (crate::router(Arc::clone(&page)), page.watchers(), Browser::default());
    let mut body = browser.connect(&router).await;
    browser.see(&mut body);
    assert_eq!(browser.take(), rows(&[("crm", "0000"), ("desk", "0000")]));
    here.set("crm", Done, 5);
    watchers.changed(user(2));
    browser.see(&mut body);
    assert_eq!(browser.take(), [], "another user changes nothing");
    watchers.changed(user(1));
    browser.see(&mut body);
    assert_eq!(browser.take(), rows(&[("crm", "0005")]));
    // The cut: while no stream is open, one row changes, and the other region is behind with the other one.
    drop(body);
    there.set("crm", Pending, 3);
    there.set("desk", Pending, 4);
    let mut body = browser.connect(&other).await;
    browser.see(&mut body);
    assert_eq!(browser.take(), rows(&[("desk", "0004")]), "what is older is not shown again");
    there.set("crm", Done, 5);
    drop(body);
    let mut body = browser.connect(&other).await;
    browser.see(&mut body);
    assert_eq!(browser.take(), [], "what it has is not shown twice");
    there.set("crm", Done, 6);
    drop(body);
    let mut body = browser.connect(&other).await;
    browser.see(&mut body);
    assert_eq!(browser.take(), rows(&[("crm", "0006")]));
}

#[tokio::test]
async fn the_id_of_another_ticket_hides_nothing() {
    let world = World::new(&["crm"]);
    world.set("crm", Done, 5);
    let router = world.router(Events::Buffered);
    let mut other = Seen::read("ticket.2", None);
    drop(other.event(&world_rows()));
    for id in [
        other.id(),
        "00000000.ffff".into(),
        "x".into(),
        String::new(),
        format!("{}.z", Seen::read("ticket.1", None).tag),
    ] {
        let mut browser = Browser { id: Some(id), ..Browser::default() };
        let mut body = browser.connect(&router).await;
        browser.see(&mut body);
        assert_eq!(browser.take(), rows(&[("crm", "0005")]));
    }
}

fn world_rows() -> Vec<Account> {
    vec![Account { target: "crm".parse().unwrap(), state: Done, code: None, sequence: 9 }]
}

#[tokio::test]
async fn a_host_that_passes_on_whole_answers_gets_one_and_the_browser_asks_again() {
    let world = World::new(&["crm"]);
    let (router, mut browser) = (world.router(Events::Buffered), Browser::default());
    for (sequence, shown) in [(0, &[("crm", "0000")][..]), (0, &[]), (8, &[("crm", "0008")]), (8, &[])] {
        world.set("crm", Pending, sequence);
        let answer = browser.connect(&router).await.collect().await.unwrap().to_bytes();
        let answer = std::str::from_utf8(&answer).unwrap();
        assert!(answer.starts_with("retry: 2000\n\n") && answer.ends_with("\n\n"), "{answer}");
        browser.read(answer);
        assert_eq!(browser.take(), rows(shown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_is_alive_and_ends_after_a_while() {
    let world = World::new(&["crm"]);
    let page = world.page("", Events::Streamed(PERIOD));
    let body = Browser::default().connect(&crate::router(Arc::clone(&page))).await;
    let text = body.collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&text).unwrap();
    assert_eq!((text.matches(": beat\n\n").count(), text.matches("event: ").count()), (7, 1), "{text}");
}

#[tokio::test(start_paused = true)]
async fn without_reports_of_changes_the_rows_are_read_now_and_then() {
    let world = World::new(&["crm"]);
    let page = world.page("", Events::Streamed(Duration::from_secs(1)));
    let (router, mut browser) = (crate::router(Arc::clone(&page)), Browser::default());
    let mut body = browser.connect(&router).await;
    browser.see(&mut body);
    world.set("crm", Done, 3);
    let frame = body.frame().await.unwrap().unwrap();
    browser.read(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    assert_eq!(browser.take(), rows(&[("crm", "0000"), ("crm", "0003")]));
}

#[tokio::test]
async fn a_stream_ends_with_its_ticket_and_with_the_settings_that_it_began_under() {
    let world = World::new(&["crm"]);
    let page = world.page("", Events::Streamed(PERIOD));
    let body = Browser::default().connect(&crate::router(Arc::clone(&page))).await;
    let expired = Browser::default().connect(&crate::router(Arc::clone(&page))).await;
    drop(page);
    assert!(body.collect().await.unwrap().to_bytes().ends_with(b"2000\n\n"), "the page was replaced");
    drop(expired);
    let page = world.page("", Events::Streamed(PERIOD));
    let body = Browser::default().connect(&crate::router(Arc::clone(&page))).await;
    world.now.store(EXPIRES.0, Ordering::Relaxed);
    assert!(body.collect().await.unwrap().to_bytes().ends_with(b"event: end\ndata: {}\n\n"));
}
