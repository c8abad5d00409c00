//! Who may see a page of an account.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use serde_json::json;
use umoja_accounts::access::Standing;
use umoja_accounts::{Context, Error, Person};
use umoja_look::texts::account as say;
use umoja_look::{Choice, Look, Page, Phrase, Text};
use umoja_schema::{Actor, Client, Company, CompanyId, Millis, UserId};

use crate::Provider;
use crate::assurance::{Class, is_mailed};
use crate::browser::asked::Asked;
use crate::browser::proceed::rejected_as;
use crate::browser::second::{self, ByMail, OnFactor, Outcome, Who};
use crate::browser::send::{Cookies, to};
use crate::browser::sign_in::{self, Entered as Typed, Rejection, Right};
use crate::browser::stop::Stop;
use crate::browser::visit::Visit;
use crate::form::Form;
use crate::on_account::OnAccount;
use crate::pages::account::{self as pages, SECTIONS};
use crate::pages::{SignIn, View};
use crate::passkey::{Sent, Site};
use crate::provider::Registered;
use crate::request::NoReturn;
use crate::steps::{Passed, SessionCookie};
use crate::tokens::SignedIn;

/// How long ago a person may have signed in who changes its account, in seconds.
const RECENT_SECS: u64 = 5 * 60;
/// The name of these pages in the audit trail: a person is there by the client that it uses.
const CLIENT: &str = "account";

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
    section: Section,
    at: Registered,
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
            return Ok(Entered::Page(pages::no_company(&view)));
        };
        let at = registered(company)?;
        let own = person.as_ref().and_then(|person| person.view().profile.locale);
        let view = asked.view(&provider.issuer, Look::of(&at.company), &[], own.as_deref());
        let browser = asked.browser_or_new(&provider.issuer, &*provider.accounts.home.entropy);
        let visit = visit.and_then(|visit| visit.at(&at.company.id));
        let door = Door { provider: &provider, section, at: &at, view: &view, browser: &browser };
        if let Some(passed) = step.as_ref().and_then(|step| step.passed.clone()) {
            return door.second(&asked, passed).await.map(Entered::Page);
        }
        let is_sign_in = ["identifier", "answer"].iter().any(|name| asked.form.get(name).is_some());
        if step.as_ref().is_some_and(|step| step.session.is_none()) && asked.chosen().is_none() && is_sign_in {
            return door.sign_in(&asked).await.map(Entered::Page);
        }
        // The first sign-in links a person to a company, for which the rules run then.
        let person = person.filter(|person| person.is_linked_to(&at.company.id));
        let (Some(visit), Some(person)) = (visit, person) else {
            return Ok(Entered::Page(door.page("", false, None)));
        };
        let age = provider.now().secs().saturating_sub(visit.cookie.signed_in.auth_time);
        // A session with one factor of a person who has two is one for a client that wants no more.
        let is_weak = Class::of_sign_in(&visit.cookie.signed_in) < Class::Two && visit.standing.has_second_factor();
        if section.needs_recent && (age > RECENT_SECS || is_weak) {
            return Ok(Entered::Page(door.page(&called(&person), true, None)));
        }
        if section.needs_recent
            && let Some(company) = wants_mail(&provider, &at.company, &visit, &person).await?
        {
            let here = (&ByMail::Offered, None);
            let response = if company == at.company.id {
                door.factor_page(as_passed(&visit.cookie), &visit.standing, here)
            } else {
                to(&provider.url(&self::at(section.path, &company)))?
            };
            return Ok(Entered::Page(response));
        }
        // Only who saw the page can send its form: another person may have signed in with this browser since.
        let is_own = step.is_some_and(|step| step.session.as_ref() == Some(&visit.cookie.session));
        asked.is_post = is_own && asked.chosen().is_none();
        Ok(Entered::Inside(Box::new(Self { provider, asked, visit, person, section, at, view, browser })))
    }

    /// The user of the session.
    pub(in crate::browser) const fn user(&self) -> UserId {
        self.visit.cookie.user
    }

    /// For whom a rule runs that the person asks for.
    pub(in crate::browser) fn context(&self) -> Context {
        let company = Arc::clone(&self.at.company);
        let actor = Actor::Client { id: self.at.client.id.clone(), company: company.id.clone() };
        Context { actor, company, now: self.provider.now(), request: None }
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
        let step = OnAccount::new(company, session, &self.browser, self.provider.now());
        step.seal(&accounts.secrets, &*accounts.home.entropy)
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
        let page = self.view.page(self.section.title).nav(say::PAGES, &links, &here).languages(Choice::Links(&here));
        let mut response = self.view.answer(fill(page));
        let cookies = Cookies { browser: Some(self.browser.clone()), session: None };
        cookies.set(&self.provider.issuer, response.headers_mut());
        response
    }
}

/// The page on which a person signs in to its account.
struct Door<'a> {
    provider: &'a Arc<Provider>,
    section: Section,
    at: &'a Registered,
    view: &'a View,
    browser: &'a str,
}

