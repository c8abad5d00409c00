//! What has to happen before a client gets a code: that the person signs in, shows a second factor, or consents, or nothing (OpenID Connect Core section
//! 3.1.2.3 and 3.1.2.4).

use std::collections::BTreeSet;

use umoja_schema::Client;

use crate::assurance::Lacks;
use crate::request::{AuthorizationRequest, Fault};

/// Clocks of two regions may differ by this many seconds. A session may be older by it than `max_age` says.
const SKEW_SECS: u64 = 5;

/// What is known of the person whose browser it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// When the person signed in, in Unix seconds.
    pub auth_time: u64,
    /// Whether the person signed in for this very request.
    pub for_this: bool,
    /// Whether this is another person than the one whose id token the client sent as a hint.
    pub is_other: bool,
    /// What the person lacks beside the sign-in.
    pub lacks: Option<Lacks>,
}

/// What the person has let the client have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consented {
    /// The scopes, now and before.
    pub scopes: BTreeSet<String>,
    /// Whether the person has consented for this very request.
    pub for_this: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The page on which the person signs in.
    SignIn,
    /// The page on which the person shows a second factor, or a code by mail.
    Factor,
    /// The page that says to a person without a second factor that it needs one.
    Enrol,
    /// The page on which the person consents.
    Consent,
    /// The code.
    Issue,
}

/// When a person is asked for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Never: the client is of the company itself.
    Never,
    /// Once for each scope.
    Once,
    /// Each time, because another program may send the request in the name of the client and get the code (RFC 8252 section 8.6).
    Always,
}

impl Asks {
    /// When a person is asked for a client whose answer goes to a URI.
    pub fn of(client: &Client, redirect_uri: &str) -> Self {
        match (client.first_party, client.may_be_another(redirect_uri)) {
            (true, _) => Self::Never,
            (false, true) => Self::Always,
            (false, false) => Self::Once,
        }
    }
}

