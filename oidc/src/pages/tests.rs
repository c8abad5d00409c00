use serde_json::json;

use super::*;
use crate::request::{Fault, ResponseMode, ReturnTo};

const CALLBACK: &str = "https://shop.example/callback";
const EVIL: &str = "\"><script>alert(1)</script><'&";

async fn shown(response: Response) -> (String, String) {
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (String::from_utf8(body.to_vec()).unwrap(), policy)
}

fn view(name: &str, language: Language) -> View {
    let company = json!({
        "id": "soko", "name": name, "enabled": true, "trusted": false, "scopes": [], "api_keys": [], "keys": [],
        "status_page": { "colour": "#ffcc00" },
    });
    View { look: Look::of(&serde_json::from_value(company).unwrap()), language, kept: None }
}

fn on(words: &str, again: Option<Again>) -> SignIn<'_> {
    SignIn {
        action: "/login",
        leads_to: Some(CALLBACK),
        step: words,
        passkey: words,
        hint: words,
        forgotten: None,
        register: None,
        again,
        others: &[],
        connects: None,
    }
}

#[tokio::test]
async fn what_others_have_written_is_shown_as_text() {
    let view = view(EVIL, Language::En);
    let connects = federation::CONNECT_NAMED.with(&[("login", EVIL), ("provider", EVIL)]);
    let pages = [
        sign_in(
            &view,
            (say::SIGN_IN, Some(to_client(EVIL))),
            &SignIn { connects: Some(&connects), ..on(EVIL, Some(Again::Wrong)) },
        ),
        consent(&view, EVIL, CALLBACK, EVIL, in_words(&[EVIL.to_owned()].into())),
        sign_out(&view, EVIL, None),
        device_code(&view, EVIL, None),
        device_confirm(&view, EVIL, EVIL, EVIL, in_words(&[EVIL.to_owned()].into())),
    ];
    for page in pages {
        let (html, _) = shown(page).await;
        assert!(html.contains("&quot;&gt;&lt;script&gt;") && !html.contains("<script>"), "{html}");
    }
    let to = ReturnTo { redirect_uri: CALLBACK.to_owned(), mode: ResponseMode::FormPost, state: Some(EVIL.to_owned()) };
    let (html, _) = shown(form_post(&view, &Answer::fault(&to, "https://id.example", Fault::AccessDenied))).await;
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("&lt;/script&gt;") && html.contains("name=\"iss\" value=\"https://id.example\""));
}

#[tokio::test]
async fn the_policy_allows_forms_to_the_client_alone_and_the_colours_are_those_of_the_company() {
    let (html, policy) = shown(sign_in(&view("Soko", Language::En), (say::SIGN_IN, None), &on("Shop", None))).await;
    assert!(policy.contains("form-action 'self' https://shop.example;"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("script-src 'self';"), "{policy}");
    assert_eq!(html.matches("<script").count(), html.matches("<script src=\"/assets/passkey.js\">").count());
    assert!(html.contains("--head:#ffcc00;--on-head:#000000"));
}

#[tokio::test]
async fn a_page_is_in_the_language_of_the_person_and_says_what_its_fields_are() {
    for language in Language::ALL {
        let (html, _) =
            shown(sign_in(&view("Soko", language), (say::SIGN_IN, None), &on("Shop", Some(Again::Locked)))).await;
        let root = format!("<html lang=\"{}\" dir=\"{}\">", language.tag(), language.direction());
        for part in [&root, "<h1>", "<title>", "for=\"identifier\"", "for=\"password\"", "role=\"alert\""] {
            assert_eq!(html.matches(part).count(), 1, "{part}");
        }
        assert!(html.contains("autocomplete=\"current-password\"") && html.contains("value=\"Shop\""));
    }
}

#[tokio::test]
async fn the_providers_of_a_client_are_links_below_the_form() {
    let others = [(EVIL.to_owned(), "/federation/start?step=a&provider=google".to_owned())];
    let (html, _) = shown(sign_in(
        &view("Soko", Language::En),
        (say::SIGN_IN, None),
        &SignIn { others: &others, ..on("Shop", None) },
    ))
    .await;
    let (form, links) = html.split_once("</form>").unwrap();
    assert!(!form.contains("/federation/start") && !html.contains("<script>"));
    assert!(links.contains("href=\"/federation/start?step=a&amp;provider=google\""), "{links}");
}

#[tokio::test]
async fn a_request_that_goes_nowhere_is_a_page_and_no_redirect() {
    let response = no_return(&view("", Language::Sw), NoReturn::Redirect);
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.headers().get(header::LOCATION).is_none());
    let (_, policy) = shown(response).await;
    assert!(policy.contains("form-action 'self';"));
}
