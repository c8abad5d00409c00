//! Where a browser goes after a logout that a client began (OpenID Connect RP-Initiated Logout 1.0).

use umoja_schema::Client;
use zeroize::Zeroizing;

use crate::answer::with_query;
use crate::form::Form;

/// Whose session the client wants to end, by an id token that this issuer made, however old it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hinted {
    /// The client of the token.
    pub client: String,
    /// What the client calls the session of the token.
    pub session: Option<String>,
}

/// What happens at a logout.
#[derive(Debug, PartialEq, Eq)]
pub struct Logout {
    /// Whether the person is asked first. Otherwise a link of any user could end sessions.
    pub asks: bool,
    /// Where the browser goes then. `None`: it stays here.
    pub to: Option<Zeroizing<String>>,
}

/// What a request for a logout does. `hinted` is what the token of the request says, if it is genuine. `client` is the registered client
/// of the token, or else the one that the request names. `session` is what that client calls the browser's.
pub fn logout(form: &Form, hinted: Option<&Hinted>, client: Option<&Client>, session: Option<&str>) -> Logout {
    let named = form.get("client_id");
    let client = client.filter(|client| {
        let is = |id: &str| client.id.as_str() == id;
        client.enabled && !client.removed && named.is_none_or(is) && hinted.is_none_or(|hinted| is(&hinted.client))
    });
    let is_bad_hint = form.get("id_token_hint").is_some() && hinted.is_none();
    let to = form.get("post_logout_redirect_uri").filter(|_| !is_bad_hint && (hinted.is_some() || named.is_some()));
    let to = to.filter(|uri| client.is_some_and(|client| client.post_logout_redirect_matches(uri)));
    let state = form.get("state").map(|state| ("state", state));
    let is_this = hinted.is_some_and(|hinted| hinted.session.is_some() && hinted.session.as_deref() == session);
    let asks = session.is_some() && !(is_this && client.is_some());
    Logout { asks, to: to.map(|uri| with_query(uri, state.into_iter())) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::client;

    fn hint(client: &str, session: &str) -> Hinted {
        Hinted { client: client.to_owned(), session: Some(session.to_owned()) }
    }

    fn run(query: &str, hinted: Option<&Hinted>) -> (bool, Option<String>) {
        let form = Form::parse(query.as_bytes()).unwrap();
        let logout = logout(&form, hinted, Some(&client(json!({}))), Some("s1"));
        (logout.asks, logout.to.map(|to| to.to_string()))
    }

    const BYE: &str = "id_token_hint=x&post_logout_redirect_uri=https://shop.example/bye";

    // oidcc-rp-initiated-logout, oidcc-rp-initiated-logout-no-state
    #[test]
    fn a_client_ends_the_session_of_its_own_token_and_gets_the_browser_back() {
        let own = hint("shop", "s1");
        assert_eq!(
            run(&format!("{BYE}&state=a+b"), Some(&own)),
            (false, Some("https://shop.example/bye?state=a%20b".to_owned()))
        );
        assert_eq!(run(BYE, Some(&own)), (false, Some("https://shop.example/bye".to_owned())));
    }

    // oidcc-rp-initiated-logout-bad-post-logout-redirect-uri, -query-added-to-post-logout-redirect-uri
    #[test]
    fn no_browser_is_sent_to_an_address_that_is_not_registered() {
        let own = hint("shop", "s1");
        for uri in
            ["https://shop.example/bye/", "https://shop.example/bye?a=1", "https://evil.example/", "//evil.example"]
        {
            let (_, to) = run(&format!("id_token_hint=x&post_logout_redirect_uri={uri}"), Some(&own));
            assert_eq!(to, None, "{uri}");
        }
    }

    // oidcc-rp-initiated-logout-modified-id-token-hint, -bad-id-token-hint
    #[test]
    fn a_token_that_is_not_genuine_ends_nothing_unasked_and_leads_nowhere() {
        assert_eq!(run(BYE, None), (true, None));
        assert_eq!(run(&format!("{BYE}&client_id=shop"), None), (true, None));
    }

    // oidcc-rp-initiated-logout-no-id-token-hint, -no-params, -only-state, -no-post-logout-redirect-uri
    #[test]
    fn without_a_token_the_person_is_asked() {
        for query in ["", "state=1", "post_logout_redirect_uri=https://shop.example/bye"] {
            assert_eq!(run(query, None), (true, None), "{query}");
        }
        let named = run("client_id=shop&post_logout_redirect_uri=https://shop.example/bye", None);
        assert_eq!(named, (true, Some("https://shop.example/bye".to_owned())));
        assert_eq!(run("id_token_hint=x", Some(&hint("shop", "s1"))), (false, None));
    }

    #[test]
    fn a_token_of_another_session_or_client_ends_nothing_unasked() {
        assert!(run(BYE, Some(&hint("shop", "s2"))).0);
        assert_eq!(run(BYE, Some(&hint("other", "s1"))), (true, None));
        assert_eq!(run(&format!("{BYE}&client_id=other"), Some(&hint("shop", "s1"))), (true, None));
    }
}