/// What comes next for a request.
///
/// # Errors
/// [`Fault::LoginRequired`], [`Fault::UnmetAuthentication`] or [`Fault::ConsentRequired`] if the client wants no page and one is needed, and
/// [`Fault::AccessDenied`] if another person has signed in than the client expects.
pub fn next(
    request: &AuthorizationRequest,
    person: Option<Visitor>,
    consented: &Consented,
    asks: Asks,
    now_secs: u64,
) -> Result<Step, Fault> {
    let wanted = |step, fault| if request.prompt.none { Err(fault) } else { Ok(step) };
    let Some(person) = person else { return wanted(Step::SignIn, Fault::LoginRequired) };
    if person.for_this && person.is_other {
        return Err(Fault::AccessDenied);
    }
    // Who has just signed in is not asked again, however little `max_age` is.
    let age = now_secs.saturating_sub(person.auth_time);
    let is_old = request.max_age.is_some_and(|most| age > most.saturating_add(if most == 0 { 0 } else { SKEW_SECS }));
    // Who makes an account is not the person of the session.
    let is_unasked = request.prompt.login || request.prompt.create || request.max_age == Some(0) || is_old;
    if person.is_other || (is_unasked && !person.for_this) {
        return wanted(Step::SignIn, Fault::LoginRequired);
    }
    match person.lacks {
        Some(Lacks::Factor | Lacks::Mail) => return wanted(Step::Factor, Fault::LoginRequired),
        Some(Lacks::Enrolment) => return wanted(Step::Enrol, Fault::UnmetAuthentication),
        None => {}
    }
    let lacks = asks != Asks::Never && !request.scopes.is_subset(&consented.scopes);
    if lacks || ((request.prompt.consent || asks == Asks::Always) && !consented.for_this) {
        return wanted(Step::Consent, Fault::ConsentRequired);
    }
    Ok(Step::Issue)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{client, request};

    const NOW: u64 = 1_000_000;

    fn ago(secs: u64) -> Visitor {
        Visitor { auth_time: NOW - secs, for_this: false, is_other: false, lacks: None }
    }

    fn all() -> Consented {
        Consented { scopes: ["openid", "email"].map(str::to_owned).into(), for_this: false }
    }

    fn step(more: &str, person: Option<Visitor>) -> Result<Step, Fault> {
        next(&request(more), person, &all(), Asks::Once, NOW)
    }

    // oidcc-prompt-none-not-logged-in
    #[test]
    fn without_a_page_a_stranger_is_an_error() {
        assert_eq!(step("prompt=none", None), Err(Fault::LoginRequired));
        assert_eq!(step("", None), Ok(Step::SignIn));
    }

    // oidcc-prompt-none-logged-in
    #[test]
    fn without_a_page_who_is_signed_in_gets_a_code() {
        assert_eq!(step("prompt=none", Some(ago(60))), Ok(Step::Issue));
        let none = next(&request("prompt=none"), Some(ago(60)), &Consented::default(), Asks::Once, NOW);
        assert_eq!(none, Err(Fault::ConsentRequired));
    }

    // oidcc-prompt-login
    #[test]
    fn a_login_that_is_asked_for_is_made_once() {
        let person = ago(1);
        assert_eq!(step("prompt=login", Some(person)), Ok(Step::SignIn));
        assert_eq!(step("prompt=login", Some(Visitor { for_this: true, ..person })), Ok(Step::Issue));
    }

    // oidcc-max-age-1, oidcc-max-age-10000
    #[test]
    fn an_old_login_is_made_again_and_a_new_one_is_never_too_old() {
        assert_eq!(step("max_age=1", Some(ago(60))), Ok(Step::SignIn));
        assert_eq!(step("max_age=1&prompt=none", Some(ago(60))), Err(Fault::LoginRequired));
        assert_eq!(step("max_age=10000", Some(ago(60))), Ok(Step::Issue));
        assert_eq!(step("max_age=0", Some(ago(0))), Ok(Step::SignIn));
        assert_eq!(step("max_age=0", Some(Visitor { for_this: true, ..ago(3) })), Ok(Step::Issue));
    }

    // oidcc-id-token-hint
    #[test]
    fn another_person_than_the_client_expects_gets_no_code() {
        let other = Visitor { is_other: true, ..ago(1) };
        assert_eq!(step("", Some(other)), Ok(Step::SignIn));
        assert_eq!(step("prompt=none", Some(other)), Err(Fault::LoginRequired));
        assert_eq!(step("", Some(Visitor { for_this: true, ..other })), Err(Fault::AccessDenied));
    }

    #[test]
    fn a_second_factor_is_shown_before_anything_is_given_and_who_has_none_gets_nothing() {
        let needs = Visitor { lacks: Some(Lacks::Factor), ..ago(1) };
        let lacks = Visitor { lacks: Some(Lacks::Enrolment), ..needs };
        assert_eq!(step("prompt=consent", Some(needs)), Ok(Step::Factor));
        assert_eq!(step("prompt=none", Some(needs)), Err(Fault::LoginRequired));
        assert_eq!(step("", Some(Visitor { for_this: true, ..needs })), Ok(Step::Factor));
        assert_eq!(step("", Some(lacks)), Ok(Step::Enrol));
        assert_eq!(step("prompt=none", Some(lacks)), Err(Fault::UnmetAuthentication));
        let by_mail = Visitor { lacks: Some(Lacks::Mail), ..needs };
        assert_eq!(step("", Some(by_mail)), Ok(Step::Factor));
        assert_eq!(step("prompt=none", Some(by_mail)), Err(Fault::LoginRequired));
        assert_eq!(step("", Some(Visitor { lacks: None, ..needs })), Ok(Step::Issue));
        assert_eq!(step("max_age=1", Some(Visitor { auth_time: NOW - 60, ..needs })), Ok(Step::SignIn));
    }

    #[test]
    fn consent_is_asked_once_for_each_scope_and_whenever_the_client_wants() {
        let (some, person) = (Consented { scopes: ["openid".to_owned()].into(), for_this: false }, Some(ago(1)));
        assert_eq!(next(&request(""), person, &some, Asks::Once, NOW), Ok(Step::Consent));
        assert_eq!(next(&request(""), person, &some, Asks::Never, NOW), Ok(Step::Issue));
        assert_eq!(step("prompt=consent", person), Ok(Step::Consent));
        let given = Consented { for_this: true, ..all() };
        assert_eq!(next(&request("prompt=consent"), person, &given, Asks::Once, NOW), Ok(Step::Issue));
    }

    #[test]
    fn whom_another_program_may_pose_as_gets_no_code_without_a_page() {
        let (person, given) = (Some(ago(1)), Consented { for_this: true, ..all() });
        assert_eq!(next(&request(""), person, &all(), Asks::Always, NOW), Ok(Step::Consent));
        let none = next(&request("prompt=none"), person, &all(), Asks::Always, NOW);
        assert_eq!(none, Err(Fault::ConsentRequired));
        assert_eq!(next(&request(""), person, &given, Asks::Always, NOW), Ok(Step::Issue));
    }

    #[test]
    fn a_public_client_of_others_is_itself_only_at_an_address_with_a_certificate() {
        let asks = |kind: &str, first_party: bool, uri| {
            Asks::of(&client(json!({ "kind": kind, "first_party": first_party })), uri)
        };
        for uri in ["http://127.0.0.1:5000/cb", "http://[::1]:9/cb", "http://localhost:3000/", "com.shop.app:/cb"] {
            assert_eq!(asks("public", false, uri), Asks::Always, "{uri}");
            assert_eq!(asks("confidential", false, uri), Asks::Once, "{uri}");
            assert_eq!(asks("public", true, uri), Asks::Never, "{uri}");
        }
        assert_eq!(asks("public", false, "https://shop.example/callback"), Asks::Once);
    }
}
