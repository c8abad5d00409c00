//! `GET` and `POST /device`: a person types the code of a device, signs in, and lets the device in (RFC 8628 section 3.3).
//!
//! The link that has the code only fills it in: the person sees it, and sends the form. What a page carries is bound to the browser, and the
//! last one to the session of the person who saw it, so that no other site can let a device in (section 5.4).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_look::Look;
use umoja_schema::{ClientId, Millis};
use umoja_store::ports::{Counted, Limit, Tally};

use super::asked::Asked;
use super::proceed::rejected_as;
use super::send::Cookies;
use super::sign_in::{self, Entered};
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::code::Code;
use crate::device::{DeviceAnswer, DeviceStep, PAGE};
use crate::pages::{self, Again, CodeFault, SignIn, View, device_code, device_confirm, device_done, in_words};
use crate::provider::Registered;
use crate::request::NoReturn;
use crate::steps::SessionCookie;
use crate::user_code;

/// The path.
pub(super) const PATH: &str = PAGE;

const HOUR_MS: u64 = 60 * 60 * 1000;
/// The codes that one address, or one browser where no address is known, may type. The hour does not slide, because many people may share an
/// address.
const GUESSES: Limit =
    Limit { at_once: 20, shortest_ms: 2_000, longest_ms: HOUR_MS / 4, window_ms: HOUR_MS, slides: false };
/// The wrong codes that a region takes in an hour, by any person: of 2^34 codes so few that no guess is likely to be right.
const ALL_WRONG: u64 = 10_000;

pub(super) async fn device(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let given = |name| asked.form.get(name).unwrap_or_default();
    let view = asked.view(&provider.issuer, Look::plain(), &[], None);
    if !asked.is_post || (asked.chosen().is_some() && asked.form.get("step").is_none()) {
        // What is no code is not repeated.
        let typed = user_code::typed(given("user_code")).map(|code| user_code::shown(&code)).unwrap_or_default();
        return Ok(device_code(&view, &typed, None));
    }
    let browser = asked.browser(&provider.issuer);
    let (secrets, now) = (&provider.accounts.secrets, provider.now());
    match asked.form.get("step") {
        Some(step) => {
            let browser = browser.ok_or(NoReturn::Page)?;
            let step = DeviceStep::open(secrets, step, &browser, now).ok_or(NoReturn::Page)?;
            let registered = provider.registered(step.client.as_str()).await?.ok_or(NoReturn::Client)?;
            let on = OnDevice { provider: &provider, registered: &registered, asked: &asked, browser };
            if asked.chosen().is_some() {
                let visit = Visit::of(&provider, &on.asked.headers).await?;
                return Ok(on.page(step, visit, Cookies::default()).await);
            }
            if asked.form.get("password").is_some() { on.sign_in(step).await } else { on.answer(step).await }
        }
        None => typed(&provider, &asked, &view).await,
    }
}

/// The next page for a code that a person has typed.
async fn typed(provider: &Provider, asked: &Asked, view: &View) -> Result<Response, Stop> {
    let people = &provider.accounts.people;
    let browser = asked.browser_or_new(&provider.issuer, &*people.home.entropy);
    let wrong = |fault| Ok(device_code(view, "", Some(fault)));
    let Some(code) = user_code::typed(asked.form.get("user_code").unwrap_or_default()) else {
        return wrong(CodeFault::Wrong);
    };
    let Some(guess) = Guess::count(provider, asked, &browser).await? else { return wrong(CodeFault::Locked) };
    let waiting = people.device(&code).await?.filter(|waiting| waiting.answer.is_none());
    let registered = match &waiting {
        Some(waiting) => provider.registered(&waiting.client).await?,
        None => None,
    };
    let (Some(waiting), Some(registered)) = (waiting, registered) else {
        guess.was_wrong(provider).await?;
        return wrong(CodeFault::Wrong);
    };
    guess.was_right(provider).await?;
    let client: ClientId = registered.client.id.clone();
    let step = DeviceStep::new(&code, (waiting.jti, client), waiting.scopes, waiting.expires_at, &browser);
    let visit = Visit::of(provider, &asked.headers).await?;
    let on = OnDevice { provider, registered: &registered, asked, browser };
    Ok(on.page(step, visit, Cookies::default()).await)
}

/// A request of a device, on the page of a person.
struct OnDevice<'a> {
    provider: &'a Provider,
    registered: &'a Registered,
    asked: &'a Asked,
    browser: String,
}

