//! Who may see a page of an account.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use umoja_accounts::access::Standing;
use umoja_accounts::{Context, Error, Person};
use umoja_look::texts::{account as say, sign_on};
use umoja_look::{Choice, Look, Page, Phrase};
use umoja_schema::{Company, CompanyId, Millis, UserId};

pub(in crate::browser) use super::door::Section;
use super::door::{Door, Why, at, back_to};
use super::often::too_often;
use crate::Provider;
use crate::assurance::{Class, is_mailed};
use crate::browser::asked::Asked;
use crate::browser::offered::MAX_BACK;
use crate::browser::second::{self, Shown};
use crate::browser::send::{Cookies, to};
use crate::browser::sign_in::Rejection;
use crate::browser::stop::Stop;
use crate::browser::visit::Visit;
use crate::on_account::{OnAccount, Proving};
use crate::pages::account::{self as pages, SECTIONS};
use crate::pages::{Again, View};
use crate::provider::Registered;
use crate::request::{AuthorizationRequest, NoReturn};
use crate::steps::{OnPage, Passed, SessionCookie, ShownTo, Unconnected};
use crate::tokens::SignedIn;

/// How long ago a person may have signed in who changes its account, in seconds.
const RECENT_SECS: u64 = 5 * 60;
/// The page on which a person proves an address.
pub(super) const ADDRESSES: &str = "/account/addresses";
/// What a request for a page of an account leads to.
pub(in crate::browser) enum Entered {
    /// The person, on the page.
    Inside(Box<Inside>),
    /// Another answer: the page on which the person signs in.
    Page(Response),
}

/// A person on a page of its account.
pub(in crate::browser) struct Inside {
    /// The provider.
    pub(in crate::browser) provider: Arc<Provider>,
    /// What the browser sent. A form is one of this session and this browser.
    pub(in crate::browser) asked: Asked,
    /// The session.
    pub(in crate::browser) visit: Visit,
    /// The person, opened.
    pub(in crate::browser) person: Person,
    /// The login at another provider that the form of this session connects.
    pub(in crate::browser) unconnected: Option<Unconnected>,
    /// The pages, as a client of the company by whose pages the person came.
    pub(in crate::browser) at: Registered,
    /// The address that waits for its code, on its own page.
    pub(in crate::browser) proving: Option<Proving>,
    /// The step of the page of a client from which the person came, and to which it goes back.
    back: Option<String>,
    /// The new cookie of the session, if the person has proved more.
    raised: Option<String>,
    section: Section,
    view: View,
    browser: String,
}

