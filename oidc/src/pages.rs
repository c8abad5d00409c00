//! The pages of the provider. They work without a program, except that a form for a client sends itself where programs run, and
//! that a passkey needs one. What they look
//! like and what they may do, `umoja_look` decides for all pages.

pub mod account;
mod device;
mod factor;
mod passkey;
mod register;
mod reset;

use std::collections::BTreeSet;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use umoja_look::texts::{factors, federation, mail, register as registration, sign_on as say};
use umoja_look::{Choice, Field, Form, Language, Look, Page, Phrase, Text};

use self::passkey::with_passkey;
use crate::answer::Answer;
use crate::request::NoReturn;

pub use self::device::{CodeFault, device_code, device_confirm, device_done};
pub use self::factor::{ByMail, Factor, enrol, factor};
pub use self::passkey::{PROGRAM_PATH, passkey_program};
pub use self::register::{RegisterAsk, RegisterFault, RegisterPage, register_ask, register_code};
pub use self::reset::{ResetFault, reset_ask, reset_code, reset_done};

/// What the pages say of each scope.
const SCOPES: [(&str, Text); 6] = [
    ("openid", say::SCOPE_OPENID),
    ("profile", say::SCOPE_PROFILE),
    ("email", say::SCOPE_EMAIL),
    ("phone", say::SCOPE_PHONE),
    ("address", say::SCOPE_ADDRESS),
    ("offline_access", say::SCOPE_OFFLINE_ACCESS),
];

/// Scopes as a page says them: who the person is first, and what lasts longest last. Those that only their client knows follow, as they are.
pub fn in_words(scopes: &BTreeSet<String>) -> Vec<Phrase> {
    let known = SCOPES.iter().filter(|(name, _)| scopes.contains(*name)).map(|(_, text)| Phrase::from(*text));
    let others = scopes.iter().filter(|scope| SCOPES.iter().all(|(name, _)| name != scope));
    known.chain(others.map(|scope| Phrase::foreign(scope))).collect()
}

/// For whom a page is: the look of a company, and the language of the person.
#[derive(Debug, Clone)]
pub struct View {
    /// The look.
    pub look: Look,
    /// The language.
    pub language: Language,
    /// The cookie that keeps the language, if the person has just chosen it.
    pub kept: Option<HeaderValue>,
}

impl View {
    /// A page of this view.
    pub fn page(&self, title: impl Into<Phrase>) -> Page<'_> {
        Page::new(&self.look, self.language, title)
    }

    /// The answer with a page.
    pub fn answer(&self, page: Page<'_>) -> Response {
        let mut response = page.into_response();
        if let Some(cookie) = &self.kept {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
        response
    }
}

/// Why a person has to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No user may sign in with this. It does not say why.
    Wrong,
    /// The code is none, or was used before.
    WrongCode,
    /// The code of a mail is wrong, was used, or has ended.
    WrongMailedCode,
    /// Too many mails were asked for.
    TooManyMails,
    /// The passkey is none of the person's, or its answer is not accepted.
    WrongPasskey,
    /// Too many attempts failed.
    Locked,
    /// The service cannot answer now.
    Unavailable,
    /// The other provider gave no answer that can be used.
    NoProvider,
    /// The other provider does not answer, or did not a moment ago.
    Unreachable,
    /// The other provider does not say that the person has just signed in there.
    NotRecent,
    /// The person did not sign in at the other provider.
    NotThere,
    /// The person of the login at the other provider may not sign in.
    NotAllowed,
    /// The login at the other provider cannot be connected to the account.
    NotConnected,
    /// The person has an account already.
    Registered,
}

impl Again {
    /// The reason in a word, for logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::WrongCode => "wrong_code",
            Self::WrongMailedCode => "wrong_mailed_code",
            Self::TooManyMails => "too_many_mails",
            Self::WrongPasskey => "wrong_passkey",
            Self::Locked => "locked",
            Self::Unavailable => "unavailable",
            Self::NoProvider => "no_provider",
            Self::Unreachable => "unreachable",
            Self::NotRecent => "not_recent",
            Self::NotThere => "not_there",
            Self::NotAllowed => "not_allowed",
            Self::NotConnected => "not_connected",
            Self::Registered => "registered",
        }
    }

    /// Why a login at a provider came to nothing, by its word.
    pub fn of_code(code: &str) -> Option<Self> {
        let all = [Self::NoProvider, Self::Unreachable, Self::NotRecent, Self::NotThere, Self::Locked];
        all.into_iter().find(|again| again.code() == code)
    }

    /// The reason, as a page says it.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Wrong => say::WRONG.into(),
            Self::WrongCode => factors::WRONG_CODE.into(),
            Self::WrongMailedCode => mail::WRONG.into(),
            Self::TooManyMails => mail::TOO_MANY.into(),
            Self::WrongPasskey => factors::WRONG_PASSKEY.into(),
            Self::Locked => say::LOCKED.into(),
            Self::Unavailable => say::UNAVAILABLE.into(),
            Self::NoProvider => federation::NO_PROVIDER.into(),
            Self::Unreachable => federation::UNREACHABLE.into(),
            Self::NotRecent => federation::NOT_RECENT.into(),
            Self::NotThere => federation::NOT_THERE.into(),
            Self::NotAllowed => federation::NOT_ALLOWED.into(),
            Self::NotConnected => federation::NOT_CONNECTED.into(),
            Self::Registered => registration::KNOWN.into(),
        }
    }
}

