//! Calls of clients that are rejected, for the test that reads the log.

use serde_json::json;

use super::browser::{CALLBACK, request, web};
use super::{SECRET, Sso, basic};

/// What the log says of the calls: the path, the reason, and the client, if it is one.
pub(crate) const LOGGED: [(&str, &str, Option<&str>); 10] = [
    ("/oauth2/par", "invalid_scope", Some("web")),
    ("/oauth2/par", "redirect_uri", Some("web")),
    ("/oauth2/par", "invalid_client", Some("web")),
    ("/oauth2/par", "invalid_client", None),
    ("/oauth2/par", "invalid_request", None),
    ("/oauth2/token", "invalid_grant", Some("web")),
    ("/oauth2/device", "unauthorized_client", Some("web")),
    ("/oauth2/introspect", "invalid_request", Some("web")),
    ("/oauth2/introspect", "invalid_client", Some("web")),
    ("/oauth2/revoke", "invalid_request", Some("web")),
];

/// Has each of these calls rejected, with a text in what the clients say.
pub(crate) async fn rejected_calls(text: &str) {
    let mut sso = Sso::new(1851).await;
    sso.put(web(&json!({}))).await;
    sso.restart();
    let own = basic("web", SECRET);
    let code = format!("grant_type=authorization_code&code={text}&redirect_uri={CALLBACK}&code_verifier={text}");
    for (path, authorization, form, status) in [
        ("/oauth2/par", own.clone(), request(&[("scope", text), ("state", text)]), 400),
        ("/oauth2/par", own.clone(), request(&[("redirect_uri", text)]), 400),
        ("/oauth2/par", basic("web", text), request(&[("login_hint", text)]), 401),
        ("/oauth2/par", basic(text, text), request(&[("client_id", text)]), 401),
        ("/oauth2/par", own.clone(), format!("{text}=1&{text}=2"), 400),
        ("/oauth2/token", own.clone(), code, 400),
        ("/oauth2/device", own.clone(), format!("scope={text}"), 400),
        ("/oauth2/introspect", own.clone(), format!("x={text}"), 400),
        ("/oauth2/introspect", basic("web", text), format!("token={text}"), 401),
        ("/oauth2/revoke", own.clone(), format!("x={text}"), 400),
    ] {
        let got = sso.post(0, path, &[("authorization", &authorization)], &form).await;
        assert_eq!(got.status, status, "{path}: {}", got.body);
    }
}