impl Inside {
    /// Reads a request for a page. A `POST` is one that the person sent from the page of this session, within its half hour; whatever else it
    /// is shows the page again, or the one on which the person signs in.
    ///
    /// # Errors
    /// [`Stop`] for a form of another browser, and without a company.
    pub(in crate::browser) async fn enter(
        provider: Arc<Provider>,
        section: Section,
        request: Request,
    ) -> Result<Entered, Stop> {
        let mut asked = Asked::read(request).await?;
        let step = match asked.form.get("step").filter(|_| asked.is_post) {
            Some(step) => {
                let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
                let step = OnAccount::open(&provider.accounts.secrets, step, &browser, provider.now());
                Some(step.ok_or(NoReturn::Page)?)
            }
            None if asked.is_post => return Err(NoReturn::Page.into()),
            None => None,
        };
        let visit = Visit::of(&provider, &asked.headers).await?;
        let person = match &visit {
            Some(visit) => visit.standing.person(&provider.accounts).await?,
            None => None,
        };
        let named = step.as_ref().map(|step| step.company.clone());
        let named = named.or_else(|| asked.form.get("company")?.parse().ok());
        let Some(company) = company(&provider, named, visit.as_ref(), person.as_ref()).await? else {
            let view = asked.view(&provider.issuer, Look::plain(), &[], None);
            return Ok(Entered::Page(pages::no_company(&view, section.path)));
        };
        let at = Registered::account(company)?;
        let own = person.as_ref().and_then(|person| person.view().profile.locale);
        let view = asked.view(&provider.issuer, Look::of(&at.company), &[], own.as_deref());
        let browser = asked.browser_or_new(&provider.issuer, &*provider.accounts.home.entropy);
        let back = match &step {
            Some(step) => step.back.clone(),
            None => asked.form.get("back").filter(|back| back.len() <= MAX_BACK).map(str::to_owned),
        };
        let (session, login) = step.clone().map(|step| (step.session, step.unconnected)).unwrap_or_default();
        let is_at_door = step.is_some() && session.is_none();
        let (login, at_door) = if is_at_door { (None, login) } else { (login, None) };
        let door = Door {
            provider: &provider,
            section,
            at: &at,
            view: view.clone(),
            browser: &browser,
            unconnected: at_door,
            back: back.clone(),
        };
        if let Some(passed) = step.as_ref().and_then(|step| step.passed.clone()) {
            return door.second(&asked, passed).await.map(Entered::Page);
        }
        let is_sign_in = ["identifier", "answer"].iter().any(|name| asked.form.get(name).is_some());
        if is_at_door && asked.chosen().is_none() && is_sign_in {
            return door.sign_in(&asked).await.map(Entered::Page);
        }
        let was_signed_in = visit.is_some();
        let Some(visit) = visit.and_then(|visit| visit.at(&at.company.id)) else {
            let rejected = was_signed_in.then_some(Rejection::at_provider(Again::NotAllowed));
            return door.page("", Why::Stranger, rejected).await.map(Entered::Page);
        };
        // The first sign-in links a person to a company, for which the rules run then.
        let Some(person) = person.filter(|person| person.is_linked_to(&at.company.id)) else {
            return door.page("", Why::New, None).await.map(Entered::Page);
        };
        let age = provider.now().secs().saturating_sub(visit.cookie.signed_in.auth_time);
        // Only who saw the page can send its form: another person may have signed in with this browser since.
        let is_own = step.as_ref().is_some_and(|step| step.session.as_ref() == Some(&visit.cookie.session));
        let proving = step.and_then(|step| step.proving).filter(|_| is_own && section.path == ADDRESSES);
        // A session with one factor of a person who has two is one for a client that wants no more.
        let is_weak = Class::of_sign_in(&visit.cookie.signed_in) < Class::Two && visit.standing.has_second_factor();
        // Who has just signed in to get a code has its ten minutes.
        if section.needs_recent && proving.is_none() && (age > RECENT_SECS || is_weak) {
            return door.page(&called(&person), Why::Stale, None).await.map(Entered::Page);
        }
        if section.needs_recent
            && let Some(company) = wants_mail(&provider, &at.company, &visit, &person).await?
        {
            let response = if company == at.company.id {
                door.first_factor_page(as_passed(&visit.cookie), &visit.standing)
            } else {
                to(&provider.url(&self::at(section.path, &company)))?
            };
            return Ok(Entered::Page(response));
        }
        asked.is_post = is_own && asked.chosen().is_none();
        let unconnected = login.filter(|_| is_own);
        Ok(Entered::Inside(Box::new(Self {
            provider,
            asked,
            visit,
            person,
            unconnected,
            at,
            proving,
            back,
            raised: None,
            section,
            view,
            browser,
        })))
    }

    /// As [`Inside::enter`], for a page whose forms leave rows that do not expire: a person may send some in an hour. What takes the account
    /// back from another one, a new password and the end of sessions, is never counted so.
    ///
    /// # Errors
    /// As [`Inside::enter`].
    pub(in crate::browser) async fn enter_counted(
        provider: Arc<Provider>,
        section: Section,
        request: Request,
    ) -> Result<Entered, Stop> {
        let entered = Self::enter(provider, section, request).await?;
        let Entered::Inside(inside) = &entered else { return Ok(entered) };
        if !inside.asked.is_post {
            return Ok(entered);
        }
        let secs = too_often(&inside.provider, inside.person.primary.id()).await;
        let Some(secs) = secs else { return Ok(entered) };
        let alert = Some(sign_on::LOCKED.into());
        let mut response = inside.answer(|page| page.alert(alert).status(StatusCode::TOO_MANY_REQUESTS));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        Ok(Entered::Page(response))
    }

    /// The user of the session.
    pub(in crate::browser) const fn user(&self) -> UserId {
        self.visit.cookie.user
    }

    /// For whom a rule runs that the person asks for.
    pub(in crate::browser) fn context(&self) -> Context {
        self.at.context(self.provider.now())
    }

    /// Everything that the region knows of the person.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot read it.
    pub(in crate::browser) async fn all(&self) -> Result<Standing, Stop> {
        Ok(Standing::read(&self.provider.accounts, self.user()).await?.ok_or(Error::NotFound)?)
    }

    /// The value of a form of the page.
    pub(in crate::browser) fn step(&self) -> String {
        let accounts = &self.provider.accounts;
        let (company, session) = (self.at.company.id.clone(), Some(self.visit.cookie.session.as_str()));
        let step = OnAccount::new(company, session, &self.browser, self.provider.now()).proving(self.proving.clone());
        step.leading_back(self.back.clone()).seal(&accounts.secrets, &*accounts.home.entropy)
    }

