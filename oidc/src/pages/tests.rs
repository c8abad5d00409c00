use serde_json::json;

use super::*;
use crate::request::{Fault, ResponseMode, ReturnTo};

const CALLBACK: &str = "https://shop.example/callback";
const EVIL: &str = "\"><script>alert(1)</script><'&";

async fn shown(response: Response) -> (String, String) {
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::X_FRAME_OPTIONS], "DENY");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (String::from_utf8(body.to_vec()).unwrap(), policy)
}

fn look(name: &str) -> Look {
    let company = json!({
        "id": "soko", "name": name, "enabled": true, "trusted": false, "scopes": [], "api_keys": [], "keys": [],
        "status_page": { "colour": "#ffcc00" },
    });
    Look::of(&serde_json::from_value(company).unwrap())
}

#[tokio::test]
async fn what_others_have_written_is_shown_as_text() {
    let look = look(EVIL);
    let pages = [
        sign_in(&look, EVIL, CALLBACK, EVIL, EVIL, Some(Again::Wrong)),
        consent(&look, EVIL, CALLBACK, EVIL, &[EVIL]),
        sign_out(&look, EVIL, None),
    ];
    for page in pages {
        let (html, _) = shown(page).await;
        assert!(html.contains("&quot;&gt;&lt;script&gt;") && !html.contains("<script"), "{html}");
    }
    let to = ReturnTo { redirect_uri: CALLBACK.to_owned(), mode: ResponseMode::FormPost, state: Some(EVIL.to_owned()) };
    let (html, _) = shown(form_post(&Answer::fault(&to, "https://id.example", Fault::AccessDenied))).await;
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains(&escaped(EVIL)) && html.contains("name=\"iss\" value=\"https://id.example\""));
}

#[tokio::test]
async fn the_policy_allows_the_style_of_the_page_and_forms_to_the_client_alone() {
    let (html, policy) = shown(sign_in(&look("Soko"), "Shop", CALLBACK, "step", "", None)).await;
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(policy.contains("form-action 'self' https://shop.example;"), "{policy}");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
    assert!(style.contains("--head:#ffcc00;--on-head:#000000"));
}

#[tokio::test]
async fn a_page_says_what_its_fields_are_and_has_one_heading() {
    let (html, _) = shown(sign_in(&look("Soko"), "Shop", CALLBACK, "step", "amina", Some(Again::Locked))).await;
    for part in ["<html lang=\"en\"", "<main>", "<h1>", "<title>", "for=\"name\"", "for=\"password\"", "role=\"alert\""]
    {
        assert_eq!(html.matches(part).count(), 1, "{part}");
    }
    assert!(html.contains("autocomplete=\"current-password\"") && html.contains("value=\"amina\""));
}

#[tokio::test]
async fn a_request_that_goes_nowhere_is_a_page_and_no_redirect() {
    let response = no_return(NoReturn::Redirect);
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.headers().get(header::LOCATION).is_none());
    let (_, policy) = shown(response).await;
    assert!(policy.contains("form-action 'self';"));
}

#[test]
fn the_source_of_a_uri_is_its_origin_or_its_scheme() {
    for (uri, expected) in [
        ("https://shop.example/callback", "https://shop.example"),
        ("https://shop.example:8443?a=/", "https://shop.example:8443"),
        ("http://127.0.0.1:5000/callback", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/callback", "http:"),
        ("com.shop.app:/callback", "com.shop.app:"),
    ] {
        assert_eq!(source(uri), expected);
    }
}
