//! The next page for a request of a client, or its answer.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_accounts::Error;
use umoja_accounts::access::Standing;
use umoja_look::Look;
use umoja_look::texts::sign_on;

use super::asked::Asked;
use super::connect::connected;
use super::entrance::{Entrance, rejected_as};
use super::hint;
use super::offered::{self, REGISTER, SIGN_IN, StartOn, offers_registration};
use super::second::{self, ByMail, OnFactor, Who};
use super::send::{Cookies, answered, faulted};
use super::sign_in::Rejection;
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::answer::Answer;
use crate::code::Code;
use crate::decision::{self, Asks, Consented, Step, Visitor};
use crate::form::Form;
use crate::pages::{self, RegisterAsk, RegisterFault, View, in_words};
use crate::provider::Registered;
use crate::request::{AuthorizationRequest, Fault, NoReturn};
use crate::steps::{OnPage, Passed, SessionCookie, ShownTo, Unconnected};

/// A request on its way.
pub(super) struct Going<'a> {
    /// The provider.
    pub(super) provider: &'a Provider,
    /// The client, which the region knows.
    pub(super) registered: &'a Registered,
    /// What the browser sent.
    pub(super) asked: &'a Asked,
    /// The request.
    pub(super) request: AuthorizationRequest,
    /// The login at another provider that the person connects by signing in.
    pub(super) unconnected: Option<Unconnected>,
}

/// What has happened for this very request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    /// The person signed in.
    pub(super) signed_in: bool,
    /// The person consented.
    pub(super) consented: bool,
}

