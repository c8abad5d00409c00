//! The pages on which a person makes an account.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use umoja_look::texts::{account, mail, register as say};
use umoja_look::{Choice, Field, Form, Page, Phrase, Text};

use super::{View, to_client};

/// What is wrong with what a person has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterFault {
    /// What was typed is no address.
    Address,
    /// Too many mails were asked for; another one after these seconds.
    TooMany(u32),
    /// The code is wrong, was used or has ended.
    Code,
    /// There is no given name, or a name is too long or has characters that no name has.
    Names,
    /// The password is shorter than this, or has characters that cannot be typed.
    Short(usize),
    /// The password is too easy to guess.
    Weak,
}

impl RegisterFault {
    fn phrase(self) -> Phrase {
        match self {
            Self::Address => say::NO_ADDRESS.into(),
            Self::TooMany(_) => mail::TOO_MANY.into(),
            Self::Code => mail::WRONG.into(),
            Self::Names => account::NOT_SAVED.into(),
            Self::Short(chars) => mail::SHORT.with(&[("chars", &chars.to_string())]),
            Self::Weak => mail::WEAK.into(),
        }
    }
}

/// What the page has on which a person says its address.
#[derive(Debug, Clone, Copy)]
pub struct RegisterAsk<'a> {
    /// The name of the client to which the person wants to go.
    pub client: &'a str,
    /// The path to which the form goes.
    pub action: &'a str,
    /// The value that the form sends back.
    pub step: &'a str,
    /// The address that the person typed, or that the client expects.
    pub address: &'a str,
    /// The link for who has an account; `None` for a request that is too large for it.
    pub sign_in: Option<&'a str>,
    /// What is wrong.
    pub fault: Option<RegisterFault>,
}

/// What the page has on which a person makes an account by the code.
#[derive(Debug, Clone, Copy)]
pub struct RegisterPage<'a> {
    /// The path to which the form goes.
    pub action: &'a str,
    /// The URI to which the form leads in the end.
    pub leads_to: &'a str,
    /// The value that the form sends back.
    pub step: &'a str,
    /// The address that the person typed.
    pub address: &'a str,
    /// The given name and the family name that it typed.
    pub names: [&'a str; 2],
    /// The least characters of a password.
    pub least: usize,
    /// The link for who wants another code; `None` for a request that is too large for it.
    pub again: Option<&'a str>,
    /// The link for who has an account, likewise.
    pub sign_in: Option<&'a str>,
    /// What is wrong.
    pub fault: Option<RegisterFault>,
}

/// Adds a link, if there is one.
fn linked<'a>(page: Page<'a>, link: Option<&str>, text: Text) -> Page<'a> {
    link.into_iter().fold(page, |page, link| page.link(link, text))
}

/// The page on which a person says its address.
pub fn register_ask(view: &View, on: &RegisterAsk<'_>) -> Response {
    let is_faulty = on.fault == Some(RegisterFault::Address);
    let address = Field::name("identifier", say::ADDRESS, "email").value(on.address).faulty(is_faulty).first();
    let form = Form::post(on.action).hidden("step", on.step).field(address).button(mail::SEND);
    let page = view.page(say::TITLE).text(to_client(on.client)).alert(on.fault.map(RegisterFault::phrase));
    let page = linked(page.text(say::ASK).form(&form), on.sign_in, say::SIGN_IN_INSTEAD).languages(Choice::Form);
    let Some(RegisterFault::TooMany(secs)) = on.fault else { return view.answer(page) };
    let mut response = view.answer(page.status(StatusCode::TOO_MANY_REQUESTS));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    response
}

/// The page on which a person types the code, and says who it is. It is the same for an address that has an account.
pub fn register_code(view: &View, on: &RegisterPage<'_>) -> Response {
    use RegisterFault::{Code, Names, Short, Weak};
    let [given, family] = on.names;
    // By its address a program of the browser keeps the password.
    let address = Field::shown_name("identifier", say::ADDRESS, "username").value(on.address);
    let code = Field::code("code", mail::CODE).faulty(on.fault == Some(Code)).first();
    let is_names = on.fault == Some(Names);
    let given = Field::text("given_name", say::GIVEN_NAME, "given-name").value(given).faulty(is_names);
    let family = Field::text("family_name", say::FAMILY_NAME, "family-name").value(family).faulty(is_names).optional();
    let hint = account::PASSWORD_HINT.with(&[("count", &on.least.to_string())]);
    let password = Field::new_password("new_password", mail::NEW_PASSWORD).hint(hint);
    let password = password.faulty(matches!(on.fault, Some(Short(_) | Weak)));
    let form = Form::post(on.action).hidden("step", on.step).field(address).field(code);
    let form = form.field(given).field(family).field(password).button(say::MAKE);
    let minutes = (umoja_accounts::mail::LIFETIME_SECS / 60).to_string();
    let page = view.page(say::TITLE).text(say::SENT.with(&[("minutes", &minutes)]));
    let page = page.alert(on.fault.map(RegisterFault::phrase)).form(&form);
    let page = linked(linked(page, on.again, mail::SEND_AGAIN), on.sign_in, say::SIGN_IN_INSTEAD);
    view.answer(page.leads_to(Some(on.leads_to)).languages(Choice::Form))
}
