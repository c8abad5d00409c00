//! The pages of second factors.

use axum::response::Response;
use umoja_look::texts::sign_on::CONTINUE;
use umoja_look::texts::{factors as say, mail};
use umoja_look::{Choice, Field, Form, Page};

use super::passkey::with_passkey;
use super::{Again, View, to_client};

/// What a page offers of codes by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByMail<'a> {
    /// Nothing.
    No,
    /// To send one.
    Offered,
    /// To type the one of this challenge.
    Sent(&'a str),
}

/// What the page has on which a person shows a second factor.
#[derive(Debug, Clone, Copy)]
pub struct Factor<'a> {
    /// The name of the client into which the person signs in.
    pub client: &'a str,
    /// The path to which the forms go.
    pub action: &'a str,
    /// The URI to which the forms lead in the end.
    pub leads_to: Option<&'a str>,
    /// The value that the forms send back.
    pub step: &'a str,
    /// Whether the person has codes.
    pub codes: bool,
    /// What is asked of a passkey, if the person has one.
    pub passkey: Option<&'a str>,
    /// What it offers of codes by mail.
    pub mail: ByMail<'a>,
    /// Why the person has to try again.
    pub again: Option<Again>,
}

/// The page on which a person shows a second factor.
pub fn factor(view: &View, on: &Factor<'_>) -> Response {
    let page = view.page(say::TITLE).text(to_client(on.client)).alert(on.again.map(Again::phrase));
    let page = if on.codes {
        let code =
            Field::code("code", say::CODE).hint(say::CODE_HINT).faulty(on.again == Some(Again::WrongCode)).first();
        page.form(&Form::post(on.action).hidden("step", on.step).field(code).button(CONTINUE))
    } else {
        page
    };
    let page = by_mail(page, on);
    let page = with_passkey(page, on.passkey.map(|options| (on.action, on.step, options)), say::USE_PASSKEY);
    view.answer(page.leads_to(on.leads_to).languages(Choice::Form))
}

/// Adds the forms of codes by mail.
fn by_mail<'a>(page: Page<'a>, on: &Factor<'_>) -> Page<'a> {
    let form = || Form::post(on.action).hidden("step", on.step);
    let send = || form().hidden("send", "mail");
    match on.mail {
        ByMail::No => page,
        ByMail::Offered => page.text(say::BY_MAIL).form(&send().button(mail::SEND)),
        ByMail::Sent(challenge) => {
            let code = Field::code("code", mail::CODE).faulty(on.again == Some(Again::WrongMailedCode)).first();
            let minutes = (umoja_accounts::mail::LIFETIME_SECS / 60).to_string();
            let page = page.text(say::MAIL_SENT.with(&[("minutes", &minutes)]));
            page.form(&form().hidden("challenge", challenge).field(code).button(CONTINUE))
                .form(&send().button(mail::SEND_AGAIN))
        }
    }
}

/// The page of a person who needs a second factor, and has none. The link leads to where it adds one, and from there back if `leads_back`.
pub fn enrol(view: &View, client: &str, (link, leads_back): (&str, bool)) -> Response {
    let text = if leads_back { say::ENROL_THEN } else { say::ENROL_FIRST };
    view.answer(view.page(say::TITLE).text(text.with(&[("client", client)])).link(link, say::ENROL))
}
