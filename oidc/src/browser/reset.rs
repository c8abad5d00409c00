//! `GET` and `POST /reset`: a person who has forgotten its password gets a code by mail, and sets a new one with it.
//!
//! Every name is answered alike, and after the same time: the page waits for longer than the work for a user takes, and the mail is sent
//! beside it. A link has nothing but the client; the person types the code.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_accounts::{Context, Error};
use umoja_crypto::Password;
use umoja_look::Look;
use umoja_schema::{ClientId, CompanyId};

use super::alike::alike;
use super::asked::Asked;
use super::offered;
use super::send::Cookies;
use super::sign_in::selector;
use super::stop::Stop;
use crate::Provider;
use crate::pages::{ResetFault, View, reset_ask, reset_code, reset_done};
use crate::provider::Registered;
use crate::request::NoReturn;
use crate::reset::{ResetAt, ResetStep};

/// The path.
pub(super) const PATH: &str = "/reset";

/// The link to the first page, from the page on which a person signs in to a client. `None` where no mail is sent.
pub(super) fn link(provider: &Provider, client: &ClientId) -> Option<String> {
    provider.accounts.mailer.is_some().then(|| path(client))
}

/// The link to the first page, from the pages of an account. `None` where no mail is sent.
pub(super) fn link_of_company(provider: &Provider, company: &CompanyId) -> Option<String> {
    provider.accounts.mailer.is_some().then(|| path_at(&ResetAt::Account(company.clone())))
}

/// The first page, for a client.
pub(super) fn path(client: &ClientId) -> String {
    path_at(&ResetAt::Client(client.clone()))
}

fn path_at(at: &ResetAt) -> String {
    match at {
        ResetAt::Client(client) => format!("{PATH}?client={client}"),
        ResetAt::Account(company) => format!("{PATH}?company={company}"),
    }
}

/// The client, or the pages of an account as one.
async fn registered(provider: &Provider, at: &ResetAt) -> Result<Arc<Registered>, Stop> {
    let registered = match at {
        ResetAt::Client(client) => provider.registered(client.as_str()).await?,
        ResetAt::Account(company) => {
            let read = provider.accounts.home.registry.company(company).await?;
            let company = read.filter(|company| company.enabled).map(Arc::new);
            company.map(Registered::account).transpose()?.map(Arc::new)
        }
    };
    Ok(registered.ok_or(NoReturn::Client)?)
}

pub(super) async fn reset(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    if !asked.is_post {
        let client = asked.form.get("client").and_then(|id| id.parse().ok()).map(ResetAt::Client);
        let company = || asked.form.get("company").and_then(|id| id.parse().ok()).map(ResetAt::Account);
        let at = client.or_else(company).ok_or(NoReturn::Client)?;
        let registered = registered(&provider, &at).await?;
        return Ok(Resetting { provider: &provider, at: &at, registered: &registered, asked: &asked }.ask(None));
    }
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let given = |name| asked.form.get(name).unwrap_or_default();
    let step = ResetStep::open(&provider.accounts.secrets, given("step"), &browser, provider.now());
    let step = step.ok_or(NoReturn::Page)?;
    let registered = registered(&provider, &step.at).await?;
    let resetting = Resetting { provider: &provider, at: &step.at, registered: &registered, asked: &asked };
    match (&step.challenge, asked.chosen()) {
        (None, Some(_)) => Ok(resetting.ask(None)),
        (None, None) => resetting.start(given("identifier"), &browser).await,
        (Some(_), Some(_)) => Ok(resetting.code(&step, None)),
        (Some(challenge), None) => {
            let fault = resetting.finish(challenge, given("code"), given("new_password")).await?;
            Ok(fault.map_or_else(|| resetting.done(), |fault| resetting.code(&step, Some(fault))))
        }
    }
}

/// A person of a client who sets a new password.
struct Resetting<'a> {
    provider: &'a Provider,
    at: &'a ResetAt,
    registered: &'a Registered,
    asked: &'a Asked,
}

impl Resetting<'_> {
    fn view(&self) -> View {
        self.asked.view(&self.provider.issuer, Look::of(&self.registered.company), &[], None)
    }

    fn context(&self) -> Context {
        self.registered.context(self.provider.now())
    }

    /// The first page.
    fn ask(&self, fault: Option<ResetFault>) -> Response {
        let Self { provider, asked, .. } = self;
        let accounts = &provider.accounts;
        let browser = asked.browser_or_new(&provider.issuer, &*accounts.home.entropy);
        let step = ResetStep::new(self.at.clone(), None, &browser, provider.now());
        let step = step.seal(&accounts.secrets, &*accounts.home.entropy);
        let typed = asked.form.get("identifier").unwrap_or_default();
        let mut response = reset_ask(&self.view(), PATH, &step, typed, fault);
        Cookies { browser: Some(browser), session: None }.set(&provider.issuer, response.headers_mut());
        response
    }

    /// The second page.
    fn code(&self, step: &ResetStep, fault: Option<ResetFault>) -> Response {
        let accounts = &self.provider.accounts;
        let step = step.seal(&accounts.secrets, &*accounts.home.entropy);
        reset_code(&self.view(), (PATH, &path_at(self.at)), &step, fault)
    }

    /// The last page. Only of the pages of an account it is known where the person came from.
    fn done(&self) -> Response {
        let back = match self.at {
            ResetAt::Client(_) => None,
            ResetAt::Account(company) => Some(offered::account(company)),
        };
        reset_done(&self.view(), back.as_deref())
    }

    /// Sends a code to the person of a name, if there is one.
    async fn start(&self, name: &str, browser: &str) -> Result<Response, Stop> {
        let (accounts, context) = (&self.provider.accounts, self.context());
        let Some(name) = selector(&context, name) else { return Ok(self.ask(Some(ResetFault::Name))) };
        let asking = (self.asked.address, self.view().language);
        let begin = async {
            let reset = accounts.start_mailed_reset(&context, &name, asking).await?;
            Ok((reset.challenge, reset.letter))
        };
        match alike(begin).await {
            Err(Error::TooManyMails { retry_after_secs }) => Ok(self.ask(Some(ResetFault::TooMany(retry_after_secs)))),
            Err(error) => Err(error.into()),
            Ok(challenge) => {
                let step = ResetStep::new(self.at.clone(), Some(challenge), browser, self.provider.now());
                Ok(self.code(&step, None))
            }
        }
    }

    /// Sets a password by a code. What is wrong, if it was not set.
    async fn finish(&self, challenge: &str, code: &str, password: &str) -> Result<Option<ResetFault>, Stop> {
        let accounts = &self.provider.accounts;
        let least = accounts.passwords.min_chars;
        let Ok(password) = Password::new(password, least) else { return Ok(Some(ResetFault::Short(least))) };
        if let Some(busy) = accounts.hasher.rejects(&self.registered.company.id) {
            return Err(Error::from(busy).into());
        }
        match accounts.finish_mailed_reset(&self.context(), challenge, code, password).await {
            Ok(_) => Ok(None),
            Err(Error::CodeInvalid | Error::Disabled | Error::NotFound) => Ok(Some(ResetFault::Code)),
            Err(Error::Weak(_)) => Ok(Some(ResetFault::Weak)),
            Err(error) => Err(error.into()),
        }
    }
}