/// What the page has on which a person signs in.
#[derive(Clone, Copy)]
pub struct SignIn<'a> {
    /// The path to which the form goes.
    pub action: &'a str,
    /// The URI to which the form leads in the end.
    pub leads_to: Option<&'a str>,
    /// The value that the form sends back.
    pub step: &'a str,
    /// What is asked of a passkey.
    pub passkey: &'a str,
    /// Whom the client expects, or what the person typed.
    pub hint: &'a str,
    /// The link for who has forgotten the password; `None` where no mail is sent.
    pub forgotten: Option<&'a str>,
    /// The link for who has no account; `None` where persons make none.
    pub register: Option<&'a str>,
    /// Why the person has to try again.
    pub again: Option<Again>,
    /// The providers at which the person may sign in instead: their names, and the paths at which that begins.
    pub others: &'a [(String, String)],
    /// What the page says of the login at another provider that the person connects.
    pub connects: Option<&'a Phrase>,
}

/// What a page says of a client to which the person wants to go.
pub fn to_client(client: &str) -> Phrase {
    say::CONTINUE_TO.with(&[("client", client)])
}

/// The page on which a person signs in: its title and what it says first.
pub fn sign_in(view: &View, (title, text): (Text, Option<Phrase>), on: &SignIn<'_>) -> Response {
    let page = text.into_iter().fold(view.page(title), Page::text);
    view.answer(sign_in_form(page, on))
}

/// Adds the form by which a person signs in to a page.
fn sign_in_form<'a>(page: Page<'a>, on: &SignIn<'_>) -> Page<'a> {
    let is_faulty = on.again == Some(Again::Wrong);
    let name = Field::name("identifier", say::NAME, "username webauthn").value(on.hint).faulty(is_faulty);
    let password = Field::password("password", say::PASSWORD).faulty(is_faulty);
    let (name, password) = if on.hint.is_empty() { (name.first(), password) } else { (name, password.first()) };
    let form = Form::post(on.action).hidden("step", on.step).field(name).field(password).button(say::SIGN_IN);
    let page = page.alert(on.again.map(Again::phrase)).done(on.connects.cloned());
    let page = page.form(&form).leads_to(on.leads_to).languages(Choice::Form);
    let page = with_passkey(page, Some((on.action, on.step, on.passkey)), factors::USE_PASSKEY);
    let page = on
        .others
        .iter()
        .fold(page, |page, (name, path)| page.link(path, federation::SIGN_IN_WITH.with(&[("provider", name)])));
    let page = match on.forgotten {
        Some(link) => page.link(link, umoja_look::texts::mail::FORGOTTEN),
        None => page,
    };
    match on.register {
        Some(link) => page.link(link, registration::TITLE),
        None => page,
    }
}

/// The page on which a person lets a client have what it asks for.
pub fn consent(view: &View, client: &str, redirect_uri: &str, step: &str, scopes: Vec<Phrase>) -> Response {
    let form = Form::post("/consent").hidden("step", step);
    let form = form.answer("answer", "allow", say::ALLOW).other("answer", "reject", say::REJECT);
    let page = view.page(say::ALLOW_ACCESS).text(say::WANTS.with(&[("client", client)])).list(scopes);
    view.answer(page.form(&form).leads_to(Some(redirect_uri)).languages(Choice::Form))
}

/// The page that asks whether a person wants to sign out.
pub fn sign_out(view: &View, step: &str, redirect_uri: Option<&str>) -> Response {
    let form = Form::post("/oauth2/logout").hidden("step", step).button(say::SIGN_OUT);
    let page = view.page(say::SIGN_OUT).text(say::SIGN_OUT_ALL).form(&form);
    view.answer(page.leads_to(redirect_uri).languages(Choice::Form))
}

/// The page of a person who has signed out. `path` shows it again.
pub fn signed_out(view: &View, path: &str) -> Response {
    view.answer(view.page(say::SIGNED_OUT).text(say::CLOSE).languages(Choice::Links(path)))
}

/// The path that shows the page of a request whose answer goes nowhere, so that a person reads it in another language. The request is not
/// repeated.
pub const STOPPED: &str = "/stopped";

/// The page of a request whose answer goes nowhere. It says what the person can do next.
pub fn no_return(view: &View, reason: NoReturn) -> Response {
    let text = match reason {
        NoReturn::Client => say::NO_CLIENT,
        NoReturn::Redirect => say::NO_REDIRECT,
        NoReturn::Unreadable => say::NO_READING,
        NoReturn::Pushed => say::NO_PUSHED,
        NoReturn::Page => say::NO_PAGE,
        NoReturn::Form => say::NO_FORM,
        NoReturn::Absent => say::NO_SUCH_PAGE,
    };
    let status = match reason {
        NoReturn::Form => StatusCode::METHOD_NOT_ALLOWED,
        NoReturn::Absent => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    let again = format!("{STOPPED}?reason={}", reason.code());
    view.answer(view.page(say::BAD_LINK).alert(Some(text.into())).status(status).languages(Choice::Links(&again)))
}

/// The page of a request that the region cannot answer now.
pub fn unavailable(view: &View) -> Response {
    let page = view.page(say::TRY_AGAIN).alert(Some(say::UNAVAILABLE.into()));
    let mut response = view.answer(page.status(StatusCode::SERVICE_UNAVAILABLE));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The page whose form takes an answer to its client (OAuth 2.0 Form Post Response Mode).
pub fn form_post(view: &View, answer: &Answer<'_>) -> Response {
    let form = Form::post(answer.action()).button(say::CONTINUE);
    let form = answer.parameters().fold(form, |form, (name, value)| form.hidden(name, value));
    view.answer(view.page(say::CONTINUE).leads_to(Some(answer.action())).sends_itself().form(&form))
}

#[cfg(test)]
mod tests;
