use super::*;
use crate::form::Field;
use crate::texts::sign_on::{CONTINUE_TO, NAME, PASSWORD, SIGN_IN, WRONG};

const CALLBACK: &str = "https://shop.example/callback";
const EVIL: &str = "\"><script>alert(1)</script><'&";

async fn shown(page: Page<'_>) -> (String, String) {
    let response = page.into_response();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::X_FRAME_OPTIONS], "DENY");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (String::from_utf8(body.to_vec()).unwrap(), policy)
}

fn form() -> Form {
    let name = Field::name("identifier", NAME, "username").value(EVIL).faulty(true).first();
    Form::post("/login")
        .hidden("step", EVIL)
        .field(name)
        .field(Field::password("password", PASSWORD).faulty(true))
        .button(SIGN_IN)
}

fn page(look: &Look, language: Language) -> Page<'_> {
    Page::new(look, language, SIGN_IN)
        .text(CONTINUE_TO.with(&[("client", EVIL)]))
        .alert(Some(WRONG.into()))
        .form(&form())
        .list([Phrase::foreign(EVIL)])
        .card(&Card::new(Phrase::foreign(EVIL), vec![Phrase::foreign(EVIL)]).form(form()))
        .code(EVIL)
        .link(EVIL, SIGN_IN)
        .nav(SIGN_IN, &[(EVIL, Phrase::foreign(EVIL))], EVIL)
        .languages(Choice::Form)
}

#[tokio::test]
async fn what_others_have_written_is_shown_as_text() {
    let look = Look::plain();
    let (html, policy) = shown(page(&look, Language::En)).await;
    assert!(html.matches("&quot;&gt;&lt;script&gt;").count() > 9 && !html.contains("<script"), "{html}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"));
}

#[tokio::test]
async fn a_logo_is_a_part_of_the_page_and_called_like_the_company() {
    const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGDlc6wAAAABJRU5ErkJggg==";
    let company = serde_json::json!({
        "id": "soko", "revision": 7, "name": EVIL, "enabled": true, "trusted": false, "scopes": [], "api_keys": [],
        "keys": [], "status_page": { "logo": PIXEL },
    });
    let look = Look::of(&serde_json::from_value(company).unwrap());
    let (html, policy) = shown(page(&look, Language::En)).await;
    let png = format!("<header><p><img src=\"data:image/png;base64,{PIXEL}\" width=\"1\" height=\"1\"");
    assert!(html.contains(&format!("{png} alt=\"&quot;&gt;&lt;script&gt;")), "{html}");
    assert!(policy.contains("img-src data:;"), "{policy}");
}

#[tokio::test]
async fn the_policy_allows_the_style_of_the_page_and_forms_to_the_client_alone() {
    let look = Look::plain();
    let (html, policy) = shown(page(&look, Language::En).leads_to(Some(CALLBACK))).await;
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert!(policy.contains(&format!("style-src {};", hash(style))), "{policy}");
    assert!(policy.contains("form-action 'self' https://shop.example;"), "{policy}");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
}

#[tokio::test]
async fn a_form_that_sends_itself_has_the_only_program_and_a_button_without_programs() {
    let look = Look::plain();
    let page = Page::new(&look, Language::En, SIGN_IN).sends_itself().form(&form()).leads_to(Some(CALLBACK));
    let (html, policy) = shown(page).await;
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("<noscript><button>") && policy.contains(&format!("script-src {}", hash(SEND))));
}

#[tokio::test]
async fn a_page_has_a_language_a_heading_labels_and_an_alert_that_describes_its_fields() {
    let look = Look::plain();
    for language in Language::ALL {
        let (html, _) = shown(page(&look, language)).await;
        let root = format!("<html lang=\"{}\" dir=\"{}\">", language.tag(), language.direction());
        for part in
            [&root, "<main id=\"main\">", "<h1>", "<title>", "role=\"alert\"", "for=\"password\"", "class=\"skip\""]
        {
            assert_eq!(html.matches(part).count(), 1, "{part}");
        }
        assert_eq!(html.matches("aria-describedby=\"alert\"").count(), 4);
        assert_eq!(html.matches("name=\"lang\"").count(), 5);
        assert!(html.contains("id=\"identifier-1\"") && html.len() < 30 * 1024);
        assert!(!html.contains(" style=\"") && !html.contains("://"));
    }
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