    /// The request of the client from which the person came, and the step with which the person continues with it in this session. `None` if the page
    /// has ended, or was of another browser.
    pub(in crate::browser) fn back(&self) -> Option<(String, AuthorizationRequest)> {
        let (accounts, now) = (&self.provider.accounts, self.provider.now());
        let page = OnPage::open(&accounts.secrets, self.back.as_deref()?, Some(&self.browser), now)?;
        let session = &self.visit.cookie.session;
        let for_this = page.shown_to.is_some_and(|to| to.for_this && to.session == *session);
        let shown_to = ShownTo { session: session.clone(), for_this };
        let step = OnPage::new(page.request.clone(), Some(shown_to), &self.browser, now);
        Some((step.seal(&accounts.secrets, &*accounts.home.entropy), page.request))
    }

    /// Notes what the person has shown beside its sign-in: the session has that class from now on.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot store it.
    pub(in crate::browser) async fn raise(&mut self, shown: Shown) -> Result<(), Stop> {
        self.raised = Some(second::raise(&self.provider, &mut self.visit.cookie, shown).await?);
        Ok(())
    }

    /// The name of the company by whose pages the person came.
    pub(in crate::browser) fn company(&self) -> &str {
        self.at.company.display_name()
    }

    /// The view of the page.
    pub(in crate::browser) const fn view(&self) -> &View {
        &self.view
    }

    /// The path of a section, at the company.
    pub(in crate::browser) fn path(&self, path: &str) -> String {
        at(path, &self.at.company.id)
    }

    /// Answers with the page, among the others of the account. `fill` adds its parts.
    pub(in crate::browser) fn answer(&self, fill: impl FnOnce(Page<'_>) -> Page<'_>) -> Response {
        let here = self.path(self.section.path);
        let links: Vec<_> = SECTIONS.iter().map(|(path, text)| (self.path(path), Phrase::from(*text))).collect();
        let links: Vec<_> = links.iter().map(|(path, phrase)| (path.as_str(), phrase.clone())).collect();
        let again = back_to(&here, self.back.as_deref());
        let page = self.view.page(self.section.title).nav(say::PAGES, &links, &here).languages(Choice::Links(&again));
        let mut response = self.view.answer(fill(page));
        let cookies = Cookies { browser: Some(self.browser.clone()), session: self.raised.clone() };
        cookies.set(&self.provider.issuer, response.headers_mut());
        response
    }
}

/// The company that wants a code by mail before a person changes its account, best the one by whose pages it came: the company takes that in
/// place of a second factor, the person has none, and has shown no such code in this session. Otherwise who has only the password would add a
/// factor of its own, and need no code from then on.
async fn wants_mail(
    provider: &Provider,
    here: &Company,
    visit: &Visit,
    person: &Person,
) -> Result<Option<CompanyId>, Stop> {
    let signed_in = &visit.cookie.signed_in;
    let has_proved = Class::of_sign_in(signed_in) == Class::Two || is_mailed(&signed_in.amr);
    if has_proved || visit.standing.has_second_factor() || !provider.accounts.can_mail_code(person) {
        return Ok(None);
    }
    if here.mfa_by_mail {
        return Ok(Some(here.id.clone()));
    }
    for id in person.view().accounts.into_keys().filter(|id| visit.standing.may_sign_in(id)) {
        let company = provider.accounts.home.registry.company(&id).await?;
        if company.is_some_and(|company| company.enabled && company.mfa_by_mail) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The person of a session as one whose password was right when the session began.
fn as_passed(cookie: &SessionCookie) -> Passed {
    let SignedIn { auth_time, amr, .. } = cookie.signed_in.clone();
    let at = Millis(auth_time.saturating_mul(1000));
    Passed { user: cookie.user, ends: cookie.ends.clone(), amr, at, auth_time: at }
}

/// What the person signs in with, as the page on which it signs in again has it.
pub(in crate::browser) fn called(person: &Person) -> String {
    let user = person.view();
    user.email.or(user.phone_number).or(user.username).unwrap_or_default()
}

/// The company that a request names; without one the first to which the person may sign in.
async fn company(
    provider: &Provider,
    named: Option<CompanyId>,
    visit: Option<&Visit>,
    person: Option<&Person>,
) -> Result<Option<Arc<Company>>, Stop> {
    let own = || {
        let linked = person?.view().accounts.into_keys();
        let may = |company: &CompanyId| visit.is_some_and(|visit| visit.standing.may_sign_in(company));
        linked.into_iter().find(may)
    };
    let Some(id) = named.or_else(own) else { return Ok(None) };
    let read = provider.accounts.home.registry.company(&id).await?;
    Ok(read.filter(|company| company.enabled).map(Arc::new))
}