impl Door<'_> {
    fn page(&self, hint: &str, is_again: bool, rejected: Option<Rejection>) -> Response {
        let Self { provider, section, at, view, browser } = self;
        let accounts = &provider.accounts;
        let step = OnAccount::new(at.company.id.clone(), None, browser, provider.now());
        let step = step.seal(&accounts.secrets, &*accounts.home.entropy);
        let again = rejected.map(|rejected| rejected.again);
        let client = at.company.display_name();
        let passkey = Site::of(&provider.issuer).first(&step);
        let (action, step, passkey) = (section.path, &*step, &*passkey);
        let (leads_to, others, connects) = (None, &[][..], None);
        let on = SignIn { client, action, leads_to, step, passkey, hint, forgotten: None, again, others, connects };
        let mut response = pages::sign_in(view, &on, is_again);
        rejected_as(&mut response, rejected);
        let cookies = Cookies { browser: Some((*browser).to_owned()), session: None };
        cookies.set(&provider.issuer, response.headers_mut());
        response
    }

    async fn sign_in(&self, asked: &Asked) -> Result<Response, Stop> {
        let Self { provider, at, browser, .. } = self;
        let given = |name| asked.form.get(name).unwrap_or_default();
        let identifier = given("identifier");
        let typed =
            Typed { identifier, password: given("password"), browser, address: asked.address, agent: asked.agent() };
        let begun = if let Some(answer) = asked.form.get("answer") {
            let sent = Sent::read(answer).ok_or(NoReturn::Unreadable)?;
            let begun = sign_in::by_passkey(provider, at, (&sent, given("step"), asked.agent())).await;
            begun.inspect_err(|rejected| rejected.log(&at.client))
        } else {
            // What is done here changes the account, so it needs what the person has.
            match sign_in::attempt(provider, at, typed, &[Class::Two.as_str().to_owned()]).await {
                Ok(Right::Begun(cookie, standing)) => Ok((cookie, standing)),
                Ok(Right::Passed(passed, standing)) => {
                    let mail = ByMail::of(at, Who::passed(&passed, &standing), &Form::default());
                    return Ok(self.factor_page(passed, &standing, (&mail, None)));
                }
                Err(rejected) => Err(rejected),
            }
        };
        match begun {
            Ok((cookie, _)) => self.begun(&cookie),
            Err(rejected) => Ok(self.page(identifier, false, Some(rejected))),
        }
    }

    /// Begins the session of a person whose password was right, if the form has a second factor.
    async fn second(&self, asked: &Asked, passed: Passed) -> Result<Response, Stop> {
        match second::after_password(self.provider, self.at, &passed, asked).await {
            Outcome::Begun(cookie, _) => self.begun(&cookie),
            Outcome::Page(standing, mail, rejected) => Ok(self.factor_page(passed, &standing, (&mail, rejected))),
            Outcome::StartOver(rejected) => Ok(self.page("", false, rejected)),
        }
    }

    /// The page on which a person shows a second factor, whose password was right.
    fn factor_page(&self, passed: Passed, standing: &Standing, of: (&ByMail, Option<Rejection>)) -> Response {
        let Self { provider, section, at, view, browser } = self;
        let accounts = &provider.accounts;
        let step = OnAccount::new(at.company.id.clone(), None, browser, provider.now()).passed(passed);
        let step = step.seal(&accounts.secrets, &*accounts.home.entropy);
        let on = OnFactor { client: at.company.display_name(), action: section.path, leads_to: None, step: &step };
        let mut response = second::page((view, &provider.issuer), on, standing, of);
        rejected_as(&mut response, of.1);
        let cookies = Cookies { browser: Some((*browser).to_owned()), session: None };
        cookies.set(&provider.issuer, response.headers_mut());
        response
    }

    /// Leads a person whose session has begun to its page.
    fn begun(&self, cookie: &SessionCookie) -> Result<Response, Stop> {
        let Self { provider, section, at, browser, .. } = self;
        let accounts = &provider.accounts;
        let mut response = to(&provider.url(&self::at(section.path, &at.company.id)))?;
        let session = Some(cookie.seal(&accounts.secrets, &*accounts.home.entropy));
        let cookies = Cookies { browser: Some((*browser).to_owned()), session };
        cookies.set(&provider.issuer, response.headers_mut());
        Ok(response)
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
    Passed { user: cookie.user, ends: cookie.ends.clone(), amr, at: Millis(auth_time.saturating_mul(1000)) }
}

/// A path with the company by whose pages the person came.
fn at(path: &str, company: &CompanyId) -> String {
    format!("{path}?company={company}")
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

/// The pages as a client of a company, by which a person signs in to them as to any other.
fn registered(company: Arc<Company>) -> Result<Registered, Stop> {
    let client = json!({
        "id": CLIENT, "revision": 0, "company": company.id, "name": company.display_name(), "kind": "public",
        "first_party": true, "grant_types": [], "token_endpoint_auth_method": "none", "scopes": [],
        "subject_type": "public", "enabled": true,
    });
    let client: Client =
        serde_json::from_value(client).map_err(|_| Error::Broken("the pages of an account are a client"))?;
    Ok(Registered { client: Arc::new(client), company })
}
