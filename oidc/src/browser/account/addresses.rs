//! `/account/addresses`: the person changes its e-mail address by a code that comes there, and removes an address or a number. The address of
//! before gets a notice.
//!
//! Every address is answered alike before the code has come back: whether another person has it is said to who has the address alone.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use umoja_accounts::Error;
use umoja_accounts::mail::{LIFETIME_SECS, Replaced};
use umoja_look::texts::{account, addresses as say, mail};
use umoja_look::{Card, Field, Form, Page, Phrase};
use umoja_schema::IdentifierKind;

use super::enter::{ADDRESSES, Entered, Inside, Section};
use crate::Provider;
use crate::browser::alike::alike;
use crate::browser::stop::Stop;
use crate::on_account::Proving;

pub(super) const SECTION: Section = Section { path: ADDRESSES, title: say::TITLE, needs_recent: true };

/// What can be removed: the value of the form, and the kind.
const REMOVABLE: [(&str, IdentifierKind); 2] =
    [("email", IdentifierKind::Email), ("phone_number", IdentifierKind::PhoneNumber)];

/// What came of a form.
enum Outcome {
    /// It was done.
    Done(Phrase),
    /// It was not.
    Alert(Phrase),
    /// Too many mails were asked for; another one after these seconds.
    TooMany(u32),
    /// A code was sent, or another page was asked for.
    Nothing,
}

pub(super) async fn addresses(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let mut inside = match Box::pin(Inside::enter_counted(provider, SECTION, request)).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let outcome = if inside.asked.is_post { change(&mut inside).await? } else { Outcome::Nothing };
    let (done, alert, wait) = match outcome {
        Outcome::Done(phrase) => (Some(phrase), None, None),
        Outcome::Alert(phrase) => (None, Some(phrase), None),
        Outcome::TooMany(secs) => (None, Some(mail::TOO_MANY.into()), Some(secs)),
        Outcome::Nothing => (None, None, None),
    };
    let is_faulty = alert.is_some();
    let status = if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
    let mut response = inside.answer(|page| {
        let page = page.done(done).alert(alert).status(status);
        match &inside.proving {
            Some(proving) => code(&inside, page, proving, is_faulty),
            None => all(&inside, page, is_faulty),
        }
    });
    if let Some(secs) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    Ok(response)
}

/// The addresses, and the form for another one.
fn all<'a>(inside: &Inside, page: Page<'a>, is_faulty: bool) -> Page<'a> {
    let (person, step) = (inside.person.view(), inside.step());
    let sends_mail = inside.provider.accounts.mailer.is_some();
    let known = [
        (say::EMAIL, &person.email, person.email_verified),
        (say::PHONE, &person.phone_number, person.phone_number_verified),
    ];
    let mut page = page;
    if sends_mail {
        let typed = inside.asked.form.get("address").filter(|_| is_faulty).unwrap_or_default();
        let address = Field::name("address", say::NEW, "email").hint(say::NEW_IS).value(typed).faulty(is_faulty);
        page = page.form(&Form::post(SECTION.path).hidden("step", &step).field(address).button(say::SEND));
    } else {
        page = page.text(say::NO_MAIL);
    }
    if known.iter().all(|(_, value, _)| value.is_none()) {
        page = page.text(say::NONE);
    }
    for ((text, value, is_verified), (name, _)) in known.into_iter().zip(REMOVABLE) {
        let Some(value) = value else { continue };
        let standing = if is_verified == Some(true) { say::VERIFIED } else { say::UNVERIFIED };
        let card = Card::new(text.with(&[("value", value)]), vec![standing.into()]);
        let remove = || Form::post(SECTION.path).hidden("step", &step).other("remove", name, say::REMOVE);
        page = page.card(&if sends_mail { card.form(remove()) } else { card });
    }
    page
}

