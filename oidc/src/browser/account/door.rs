//! The page on which a person signs in to its account.

use axum::response::Response;
use umoja_accounts::access::Standing;
use umoja_look::texts::account as say;
use umoja_look::{Look, Phrase, Text};
use umoja_schema::CompanyId;

use crate::Provider;
use crate::answer::with_query;
use crate::assurance::Class;
use crate::browser::asked::Asked;
use crate::browser::connect::connected;
use crate::browser::entrance::{Entrance, rejected_as};
use crate::browser::offered::StartOn;
use crate::browser::second::{self, ByMail, OnFactor, Outcome, Who};
use crate::browser::send::{Cookies, to};
use crate::browser::sign_in::{self, Rejection, Right};
use crate::browser::stop::Stop;
use crate::form::Form;
use crate::on_account::OnAccount;
use crate::pages::View;
use crate::provider::Registered;
use crate::steps::{Passed, SessionCookie, Unconnected};

/// A page of an account.
#[derive(Clone, Copy)]
pub(in crate::browser) struct Section {
    /// Its path.
    pub(in crate::browser) path: &'static str,
    /// Its title.
    pub(in crate::browser) title: Text,
    /// Whether it needs a sign-in of the last five minutes.
    pub(in crate::browser) needs_recent: bool,
}

/// Why a person is at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::browser) enum Why {
    /// It has not signed in.
    Stranger,
    /// It has signed in too long ago for the page.
    Stale,
    /// It has signed in, and the company does not know it yet.
    New,
}

/// The page on which a person signs in to its account.
pub(in crate::browser) struct Door<'a> {
    pub(in crate::browser) provider: &'a Provider,
    pub(in crate::browser) section: Section,
    pub(in crate::browser) at: &'a Registered,
    pub(in crate::browser) view: View,
    pub(in crate::browser) browser: &'a str,
    /// The login at another provider that the person connects by signing in.
    pub(in crate::browser) unconnected: Option<Unconnected>,
    /// The page of a client from which the person came, and to which it goes back.
    pub(in crate::browser) back: Option<String>,
}

