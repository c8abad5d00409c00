//! `GET` and `POST /device`: a person types the code of a device, signs in, and lets the device in (RFC 8628 section 3.3).
//!
//! The link that has the code only fills it in: the person sees it, and sends the form. What a page carries is bound to the browser, and the
//! last one to the session of the person who saw it, so that no other site can let a device in (section 5.4).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_accounts::access::Standing;
use umoja_look::Look;
use umoja_look::texts::sign_on;
use umoja_schema::{Client, ClientId};

use super::asked::Asked;
use super::connect::connected;
use super::entrance::{Entrance, rejected_as};
use super::guess::Guess;
use super::offered::{self, StartOn};
use super::second::{self, ByMail, OnFactor, Outcome, Who};
use super::send::{Cookies, as_link, to};
use super::sign_in::{self, Rejection, Right};
use super::stop::Stop;
use super::visit::Visit;
use crate::assurance::Lacks;
use crate::code::Code;
use crate::device::{DeviceAnswer, DeviceStep, PAGE};
use crate::form::Form;
use crate::pages::{self, CodeFault, View, device_code, device_confirm, device_done, in_words};
use crate::provider::Registered;
use crate::request::NoReturn;
use crate::steps::{Passed, SessionCookie};
use crate::{Provider, user_code};

/// The path.
pub(super) const PATH: &str = PAGE;

pub(super) async fn device(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let given = |name| asked.form.get(name).unwrap_or_default();
    let (secrets, entropy, now) = (&provider.accounts.secrets, &*provider.accounts.home.entropy, provider.now());
    let view = asked.view(&provider.issuer, Look::plain(), &[], None);
    // What is no code is not repeated.
    let code = user_code::typed(given("user_code")).map(|code| user_code::shown(&code));
    if !asked.is_post {
        let mut response = device_code(&view, code.as_deref().unwrap_or_default(), None);
        let browser = Some(asked.browser_or_new(&provider.issuer, entropy));
        Cookies { browser, session: None }.set(&provider.issuer, response.headers_mut());
        return Ok(response);
    }
    let browser = asked.browser(&provider.issuer);
    match asked.form.get("step") {
        Some(text) => {
            let browser = browser.ok_or(NoReturn::Page)?;
            let step = DeviceStep::open(secrets, text, &browser, now).ok_or(NoReturn::Page)?;
            let registered = provider.registered(step.client.as_str()).await?;
            let registered = registered.ok_or_else(|| Stop::at(NoReturn::Client, &step.client))?;
            let on = OnDevice { provider: &provider, registered: &registered, asked: &asked, browser };
            if asked.chosen().is_some() && step.passed.is_none() {
                let visit = Visit::of(&provider, &on.asked.headers).await?;
                return on.page(step, visit, Cookies::default()).await;
            }
            match step.passed.clone() {
                Some(passed) => on.second(step, passed).await,
                None if ["password", "identifier", "options"].iter().any(|name| asked.form.get(name).is_some()) => {
                    on.sign_in(step).await
                }
                None => on.answer(step).await,
            }
        }
        None => match browser {
            Some(_) if asked.chosen().is_some() => Ok(device_code(&view, code.as_deref().unwrap_or_default(), None)),
            Some(browser) => typed(&provider, &asked, &view, browser).await,
            // The form of another site: the person sees the code first, and the browser keeps its cookies.
            None => {
                let parameters: Vec<_> = code.as_deref().map(|code| ("user_code", code)).into_iter().collect();
                to(&as_link(&provider, PATH, &parameters).ok_or(NoReturn::Unreadable)?)
            }
        },
    }
}

/// The next page for a code that a person has typed.
async fn typed(provider: &Provider, asked: &Asked, view: &View, browser: String) -> Result<Response, Stop> {
    let people = &provider.accounts.people;
    let wrong = |fault| Ok(device_code(view, "", Some(fault)));
    let Some(code) = user_code::typed(asked.form.get("user_code").unwrap_or_default()) else {
        return wrong(CodeFault::Wrong);
    };
    let visit = Visit::of(provider, &asked.headers).await?;
    let guess = match Guess::count(provider, asked, &browser, visit.as_ref()).await {
        Ok(guess) => guess,
        Err(fault) => return wrong(fault),
    };
    let waiting = people.device(&code).await?.filter(|waiting| waiting.answer.is_none());
    let registered = match &waiting {
        Some(waiting) => provider.registered(&waiting.client).await?,
        None => None,
    };
    let (Some(waiting), Some(registered)) = (waiting, registered) else {
        guess.was_wrong(provider).await;
        return wrong(CodeFault::Wrong);
    };
    guess.was_right(provider).await?;
    let client: ClientId = registered.client.id.clone();
    let step = DeviceStep::new(&code, (waiting.jti, client), waiting.scopes, waiting.expires_at, &browser);
    let on = OnDevice { provider, registered: &registered, asked, browser };
    on.page(step, visit, Cookies::default()).await
}

