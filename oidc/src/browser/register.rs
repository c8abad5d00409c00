//! `GET` and `POST /register`: a person makes an account on its way to a client, by a code that comes to its address.
//!
//! Every address is answered alike, and after the same time, as every name is by `/reset`: whether it has an account is said by the mail alone.
//! The request of the client goes along, so the person is at the client in the end.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};
use umoja_accounts::mail::{Asking, Made, NewAccount, Pages};
use umoja_accounts::{Context, Error, Field};
use umoja_crypto::Password;
use umoja_schema::{IdentifierKind, UserId};

use super::alike::alike;
use super::asked::Asked;
use super::offered::{self, REGISTER as PATH, offers_registration};
use super::proceed::Going;
use super::reset;
use super::send::Cookies;
use super::sign_in::{self, OneFactor, ROUNDS, Rejection, Right};
use super::stop::Stop;
use crate::pages::{self, Again, RegisterFault, RegisterPage};
use crate::request::NoReturn;
use crate::steps::{OnPage, Registering};
use crate::{Provider, assurance};

/// The most characters of a name.
const MAX_NAME: usize = 256;

pub(super) async fn register(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let text = asked.form.get("step").unwrap_or_default();
    let step = OnPage::open(&provider.accounts.secrets, text, Some(&browser), provider.now());
    let OnPage { request, registering, unconnected, .. } = step.ok_or(NoReturn::Page)?;
    let registered = provider.registered(request.client.as_str()).await?;
    let mut going = Going::of(&provider, registered.as_deref(), &asked, request)?;
    if !offers_registration(&provider, &going.registered.company) {
        return Err(Stop::at(NoReturn::Page, &going.registered.client.id));
    }
    going.unconnected = unconnected;
    let is_sent = asked.is_post && asked.chosen().is_none();
    match registering {
        None if is_sent => start(going).await,
        None => Ok(ask(&going, None)),
        Some(registering) if is_sent => finish(going, &registering, browser).await,
        Some(registering) => Ok(code(&going, &registering, None)),
    }
}

/// The page on which a person says its address.
fn ask(going: &Going<'_>, fault: Option<RegisterFault>) -> Response {
    let mut cookies = Cookies::default();
    let mut response = going.register_page(fault, &mut cookies);
    cookies.set(&going.provider.issuer, response.headers_mut());
    response
}

/// The page on which a person types the code, and says who it is.
fn code(going: &Going<'_>, registering: &Registering, fault: Option<RegisterFault>) -> Response {
    let (mut cookies, provider) = (Cookies::default(), going.provider);
    // Links lead back to the first page, and to the one on which who has an account signs in.
    let back = going.step(None, None, &mut cookies);
    let step = going.step_with(|step| step.registering(Some(registering.clone())), &mut cookies);
    let again = offered::registration(provider, &going.registered.company, &back);
    let sign_in = offered::sign_in(&back);
    let given = |name| going.asked.form.get(name).unwrap_or_default();
    let on = RegisterPage {
        action: PATH,
        leads_to: &going.request.return_to.redirect_uri,
        step: &step,
        address: &registering.address,
        names: [given("given_name"), given("family_name")],
        least: provider.accounts.passwords.min_chars,
        again: again.as_deref(),
        sign_in: sign_in.as_deref(),
        fault,
    };
    let mut response = pages::register_code(&going.view(None), &on);
    cookies.set(&provider.issuer, response.headers_mut());
    response
}

fn context(going: &Going<'_>) -> Context {
    going.registered.context(going.provider.now())
}

/// Sends a code to an address.
async fn start(going: Going<'_>) -> Result<Response, Stop> {
    let (provider, context, accounts) = (going.provider, context(&going), &going.provider.accounts);
    let address = going.asked.form.get("identifier").unwrap_or_default().trim();
    if context.parse_new(IdentifierKind::Email, address).is_err() {
        return Ok(ask(&going, Some(RegisterFault::Address)));
    }
    let sign_in = provider.url(&offered::account(&going.registered.company.id));
    let reset = provider.url(&reset::path(&going.registered.client.id));
    let pages = Pages { sign_in: &sign_in, reset: &reset };
    let asking = Asking { from: going.asked.address, language: going.view(None).language, pages };
    let begin = async {
        let begun = accounts.start_registration(&context, address, asking).await?;
        Ok((begun.challenge, begun.letter))
    };
    match alike(begin).await {
        Err(Error::TooManyMails { retry_after_secs }) => {
            Ok(ask(&going, Some(RegisterFault::TooMany(retry_after_secs))))
        }
        Err(error) => Err(error.into()),
        Ok(challenge) => Ok(code(&going, &Registering { address: address.to_owned(), challenge }, None)),
    }
}