impl<'a> Door<'a> {
    /// The door of a browser that comes back from another provider.
    pub(in crate::browser) fn of(
        provider: &'a Provider,
        section: Section,
        at: &'a Registered,
        (asked, browser): (&Asked, &'a str),
    ) -> Self {
        let view = asked.view(&provider.issuer, Look::of(&at.company), &[], None);
        Self { provider, section, at, view, browser, unconnected: None, back: None }
    }

    /// What is done behind it changes the account, so it needs what the person has.
    pub(in crate::browser) fn acr_values() -> Vec<String> {
        vec![Class::Two.as_str().to_owned()]
    }

    /// The page again, after an attempt that came to nothing.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot read what the page offers.
    pub(in crate::browser) async fn again(&self, hint: &str, rejected: Option<Rejection>) -> Result<Response, Stop> {
        self.page(hint, Why::Stranger, rejected).await
    }

    /// The page.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot read what the page offers.
    pub(in crate::browser) async fn page(
        &self,
        hint: &str,
        why: Why,
        rejected: Option<Rejection>,
    ) -> Result<Response, Stop> {
        let Self { provider, section, at, view, .. } = self;
        let (step, company) = (self.step(None), at.company.display_name());
        let text = match why {
            Why::Stranger => None,
            Why::Stale => Some(Phrase::from(say::AGAIN)),
            Why::New => Some(say::NOT_LINKED.with(&[("company", company)])),
        };
        let entrance = Entrance {
            at: StartOn::Account(&step, section.path),
            action: section.path,
            title: say::ACCOUNT,
            text,
            leads_to: None,
            hint,
            register: None,
            unconnected: self.unconnected.as_ref(),
            rejected,
        };
        Ok(self.shown(entrance.page(provider, at, view).await?))
    }

    /// A page of the door as an answer.
    fn shown(&self, mut page: Response) -> Response {
        let cookies = Cookies { browser: Some(self.browser.to_owned()), session: None };
        cookies.set(&self.provider.issuer, page.headers_mut());
        page
    }

    /// The value of a form, before a session has begun.
    fn step(&self, passed: Option<Passed>) -> String {
        let accounts = &self.provider.accounts;
        let step = OnAccount::new(self.at.company.id.clone(), None, self.browser, self.provider.now());
        let step = step.connecting(self.unconnected.clone()).leading_back(self.back.clone());
        let step = passed.into_iter().fold(step, OnAccount::passed);
        step.seal(&accounts.secrets, &*accounts.home.entropy)
    }

    /// Takes what the person typed, or the answer of its passkey.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot do that now.
    pub(in crate::browser) async fn sign_in(&self, asked: &Asked) -> Result<Response, Stop> {
        let Self { provider, at, browser, .. } = self;
        match sign_in::by_form(provider, at, (asked, browser), &Self::acr_values()).await? {
            Ok(Right::Begun(cookie, _)) => self.begun(&cookie).await,
            Ok(Right::Passed(passed, standing)) => Ok(self.first_factor_page(passed, &standing)),
            Err(rejected) => self.again(asked.form.get("identifier").unwrap_or_default(), Some(rejected)).await,
        }
    }

    /// Begins the session of a person whose password was right, if the form has a second factor.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot do that now.
    pub(in crate::browser) async fn second(&self, asked: &Asked, passed: Passed) -> Result<Response, Stop> {
        match second::after_password(self.provider, self.at, &passed, asked).await {
            Outcome::Begun(cookie, _) => self.begun(&cookie).await,
            Outcome::Page(standing, mail, rejected) => Ok(self.factor_page(passed, &standing, (&mail, rejected))),
            Outcome::StartOver(rejected) => self.again("", rejected).await,
        }
    }

    /// The page on which a person shows a second factor, or a code by mail, who has shown one factor.
    pub(in crate::browser) fn first_factor_page(&self, passed: Passed, standing: &Standing) -> Response {
        let mail = ByMail::of(self.at, Who::passed(&passed, standing), &Form::default());
        self.factor_page(passed, standing, (&mail, None))
    }

    fn factor_page(&self, passed: Passed, standing: &Standing, of: (&ByMail, Option<Rejection>)) -> Response {
        let Self { provider, section, at, view, .. } = self;
        let step = self.step(Some(passed));
        let on = OnFactor { client: at.company.display_name(), action: section.path, leads_to: None, step: &step };
        let mut page = second::page((view, &provider.issuer), on, standing, of);
        rejected_as(&mut page, of.1);
        self.shown(page)
    }

    /// Leads a person whose session has begun to its page.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot do that now.
    pub(in crate::browser) async fn begun(&self, cookie: &SessionCookie) -> Result<Response, Stop> {
        let Self { provider, section, at, browser, unconnected, .. } = self;
        if let Err(rejected) = connected(provider, &at.client, unconnected.as_ref(), cookie).await? {
            let door = Self { view: self.view.clone(), unconnected: None, back: self.back.clone(), ..*self };
            return door.again("", Some(rejected)).await;
        }
        let accounts = &provider.accounts;
        let mut response = to(&provider.url(&back_to(&self::at(section.path, &at.company.id), self.back.as_deref())))?;
        let session = Some(cookie.seal(&accounts.secrets, &*accounts.home.entropy));
        let cookies = Cookies { browser: Some((*browser).to_owned()), session };
        cookies.set(&provider.issuer, response.headers_mut());
        Ok(response)
    }
}

/// The path of a page from which the person goes back to the page of a client, by the step of that page.
pub(in crate::browser) fn back_to(path: &str, step: Option<&str>) -> String {
    step.map_or_else(|| path.to_owned(), |step| with_query(path, [("back", step)].into_iter()).to_string())
}

/// A path with the company by whose pages the person came.
pub(in crate::browser) fn at(path: &str, company: &CompanyId) -> String {
    format!("{path}?company={company}")
}