impl<'a> Going<'a> {
    /// A request whose client is still there, and still has the URI to which the answer goes.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn of(
        provider: &'a Provider,
        registered: Option<&'a Registered>,
        asked: &'a Asked,
        request: AuthorizationRequest,
    ) -> Result<Self, Stop> {
        let registered = registered.ok_or_else(|| Stop::at(NoReturn::Client, &request.client))?;
        if !registered.client.redirect_matches(&request.return_to.redirect_uri) {
            return Err(Stop::at(NoReturn::Redirect, &request.client));
        }
        Ok(Self { provider, registered, asked, request, unconnected: None })
    }

    /// Continues with a person whose session has begun: connects the login with which it came, if it came with one. The browser is known again
    /// for as long as it keeps the cookie.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot do that now.
    pub(super) async fn begun(
        mut self,
        (cookie, standing): (SessionCookie, Option<Standing>),
        browser: String,
    ) -> Result<Response, Stop> {
        let (provider, login) = (self.provider, self.unconnected.take());
        if let Err(rejected) = connected(provider, &self.registered.client, login.as_ref(), &cookie).await? {
            return self.again(Some(rejected)).await;
        }
        let session = cookie.seal(&provider.accounts.secrets, &*provider.accounts.home.entropy);
        let cookies = Cookies { browser: Some(browser), session: Some(session) };
        let visit = Visit::with(provider, cookie, standing);
        self.on(visit, Done { signed_in: true, consented: false }, cookies).await
    }

    /// Continues: shows the page that is next, or takes the code to the client.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot do that now.
    pub(super) async fn on(&self, visit: Option<Visit>, done: Done, mut cookies: Cookies) -> Result<Response, Stop> {
        let Self { provider, registered, request, .. } = self;
        let client = &registered.client;
        let visit = visit.and_then(|visit| visit.at(&client.company));
        let hint = match &request.id_token_hint {
            Some(token) => match hint::read(&provider.keys().await?.signing, &provider.issuer, token) {
                Some(hint) => Some(hint),
                None => return self.fault(Fault::Invalid("id_token_hint is no id token of this issuer")),
            },
            None => None,
        };
        let visitor = match &visit {
            Some(visit) => Some(self.visitor(visit, done, hint.as_ref().map(|hint| &*hint.sub)).await?),
            None => None,
        };
        let mut consented = Consented { for_this: done.consented, ..Consented::default() };
        if let Some(visit) = &visit {
            consented.scopes = visit.standing.granted(client.id.as_str());
        }
        if done.consented {
            consented.scopes.extend(request.scopes.iter().cloned());
        }
        let asks = Asks::of(client, &request.return_to.redirect_uri);
        let step = decision::next(request, visitor, &consented, asks, provider.now().secs());
        let mut response = match (step, visit) {
            (Err(fault), _) => self.fault(fault)?,
            (Ok(Step::Consent), Some(visit)) => self.consent_page(&visit, done, &mut cookies).await,
            (Ok(Step::Issue), Some(visit)) => {
                if client.first_party {
                    let (user, id) = (visit.cookie.user, client.id.as_str());
                    provider.accounts.give_back(&visit.standing, user, id, &request.scopes).await?;
                }
                self.code(&visit, &mut cookies)?
            }
            (Ok(Step::Factor), Some(visit)) => {
                let mail = ByMail::of(registered, Who::of(&visit), &Form::default());
                self.factor_page_with(
                    (None, Some(shown_to(&visit, done))),
                    &visit.standing,
                    (&mail, None),
                    &mut cookies,
                )
            }
            (Ok(Step::Enrol), Some(visit)) => {
                let step = self.step(Some(shown_to(&visit, done)), None, &mut cookies);
                let link = offered::enrolment(&client.company, Some(&step));
                let view = self.view(visit.locale(provider).await.as_deref());
                pages::enrol(&view, &client.name, (&link, step.len() <= offered::MAX_BACK))
            }
            (Ok(_), _) if request.prompt.create && offers_registration(provider, &registered.company) => {
                self.register_page(None, &mut cookies)
            }
            (Ok(_), _) => self.sign_in_page(None, None, &mut cookies).await?,
        };
        cookies.set(&provider.issuer, response.headers_mut());
        Ok(response)
    }

    /// The person of a visit, of whom the client may have sent an id token with this subject.
    async fn visitor(&self, visit: &Visit, done: Done, hinted: Option<&str>) -> Result<Visitor, Error> {
        let Self { provider, registered, request, .. } = self;
        Ok(Visitor {
            auth_time: visit.cookie.signed_in.auth_time,
            for_this: done.signed_in,
            is_other: hinted.is_some_and(|sub| !visit.is_called(sub, &registered.client)),
            lacks: second::lacks(provider, registered, visit, &request.acr_values).await?,
        })
    }

    /// The page on which a person shows a second factor after its password was right.
    pub(super) fn first_factor_page(&self, passed: Passed, standing: &Standing) -> Response {
        let mail = ByMail::of(self.registered, Who::passed(&passed, standing), &Form::default());
        self.factor_page((Some(passed), None), standing, &mail, None)
    }

    /// The page on which a person shows a second factor: one whose password was right, or the one of a session.
    pub(super) fn factor_page(
        &self,
        of: (Option<Passed>, Option<ShownTo>),
        standing: &Standing,
        mail: &ByMail,
        rejected: Option<Rejection>,
    ) -> Response {
        let mut cookies = Cookies::default();
        let mut response = self.factor_page_with(of, standing, (mail, rejected), &mut cookies);
        cookies.set(&self.provider.issuer, response.headers_mut());
        response
    }

    fn factor_page_with(
        &self,
        (passed, shown_to): (Option<Passed>, Option<ShownTo>),
        standing: &Standing,
        (mail, rejected): (&ByMail, Option<Rejection>),
        cookies: &mut Cookies,
    ) -> Response {
        let step = self.step(shown_to, passed, cookies);
        let on = OnFactor {
            client: &self.registered.client.name,
            action: "/factor",
            leads_to: Some(&self.request.return_to.redirect_uri),
            step: &step,
        };
        let mut response = second::page((&self.view(None), &self.provider.issuer), on, standing, (mail, rejected));
        rejected_as(&mut response, rejected);
        response
    }

    /// The page on which the person signs in, again: after an attempt that was rejected, or in another language. It has what the person
    /// typed as its name.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot read what the page offers.
    pub(super) async fn again(&self, rejected: Option<Rejection>) -> Result<Response, Stop> {
        let mut cookies = Cookies::default();
        let mut response = self.sign_in_page(rejected, self.asked.form.get("identifier"), &mut cookies).await?;
        cookies.set(&self.provider.issuer, response.headers_mut());
        Ok(response)
    }

    /// Takes an error to the client.
    ///
    /// # Errors
    /// [`Stop`] if its URI cannot be sent.
    pub(super) fn fault(&self, fault: Fault) -> Result<Response, Stop> {
        let Self { provider, request, .. } = self;
        faulted(&self.view(None), provider, &request.client, &request.return_to, fault)
    }

    /// The view of a page for this request, with the person's own language where it is known.
    pub(super) fn view(&self, own: Option<&str>) -> View {
        let look = Look::of(&self.registered.company);
        self.asked.view(&self.provider.issuer, look, &self.request.ui_locales, own)
    }

    async fn sign_in_page(
        &self,
        rejected: Option<Rejection>,
        typed: Option<&str>,
        cookies: &mut Cookies,
    ) -> Result<Response, Stop> {
        let step = self.step(None, None, cookies);
        let register = offered::registration(self.provider, &self.registered.company, &step);
        let entrance = Entrance {
            at: StartOn::Client(&step),
            action: SIGN_IN,
            title: sign_on::SIGN_IN,
            text: Some(pages::to_client(&self.registered.client.name)),
            leads_to: Some(&self.request.return_to.redirect_uri),
            hint: typed.or(self.request.login_hint.as_deref()).unwrap_or_default(),
            register: register.as_deref(),
            unconnected: self.unconnected.as_ref(),
            rejected,
        };
        entrance.page(self.provider, self.registered, &self.view(None)).await
    }

    async fn consent_page(&self, visit: &Visit, done: Done, cookies: &mut Cookies) -> Response {
        let step = self.step(Some(shown_to(visit, done)), None, cookies);
        let scopes = in_words(&self.request.scopes);
        let view = self.view(visit.locale(self.provider).await.as_deref());
        pages::consent(&view, &self.registered.client.name, &self.request.return_to.redirect_uri, &step, scopes)
    }

    /// The page on which a person without an account says its address.
    pub(super) fn register_page(&self, fault: Option<RegisterFault>, cookies: &mut Cookies) -> Response {
        let step = self.step(None, None, cookies);
        let (hint, sign_in) = (self.request.login_hint.as_deref(), offered::sign_in(&step));
        let on = RegisterAsk {
            client: &self.registered.client.name,
            action: REGISTER,
            step: &step,
            address: self.asked.form.get("identifier").or(hint).unwrap_or_default(),
            sign_in: sign_in.as_deref(),
            fault,
        };
        pages::register_ask(&self.view(None), &on)
    }

    /// The value of the form of a page, which is bound to this browser.
    pub(super) fn step(&self, shown_to: Option<ShownTo>, passed: Option<Passed>, cookies: &mut Cookies) -> String {
        self.step_with(|step| step.shown_to(shown_to).passed(passed), cookies)
    }

    /// The same, of a person of whom the form says more.
    pub(super) fn step_with(&self, more: impl FnOnce(OnPage) -> OnPage, cookies: &mut Cookies) -> String {
        let accounts = &self.provider.accounts;
        let browser = self.asked.browser_or_new(&self.provider.issuer, &*accounts.home.entropy);
        let step = OnPage::new(self.request.clone(), None, &browser, self.provider.now());
        let step = more(step.connecting(self.unconnected.clone()));
        cookies.browser = Some(browser);
        step.seal(&accounts.secrets, &*accounts.home.entropy)
    }

    fn code(&self, visit: &Visit, cookies: &mut Cookies) -> Result<Response, Stop> {
        let (request, now, accounts) = (&self.request, self.provider.now(), &self.provider.accounts);
        let (secrets, entropy) = (&accounts.secrets, &*accounts.home.entropy);
        let cookie = &visit.cookie;
        let code = Code {
            jti: URL_SAFE_NO_PAD.encode(entropy.array::<16>()),
            region: accounts.home.own.name.clone(),
            client: request.client.clone(),
            client_ends: self.registered.client.ends,
            redirect_hash: Code::redirect_hash(&request.return_to.redirect_uri),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            user: cookie.user,
            min_version: visit.standing.version(cookie.user).map(|version| version.to_string()).unwrap_or_default(),
            session: cookie.session.clone(),
            session_begun_at: cookie.issued_at,
            session_expires_at: cookie.ends_at,
            ends: visit.ends(),
            withdrawal: visit.standing.withdrawal(cookie.user, request.client.as_str()),
            scopes: request.scopes.clone(),
            signed_in: cookie.signed_in.clone(),
            jkt: request.jkt.clone(),
            expires_at: now.plus(Code::LIFETIME_MS),
        };
        if let (None, Some(used)) = (&cookies.session, cookie.used(now)) {
            cookies.session = Some(used.seal(secrets, entropy));
        }
        let view = self.view(None);
        answered(&view, &Answer::code(&request.return_to, &self.provider.issuer, &code.seal(secrets, entropy)))
    }
}

/// The person to whom a page is shown.
fn shown_to(visit: &Visit, done: Done) -> ShownTo {
    ShownTo { session: visit.cookie.session.clone(), for_this: done.signed_in }
}