/// Makes the account by a code, and continues with the request of the client.
async fn finish(going: Going<'_>, registering: &Registering, browser: String) -> Result<Response, Stop> {
    let made = match make(&going, registering).await? {
        Ok(made) => made,
        Err(fault) => return Ok(code(&going, registering, Some(fault))),
    };
    let user = match made {
        Made::User(user) => user,
        // It has shown that it has the address, so that may be said. The password is not that of the account.
        Made::Known => return going.again(Some(Rejection::with(Again::Registered))).await,
    };
    match signed_in(&going, user).await? {
        Err(rejected) => going.again(Some(rejected)).await,
        Ok(Right::Passed(passed, standing)) => Ok(going.first_factor_page(passed, &standing)),
        Ok(Right::Begun(cookie, standing)) => going.begun((cookie, standing), browser).await,
    }
}

/// Makes the account. The inner error is what the person has to change.
async fn make(
    going: &Going<'_>,
    Registering { address, challenge }: &Registering,
) -> Result<Result<Made, RegisterFault>, Stop> {
    let accounts = &going.provider.accounts;
    let given = |name| going.asked.form.get(name).map(str::trim).filter(|text| !text.is_empty());
    let least = accounts.passwords.min_chars;
    let password = going.asked.form.get("new_password").unwrap_or_default();
    let Ok(password) = Password::new(password, least) else { return Ok(Err(RegisterFault::Short(least))) };
    let names = [("given_name", given("given_name")), ("family_name", given("family_name"))];
    let is_long = |(_, name): &(_, Option<&str>)| name.is_some_and(|name| name.chars().count() > MAX_NAME);
    if names[0].1.is_none() || names.iter().any(is_long) {
        return Ok(Err(RegisterFault::Names));
    }
    let names = names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    let locale = ("locale".to_owned(), json!(going.view(None).language.tag()));
    let profile: Map<String, Value> = names.chain([locale]).collect();
    if let Some(busy) = accounts.hasher.rejects(&going.registered.company.id) {
        return Err(Error::from(busy).into());
    }
    let new =
        NewAccount { challenge, code: going.asked.form.get("code").unwrap_or_default(), address, profile, password };
    match accounts.finish_registration(&context(going), new).await {
        Ok(made) => Ok(Ok(made)),
        Err(Error::CodeInvalid | Error::Locked { .. }) => Ok(Err(RegisterFault::Code)),
        Err(Error::Weak(_)) => Ok(Err(RegisterFault::Weak)),
        Err(Error::Invalid { field: Field::Profile, .. }) => Ok(Err(RegisterFault::Names)),
        Err(error) => Err(error.into()),
    }
}

/// Begins the session of the person. The inner error is why that cannot be.
async fn signed_in(going: &Going<'_>, user: UserId) -> Result<Result<Right, Rejection>, Stop> {
    let (provider, registered, context) = (going.provider, going.registered, context(going));
    for _ in 0..ROUNDS {
        let Some(person) = provider.accounts.admit(&context, user).await? else {
            return Ok(Err(Rejection::with(Again::Wrong)));
        };
        let (amr, agent) = (assurance::password(), going.asked.agent());
        let one = OneFactor { person: &person, at: context.now, amr, agent };
        match sign_in::by_one_factor(provider, registered, one, &going.request.acr_values).await {
            Ok(Some(right)) => return Ok(Ok(right)),
            Ok(None) => {}
            Err(rejected) => return Ok(Err(rejected)),
        }
    }
    Ok(Err(Rejection::UNAVAILABLE))
}