/// A request of a device, on the page of a person.
pub(super) struct OnDevice<'a> {
    pub(super) provider: &'a Provider,
    pub(super) registered: &'a Registered,
    pub(super) asked: &'a Asked,
    pub(super) browser: String,
}

impl OnDevice<'_> {
    /// The page that is next: that on which the person signs in, or that on which it answers.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot read what the page offers.
    async fn page(&self, step: DeviceStep, visit: Option<Visit>, mut cookies: Cookies) -> Result<Response, Stop> {
        let Self { provider, registered, .. } = self;
        let accounts = &provider.accounts;
        let seal = |step: DeviceStep| step.seal(&accounts.secrets, &*accounts.home.entropy);
        let visit = visit.and_then(|visit| visit.at(&registered.company.id));
        let lacks = match &visit {
            Some(visit) => self.lacks(visit).await?,
            None => None,
        };
        let mut response = match visit {
            // Who has a second factor, or gets a code by mail, shows it by signing in again.
            Some(_) if matches!(lacks, Some(Lacks::Factor | Lacks::Mail)) => self.sign_in_page(step, None).await?,
            Some(visit) if lacks == Some(Lacks::Enrolment) => {
                // The device shows its code again, which the person types once more.
                let link = offered::enrolment(&registered.company.id, None);
                let view = self.view(visit.locale(provider).await.as_deref());
                pages::enrol(&view, &registered.client.name, (&link, false))
            }
            Some(visit) => {
                let scopes = in_words(&step.scopes);
                let view = self.view(visit.locale(provider).await.as_deref());
                let code = user_code::shown(&step.user_code);
                let shown = step.shown_to(Some(&visit.cookie.session));
                device_confirm(&view, &registered.client.name, &code, &seal(shown), scopes)
            }
            None => self.sign_in_page(step, None).await?,
        };
        cookies.browser = Some(self.browser.clone());
        cookies.set(&provider.issuer, response.headers_mut());
        Ok(response)
    }

    /// What a person who has signed in lacks for the client, by the rule of `/oauth2/authorize`.
    async fn lacks(&self, visit: &Visit) -> Result<Option<Lacks>, Stop> {
        Ok(second::lacks(self.provider, self.registered, visit, &[]).await?)
    }

    /// The view of a page for this request, with the person's own language where it is known.
    fn view(&self, own: Option<&str>) -> View {
        self.asked.view(&self.provider.issuer, Look::of(&self.registered.company), &[], own)
    }

    /// The page on which the person signs in.
    async fn sign_in_page(&self, step: DeviceStep, rejected: Option<Rejection>) -> Result<Response, Stop> {
        let Self { provider, registered, .. } = self;
        let accounts = &provider.accounts;
        let unconnected = step.unconnected.clone();
        let step = step.shown_to(None).seal(&accounts.secrets, &*accounts.home.entropy);
        let entrance = Entrance {
            at: StartOn::Device(&step),
            action: PAGE,
            title: sign_on::SIGN_IN,
            text: Some(pages::to_client(&registered.client.name)),
            leads_to: None,
            hint: self.asked.form.get("identifier").unwrap_or_default(),
            register: None,
            unconnected: unconnected.as_ref(),
            rejected,
        };
        entrance.page(provider, registered, &self.view(None)).await
    }

    /// The same, after an attempt that was rejected.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot read what the page offers.
    pub(super) async fn again(&self, step: DeviceStep, rejected: Option<Rejection>) -> Result<Response, Stop> {
        self.sign_in_page(step, rejected).await
    }

    /// The page on which a person shows a second factor, or a code by mail, who has shown one factor.
    pub(super) fn first_factor_page(&self, step: DeviceStep, passed: Passed, standing: &Standing) -> Response {
        let mail = ByMail::of(self.registered, Who::passed(&passed, standing), &Form::default());
        self.factor_page(step.passed(passed), standing, (&mail, None))
    }

    fn factor_page(&self, step: DeviceStep, standing: &Standing, of: (&ByMail, Option<Rejection>)) -> Response {
        let accounts = &self.provider.accounts;
        let step = step.seal(&accounts.secrets, &*accounts.home.entropy);
        let on = OnFactor { client: &self.registered.client.name, action: PAGE, leads_to: None, step: &step };
        let mut response = second::page((&self.view(None), &self.provider.issuer), on, standing, of);
        rejected_as(&mut response, of.1);
        response
    }

    /// Signs a person in.
    async fn sign_in(&self, step: DeviceStep) -> Result<Response, Stop> {
        let Self { provider, registered, asked, browser } = self;
        match sign_in::by_form(provider, registered, (asked, browser), &[]).await? {
            Ok(Right::Begun(cookie, standing)) => self.begun(step, (cookie, standing)).await,
            Ok(Right::Passed(passed, standing)) => Ok(self.first_factor_page(step, passed, &standing)),
            Err(rejected) => self.again(step, Some(rejected)).await,
        }
    }

    /// Begins the session of a person whose password was right, if the form has a second factor.
    async fn second(&self, step: DeviceStep, passed: Passed) -> Result<Response, Stop> {
        match second::after_password(self.provider, self.registered, &passed, self.asked).await {
            Outcome::Begun(cookie, standing) => self.begun(step, (cookie, standing)).await,
            Outcome::Page(standing, mail, rejected) => Ok(self.factor_page(step, &standing, (&mail, rejected))),
            Outcome::StartOver(rejected) => self.again(step, rejected).await,
        }
    }

    /// The next page of a person whose session has begun.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot do that now.
    pub(super) async fn begun(
        &self,
        mut step: DeviceStep,
        (cookie, standing): (SessionCookie, Option<Standing>),
    ) -> Result<Response, Stop> {
        let (accounts, login) = (&self.provider.accounts, step.unconnected.take());
        if let Err(rejected) = connected(self.provider, &self.registered.client, login.as_ref(), &cookie).await? {
            return self.again(step, Some(rejected)).await;
        }
        let session = Some(cookie.seal(&accounts.secrets, &*accounts.home.entropy));
        let visit = Visit::with(self.provider, cookie, standing);
        self.page(step, visit, Cookies { session, ..Cookies::default() }).await
    }

    async fn answer(&self, step: DeviceStep) -> Result<Response, Stop> {
        let Self { provider, registered, asked, .. } = self;
        let accounts = &provider.accounts;
        let (secrets, entropy) = (&accounts.secrets, &*accounts.home.entropy);
        let visit = Visit::of(provider, &asked.headers).await?.and_then(|visit| visit.at(&registered.company.id));
        // Only who saw the page can answer it: another person may have signed in with this browser since.
        let may_answer = match &visit {
            Some(visit) => step.shown_to.as_ref() == Some(&visit.cookie.session) && self.lacks(visit).await?.is_none(),
            None => false,
        };
        let visit = match visit {
            Some(visit) if may_answer => visit,
            visit => return self.page(step, visit, Cookies::default()).await,
        };
        let is_allowed = match asked.form.get("answer") {
            Some("allow") => true,
            Some("reject") => false,
            _ => return Err(Stop::at(NoReturn::Unreadable, &step.client)),
        };
        let client = &registered.client;
        let (user, id) = (visit.cookie.user, client.id.as_str());
        match (is_allowed, client.first_party) {
            (true, true) => accounts.give_back(&visit.standing, user, id, &step.scopes).await?,
            (true, false) => accounts.consent_as(&visit.standing, user, id, &step.scopes).await?,
            (false, _) => {}
        }
        let allowed = is_allowed.then(|| allowed(provider, client, &step, &visit));
        let answer = DeviceAnswer { jti: step.jti.clone(), allowed }.seal(secrets, entropy);
        let view = self.view(None);
        if accounts.answer_device(&step.user_code, &step.jti, &answer).await? {
            Ok(device_done(&view, is_allowed))
        } else {
            Ok(device_code(&view, "", Some(CodeFault::Wrong)))
        }
    }
}

/// What the device gets: what a client gets by a code.
fn allowed(provider: &Provider, client: &Client, step: &DeviceStep, visit: &Visit) -> Code {
    let SessionCookie { user, session, signed_in, issued_at, ends_at, .. } = visit.cookie.clone();
    Code {
        jti: step.jti.clone(),
        region: provider.accounts.home.own.name.clone(),
        client: client.id.clone(),
        client_ends: client.ends,
        redirect_hash: String::new(),
        challenge: String::new(),
        nonce: None,
        user,
        min_version: visit.standing.version(user).map(|version| version.to_string()).unwrap_or_default(),
        session,
        session_begun_at: issued_at,
        session_expires_at: ends_at,
        ends: visit.ends(),
        withdrawal: visit.standing.withdrawal(user, step.client.as_str()),
        scopes: step.scopes.clone(),
        signed_in,
        jkt: None,
        expires_at: step.expires_at,
    }
}
