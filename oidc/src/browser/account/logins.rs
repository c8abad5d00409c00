//! `/account/logins`: the person sees, connects and removes its logins at other providers. Every change ends its other sessions.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_accounts::access::{Removal, Standing};
use umoja_accounts::{Error, Person};
use umoja_look::texts::federation as say;
use umoja_look::{Card, Form, Phrase};
use umoja_schema::{CompanyId, IdentifierKind, LoginProviderId, Millis};
use umoja_store::ownerships::source_key;

use super::door::at;
use super::enter::{Entered, Inside, Section, called};
use super::sessions::time;
use crate::Provider;
use crate::answer::with_query;
use crate::browser::connect::connect;
use crate::browser::offered::StartOn;
use crate::browser::send::to;
use crate::browser::stop::Stop;
use crate::on_account::OnAccount;
use crate::pages::Again;
use crate::provider::context;
use crate::steps::Unconnected;
use crate::upstream::FEDERATED;

pub(in crate::browser) const SECTION: Section =
    Section { path: "/account/logins", title: say::LOGINS, needs_recent: true };

/// A login that the person has.
struct Login {
    provider: String,
    company: CompanyId,
    name: Option<String>,
    since: Option<Millis>,
    /// Whether the person can sign in with it now.
    works: bool,
}

/// What came of a form.
#[derive(Default)]
struct Outcome {
    done: Option<Phrase>,
    alert: Option<Phrase>,
}

pub(super) async fn logins(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let inside = match Box::pin(Inside::enter_counted(provider, SECTION, request)).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let outcome = if inside.asked.is_post { act(&inside).await? } else { Outcome::default() };
    if let Some((step, login)) = to_be_confirmed(&inside) {
        return confirm(&inside, &step, &login).await;
    }
    let again = inside.asked.form.get("again").filter(|_| !inside.asked.is_post).and_then(Again::of_code);
    let step = inside.step();
    let known = logins_of(&inside).await?;
    let mut offers = Vec::new();
    for id in &inside.at.client.providers {
        let upstream = inside.provider.upstream(id).await?;
        let is_new = |company: &CompanyId| known.iter().all(|login| login.company != *company);
        if let Some(upstream) = upstream.filter(|upstream| is_new(&upstream.company.id)) {
            let path = StartOn::Account(&step, SECTION.path).start(id.as_str());
            offers.extend(path.map(|path| (path, say::CONNECT_WITH.with(&[("provider", &upstream.provider.name)]))));
        }
    }
    let card = |login: &Login| {
        let since = login.since.map(|at| say::CONNECTED_ON.with(&[("time", &time(at))]));
        let lines = login.name.as_deref().map(Phrase::foreign).into_iter().chain(since).collect();
        let form = Form::post(SECTION.path).hidden("step", &step);
        let form = form.other("remove", login.company.as_str(), say::REMOVE_LOGIN);
        Card::new(Phrase::foreign(&login.provider), lines).form(form)
    };
    let cards: Vec<_> = known.iter().map(card).collect();
    let text = if cards.is_empty() { say::NO_LOGINS } else { say::LOGINS_ARE };
    Ok(inside.answer(|page| {
        let page = page.alert(outcome.alert.or(again.map(Again::phrase))).done(outcome.done).text(text);
        let page = cards.iter().fold(page, umoja_look::Page::card);
        offers.iter().fold(page, |page, (path, phrase)| page.link(path, phrase.clone()))
    }))
}

/// The login that the person has brought from a provider, with the value of the form that connects it: of this session only.
fn to_be_confirmed(inside: &Inside) -> Option<(String, Unconnected)> {
    let (provider, asked) = (&inside.provider, &inside.asked);
    let text = asked.form.get("login").filter(|_| !asked.is_post)?;
    let browser = asked.browser(&provider.issuer)?;
    let brought = OnAccount::open(&provider.accounts.secrets, text, &browser, provider.now())?;
    let is_own = brought.session.as_ref() == Some(&inside.visit.cookie.session);
    Some((text.to_owned(), brought.unconnected.filter(|_| is_own)?))
}

/// The page that asks whether a login is to be connected. It names the login, because a browser may be signed in at the provider as another
/// person.
async fn confirm(inside: &Inside, step: &str, login: &Unconnected) -> Result<Response, Stop> {
    let upstream = inside.provider.upstream(&login.provider).await?;
    let name = upstream.map_or_else(|| login.provider.to_string(), |upstream| upstream.provider.name.clone());
    let account = called(&inside.person);
    let (of, account) = (("provider", &*name), ("account", &*account));
    let text = match &login.name {
        Some(shown) => say::CONFIRM_NAMED.with(&[("login", shown), of, account]),
        None => say::CONFIRM.with(&[of, account]),
    };
    let form = Form::post(SECTION.path).hidden("step", step).answer("connect", "yes", say::CONNECT_NOW);
    let back = inside.path(SECTION.path);
    Ok(inside.answer(|page| page.text(text).form(&form).link(&back, say::NOT_NOW)))
}