impl OnDevice<'_> {
    /// The page that is next: that on which the person signs in, or that on which it answers.
    async fn page(&self, step: DeviceStep, visit: Option<Visit>, mut cookies: Cookies) -> Response {
        let Self { provider, registered, .. } = self;
        let accounts = &provider.accounts;
        let seal = |step: DeviceStep| step.seal(&accounts.secrets, &*accounts.home.entropy);
        let mut response = match visit.and_then(|visit| visit.at(&registered.company.id)) {
            Some(visit) => {
                let scopes = step.scopes.iter().map(|scope| in_words(scope)).collect();
                let view = self.view(visit.locale(provider).await.as_deref());
                let code = user_code::shown(&step.user_code);
                let shown = step.shown_to(Some(&visit.cookie.session));
                device_confirm(&view, &registered.client.name, &code, &seal(shown), scopes)
            }
            None => self.sign_in_page(&seal(step.shown_to(None)), None),
        };
        cookies.browser = Some(self.browser.clone());
        cookies.set(&provider.issuer, response.headers_mut());
        response
    }

    /// The view of a page for this request, with the person's own language where it is known.
    fn view(&self, own: Option<&str>) -> View {
        self.asked.view(&self.provider.issuer, Look::of(&self.registered.company), &[], own)
    }

    /// The page on which the person signs in.
    fn sign_in_page(&self, step: &str, again: Option<Again>) -> Response {
        let client = &self.registered.client.name;
        let hint = self.asked.form.get("identifier").unwrap_or_default();
        let forgotten = super::reset::link(self.provider, self.registered);
        let forgotten = forgotten.as_deref();
        pages::sign_in(&self.view(None), &SignIn { client, action: PAGE, leads_to: None, step, hint, forgotten, again })
    }

    async fn sign_in(&self, step: DeviceStep) -> Result<Response, Stop> {
        let Self { provider, registered, asked, browser } = self;
        let accounts = &provider.accounts;
        let given = |name| asked.form.get(name).unwrap_or_default();
        let (identifier, password) = (given("identifier"), given("password"));
        let entered = Entered { identifier, password, browser, address: asked.address };
        let (cookie, standing) = match sign_in::attempt(provider, registered, entered).await {
            Ok(signed_in) => signed_in,
            Err(rejected) => {
                let step = step.seal(&accounts.secrets, &*accounts.home.entropy);
                let mut response = self.sign_in_page(&step, Some(rejected.again));
                rejected_as(&mut response, Some(rejected));
                return Ok(response);
            }
        };
        let session = Some(cookie.seal(&accounts.secrets, &*accounts.home.entropy));
        let visit = Visit::with(provider, cookie, standing);
        Ok(self.page(step, visit, Cookies { session, ..Cookies::default() }).await)
    }

    async fn answer(&self, step: DeviceStep) -> Result<Response, Stop> {
        let Self { provider, registered, asked, .. } = self;
        let accounts = &provider.accounts;
        let (secrets, entropy) = (&accounts.secrets, &*accounts.home.entropy);
        let visit = Visit::of(provider, &asked.headers).await?.and_then(|visit| visit.at(&registered.company.id));
        // Only who saw the page can answer it: another person may have signed in with this browser since.
        let visit = match visit {
            Some(visit) if step.shown_to.as_ref() == Some(&visit.cookie.session) => visit,
            visit => return Ok(self.page(step, visit, Cookies::default()).await),
        };
        let is_allowed = match asked.form.get("answer") {
            Some("allow") => true,
            Some("reject") => false,
            _ => return Err(NoReturn::Unreadable.into()),
        };
        let client = &registered.client;
        if is_allowed && !client.first_party {
            let user = visit.cookie.user;
            accounts.consent_as(&visit.standing, user, client.id.as_str(), &step.scopes).await?;
        }
        let allowed = is_allowed.then(|| allowed(provider, &step, &visit));
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
fn allowed(provider: &Provider, step: &DeviceStep, visit: &Visit) -> Code {
    let SessionCookie { user, session, signed_in, ends_at, .. } = visit.cookie.clone();
    Code {
        jti: step.jti.clone(),
        region: provider.accounts.home.own.name.clone(),
        client: step.client.clone(),
        redirect_hash: String::new(),
        challenge: String::new(),
        nonce: None,
        user,
        min_version: visit.standing.version(user).map(|version| version.to_string()).unwrap_or_default(),
        session,
        session_expires_at: ends_at,
        scopes: step.scopes.clone(),
        signed_in,
        jkt: None,
        expires_at: step.expires_at,
    }
}

/// A code that a person types. It is counted before it is looked up, so that guesses side by side get no more answers than one after the
/// other.
struct Guess {
    key: [u8; 32],
    counted: Option<Tally>,
    now: Millis,
}

impl Guess {
    /// Counts a code. `None` if too many were wrong. A table that does not answer does not count, as for passwords.
    async fn count(provider: &Provider, asked: &Asked, browser: &str) -> Result<Option<Self>, Stop> {
        let (people, now) = (&provider.accounts.people, provider.now());
        let from =
            asked.address.map_or_else(|| browser.to_owned(), |address| umoja_accounts::network(address).to_string());
        let key = people.secrets.request_hash(&["device guess", &from]);
        let (all, until) = Self::all(provider, now);
        let attempts = &people.home.attempts;
        if attempts.add(&all, 0, until).await.is_ok_and(|wrong| wrong >= ALL_WRONG) {
            return Ok(None);
        }
        Ok(match attempts.count(&key, &GUESSES, now).await {
            Ok(Counted::Locked(_)) => None,
            Ok(Counted::Let(tally)) => Some(Self { key, counted: Some(tally), now }),
            Err(error) => {
                tracing::warn!(%error, "the codes of devices that are typed are not counted");
                Some(Self { key, counted: None, now })
            }
        })
    }

    /// The key of all wrong codes of an hour, and when it ends.
    fn all(provider: &Provider, now: Millis) -> ([u8; 32], Millis) {
        let hour = now.0 / HOUR_MS;
        let key = provider.accounts.secrets.request_hash(&["device guesses", &hour.to_string()]);
        (key, Millis((hour + 2) * HOUR_MS))
    }

    async fn was_wrong(self, provider: &Provider) -> Result<(), Stop> {
        let (all, until) = Self::all(provider, self.now);
        if let Err(error) = provider.accounts.home.attempts.add(&all, 1, until).await {
            tracing::warn!(%error, "a wrong code of a device is not counted");
        }
        Ok(())
    }

    async fn was_right(self, provider: &Provider) -> Result<(), Stop> {
        if let Some(tally) = &self.counted {
            provider.accounts.home.attempts.give_back(&self.key, tally).await?;
        }
        Ok(())
    }
}
