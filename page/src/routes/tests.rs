use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Response;
use serde_json::json;

use super::*;
use crate::page::Events;
use crate::testing::{World, begin, get};
use umoja_schema::api::ProvisioningState as State;

const JSON: (&str, &str) = ("content-type", "application/json");
const COOKIE: (&str, &str) = ("cookie", "theme=dark; umoja_status=ticket.1");

async fn json(response: Response<axum::body::Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn every_answer_is_kept_private() {
    let router = World::new(&["crm"]).router(Events::Buffered);
    for (path, status) in [("/s", 200), ("/s/state", 200), ("/s/events", 200), ("/s/session", 405), ("/s?lang=ar", 200)]
    {
        let response = get(&router, path, &[COOKIE]).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(response.headers()[name], value, "{path}");
        }
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}

#[tokio::test]
async fn the_page_has_the_language_of_the_browser() {
    let router = World::new(&["crm"]).router(Events::Buffered);
    let response = get(&router, "/s", &[("accept-language", "ar-EG,en;q=0.5")]).await;
    assert_eq!(response.headers()["content-language"], "ar");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"<!doctype html><html lang=\"ar\" dir=\"rtl\">"));
}

#[tokio::test]
async fn a_ticket_is_exchanged_for_a_cookie_that_programs_and_other_sites_do_not_get() {
    let world = World::new(&["crm"]);
    for (base, ends) in [("http://127.0.0.1:7300", "Strict"), ("https://id.example", "Strict; Secure")] {
        let response =
            begin(&router(world.page(base, Events::Buffered)), &json!({ "ticket": "ticket.1" }), &[JSON]).await;
        assert_eq!(response.status().as_u16(), 200);
        let cookie = format!("umoja_status=ticket.1; Path=/s; Max-Age=900; HttpOnly; SameSite={ends}");
        assert_eq!(response.headers()["set-cookie"], cookie.as_str());
        let shown = json(response).await;
        let colours = json!({ "head": "#ffcc00", "on-head": "#000000", "page": "#ffffff", "ink": "#000000" });
        assert_eq!(shown["company"], json!({ "name": "Soko", "colours": colours }));
        assert_eq!(shown["return_url"], "https://soko.example/account");
        assert_eq!(shown["accounts"], json!([{ "target": "crm", "state": "pending", "sequence": "0000000000000000" }]));
    }
}

#[tokio::test]
async fn what_is_no_ticket_gets_no_cookie() {
    let router = World::new(&["crm"]).router(Events::Buffered);
    let valid = json!({ "ticket": "ticket.1" });
    let foreign = ("sec-fetch-site", "cross-site");
    for (body, headers, status) in [
        (json!({ "ticket": "forged.1" }), &[JSON][..], 401),
        (json!({ "ticket": "ticket.1; Path=/" }), &[JSON], 401),
        (json!({ "ticket": "x".repeat(5_000) }), &[JSON], 401),
        (json!({}), &[JSON], 401),
        (json!({ "ticket": "ticket.1", "more": "x".repeat(9_000) }), &[JSON], 415),
        (valid.clone(), &[("content-type", "text/plain")], 415),
        (valid.clone(), &[], 415),
        (valid, &[JSON, foreign], 403),
    ] {
        let response = begin(&router, &body, headers).await;
        assert_eq!((response.status().as_u16(), response.headers().get("set-cookie")), (status, None), "{headers:?}");
    }
}

#[tokio::test]
async fn only_the_cookie_opens_the_state() {
    let world = World::new(&["crm"]);
    let router = world.router(Events::Streamed(Duration::from_mins(1)));
    for path in ["/s/state", "/s/events"] {
        for (headers, status) in [
            (&[][..], 401),
            (&[("cookie", "umoja_status=forged.1")], 401),
            (&[COOKIE, ("sec-fetch-site", "same-site")], 403),
            (&[COOKIE, ("sec-fetch-site", "same-origin")], 200),
        ] {
            assert_eq!(get(&router, path, headers).await.status().as_u16(), status, "{path} {headers:?}");
        }
    }
    world.set("crm", State::Done, 7);
    let shown = json(get(&router, "/s/state", &[COOKIE]).await).await;
    assert_eq!(shown["accounts"], json!([{ "target": "crm", "state": "done", "sequence": "0000000000000007" }]));
}

#[tokio::test]
async fn an_expired_ticket_and_a_disabled_company_show_no_more() {
    let world = World::new(&["crm"]);
    let router = world.router(Events::Buffered);
    world.company.lock().unwrap().enabled = false;
    assert_eq!(get(&router, "/s/state", &[COOKIE]).await.status().as_u16(), 401);
    world.company.lock().unwrap().enabled = true;
    world.now.fetch_add(10_000, Ordering::Relaxed);
    assert_eq!(
        get(&router, "/s/state", &[COOKIE]).await.status().as_u16(),
        200,
        "a change takes effect within seconds"
    );
    world.now.store(crate::testing::EXPIRES.0, Ordering::Relaxed);
    assert_eq!(get(&router, "/s/state", &[COOKIE]).await.status().as_u16(), 401);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_asked_again_soon() {
    let world = World::new(&["crm"]);
    let router = world.router(Events::Buffered);
    world.is_out.store(true, Ordering::Relaxed);
    for path in ["/s/state", "/s/events"] {
        let response = get(&router, path, &[COOKIE]).await;
        assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"2".parse().unwrap()));
    }
}