async fn act(inside: &Inside) -> Result<Outcome, Stop> {
    let (form, provider, client) = (&inside.asked.form, &inside.provider, &inside.at.client);
    let kept = inside.visit.cookie.described();
    if let (Some(login), Some(_)) = (&inside.unconnected, form.get("connect")) {
        return Ok(if connect(provider, client, (inside.user(), Some(kept)), login).await? {
            Outcome { done: Some(say::WAS_CONNECTED.into()), ..Outcome::default() }
        } else {
            Outcome { alert: Some(say::TAKEN.into()), ..Outcome::default() }
        });
    }
    let Some(company) = form.get("remove") else { return Ok(Outcome::default()) };
    let (these, others): (Vec<_>, Vec<_>) =
        logins_of(inside).await?.into_iter().partition(|login| login.company.as_str() == company);
    let Some(login) = these.first() else { return Ok(Outcome::default()) };
    let registry = &provider.accounts.home.registry;
    let company = registry.company(&login.company).await?.ok_or(Error::NotFound)?;
    let context = context(client, &Arc::new(company), provider.now());
    let others: Vec<_> = others.into_iter().filter(|login| login.works).map(|login| login.company).collect();
    // Who has just signed in by a passkey can do so again.
    let by_passkey = !inside.visit.cookie.signed_in.amr.iter().any(|amr| ["pwd", FEDERATED].contains(&&**amr));
    Ok(match provider.accounts.disconnect(&context, kept, (&others, by_passkey)).await? {
        Removal::Removed => Outcome { done: Some(say::LOGIN_REMOVED.into()), ..Outcome::default() },
        Removal::Last => Outcome { alert: Some(say::LAST_WAY.into()), ..Outcome::default() },
        Removal::Absent => Outcome::default(),
    })
}

/// The companies of the providers at which the person can sign in.
pub(super) async fn ways(inside: &Inside) -> Result<Vec<CompanyId>, Stop> {
    let logins = logins_of(inside).await?;
    Ok(logins.into_iter().filter(|login| login.works).map(|login| login.company).collect())
}

/// The logins of the person: those that it got by signing in, and at the providers of the company also those that an import or a source
/// brought.
async fn logins_of(inside: &Inside) -> Result<Vec<Login>, Stop> {
    let (provider, standing) = (&inside.provider, inside.all().await?);
    let person = standing.person(&provider.accounts).await?.ok_or(Error::NotFound)?;
    let mut logins = Vec::new();
    for (id, company, name, since) in noted(inside, &standing, &person) {
        let upstream = provider.upstream(&id).await?;
        let works = upstream.is_some();
        let provider = upstream.map_or_else(|| id.to_string(), |upstream| upstream.provider.name.clone());
        logins.push(Login { provider, company, name, since: Some(since), works });
    }
    for id in &inside.at.client.providers {
        let Some(upstream) = provider.upstream(id).await? else { continue };
        let company = &upstream.company.id;
        let user = person.users().find(|user| user.identity.external_ids.contains_key(company));
        let is_noted = logins.iter().any(|login| login.company == *company);
        if let Some(user) = user.filter(|_| !is_noted) {
            let key = source_key(&(IdentifierKind::ExternalId, Some(company.clone())));
            let since = user.identity.sources.get(&key).map(|source| Millis(source.at.saturating_mul(1000)));
            let (provider, company) = (upstream.provider.name.clone(), company.clone());
            logins.push(Login { provider, company, name: None, since, works: true });
        }
    }
    Ok(logins)
}

/// What the person got by signing in, as far as it still has the external id: one for each company.
fn noted(
    inside: &Inside,
    standing: &Standing,
    person: &Person,
) -> Vec<(LoginProviderId, CompanyId, Option<String>, Millis)> {
    let people = &inside.provider.accounts.people;
    let mut noted = Vec::<(LoginProviderId, CompanyId, Option<String>, Millis)>::new();
    for login in people.live_logins(standing, person) {
        if noted.iter().all(|(_, company, ..)| *company != login.company) {
            let name = people.login_name(login);
            noted.push((login.provider.clone(), login.company.clone(), name, login.created_at));
        }
    }
    noted
}

/// Leads a person who comes back from a provider to the page that asks whether the login is to be connected.
///
/// # Errors
/// [`Stop`] if the URL cannot be sent.
pub(in crate::browser) fn to_confirm(
    provider: &Provider,
    (company, session): (&CompanyId, &str),
    browser: &str,
    login: Unconnected,
) -> Result<Response, Stop> {
    let accounts = &provider.accounts;
    let step = OnAccount::new(company.clone(), Some(session), browser, provider.now()).connecting(Some(login));
    let step = step.seal(&accounts.secrets, &*accounts.home.entropy);
    let parameters = [("company", company.as_str()), ("login", &step)];
    to(&with_query(&provider.url(SECTION.path), parameters.into_iter()))
}

/// Leads a person back whose login came to nothing.
///
/// # Errors
/// [`Stop`] if the URL cannot be sent.
pub(in crate::browser) fn not_connected(
    provider: &Provider,
    company: &CompanyId,
    again: Again,
) -> Result<Response, Stop> {
    to(&format!("{}&again={}", provider.url(&at(SECTION.path, company)), again.code()))
}