/// The form for the code.
fn code<'a>(inside: &Inside, page: Page<'a>, proving: &Proving, is_faulty: bool) -> Page<'a> {
    let minutes = (LIFETIME_SECS / 60).to_string();
    let code = Field::code("code", mail::CODE).faulty(is_faulty).first();
    let form = Form::post(SECTION.path).hidden("step", &inside.step()).field(code).button(say::CONFIRM);
    let sent = say::SENT.with(&[("address", &proving.address), ("minutes", &minutes)]);
    page.text(sent).form(&form).link(&inside.path(SECTION.path), mail::SEND_AGAIN)
}

/// Does what the form says.
async fn change(inside: &mut Inside) -> Result<Outcome, Stop> {
    let removed = inside.asked.form.get("remove").unwrap_or_default();
    let removed = REMOVABLE.into_iter().find(|(name, _)| *name == removed);
    match (inside.proving.clone(), removed) {
        (Some(proving), _) => finish(inside, proving).await,
        (None, Some((_, kind))) => remove(inside, kind).await,
        (None, None) => start(inside).await,
    }
}

/// Sends a code to an address.
async fn start(inside: &mut Inside) -> Result<Outcome, Stop> {
    let (accounts, context, language) = (&inside.provider.accounts, inside.context(), inside.view().language);
    let address = inside.asked.form.get("address").unwrap_or_default().trim().to_owned();
    let begin = async {
        let code = accounts.start_new_address(&context, &inside.person, (&address, language)).await?;
        Ok((code.challenge, code.letter))
    };
    let challenge = match alike(begin).await {
        Ok(challenge) => challenge,
        Err(Error::Invalid { .. }) => return Ok(Outcome::Alert(say::NO_ADDRESS.into())),
        Err(Error::NoMail) => return Ok(Outcome::Nothing),
        Err(Error::TooManyMails { retry_after_secs }) => return Ok(Outcome::TooMany(retry_after_secs)),
        Err(error) => return Err(error.into()),
    };
    inside.proving = Some(Proving { address, challenge });
    Ok(Outcome::Nothing)
}

/// Gives the person the address by the code.
async fn finish(inside: &mut Inside, proving: Proving) -> Result<Outcome, Stop> {
    let (accounts, language) = (&inside.provider.accounts, inside.view().language);
    let typed = inside.asked.form.get("code").unwrap_or_default();
    let of = (proving.challenge.as_str(), typed, proving.address.as_str());
    let changed = match accounts.finish_new_address(&inside.context(), &inside.person, of, language).await {
        Err(Error::CodeInvalid) => return Ok(Outcome::Alert(mail::WRONG.into())),
        changed => changed,
    };
    // The code is used up.
    inside.proving = None;
    settle(inside, changed, Phrase::from(say::CHANGED)).await
}

/// Removes an address or a number.
async fn remove(inside: &mut Inside, kind: IdentifierKind) -> Result<Outcome, Stop> {
    let (accounts, language) = (&inside.provider.accounts, inside.view().language);
    let removed = accounts.remove_identifier(&inside.context(), &inside.person, kind, language).await;
    settle(inside, removed, Phrase::from(say::REMOVED)).await
}

/// Sends the notice of a change, or says why there was none.
async fn settle(inside: &mut Inside, changed: Result<Replaced, Error>, done: Phrase) -> Result<Outcome, Stop> {
    match changed {
        Ok(Replaced { person, notice }) => {
            inside.person = person;
            if let Some(notice) = notice {
                // The change is made. That the notice was not sent is logged.
                drop(notice.send().await);
            }
            Ok(Outcome::Done(done))
        }
        Err(Error::Taken(_)) => Ok(Outcome::Alert(say::TAKEN.with(&[("company", inside.company())]))),
        Err(Error::NoIdentifierLeft) => Ok(Outcome::Alert(say::LAST.into())),
        Err(Error::Invalid { .. } | Error::Version { .. } | Error::Contended) => {
            Ok(Outcome::Alert(account::OVERTAKEN.into()))
        }
        Err(Error::NoMail) => Ok(Outcome::Nothing),
        Err(error) => Err(error.into()),
    }
}
