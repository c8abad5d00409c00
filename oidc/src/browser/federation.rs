//! `/federation/start` and `/federation/callback`: a person signs in at another provider, and comes back.

mod counted;
mod place;
mod said;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_accounts::Recognised;
use umoja_schema::{Millis, UserId};

use self::counted::Counts;
use self::place::Place;
use super::account::{self, logins};
use super::asked::Asked;
use super::send::to;
use super::sign_in::{self, OneFactor, ROUNDS, Rejection, Right};
use super::stop::Stop;
use crate::Provider;
use crate::device::DeviceStep;
use crate::on_account::OnAccount;
use crate::pages::Again;
use crate::provider::{Registered, Upstream, context};
use crate::request::NoReturn;
use crate::steps::{OnPage, Unconnected};
use crate::upstream::learnt::FRESH_MS;
use crate::upstream::step::{AtProvider, Goal, OfAccount};
use crate::upstream::{CALLBACK, FEDERATED, Fault};

/// Sends the browser to the provider that the person has chosen on a page.
pub(super) async fn start(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let (secrets, entropy, now) = (&provider.accounts.secrets, &*provider.accounts.home.entropy, provider.now());
    let goal = goal(&provider, &asked, &browser).ok_or(NoReturn::Page)?;
    let registered = place::registered(&provider, &goal).await?;
    let upstream = upstream(&provider, &registered, asked.form.get("provider").unwrap_or_default()).await?;
    let place = Place::of(&provider, &registered, (&asked, &browser), goal.clone())?;
    let caller = provider.caller(&browser);
    let learnt = provider.learnt.learn(&caller, &upstream.provider.issuer, FRESH_MS).await.and_then(|learnt| {
        // Who goes there now comes back in vain.
        let is_out = learnt.reached.is_out(now);
        if is_out { Err(Fault::Unreachable("it did not answer a moment ago")) } else { Ok(learnt) }
    });
    let learnt = match learnt {
        Ok(learnt) => learnt,
        Err(fault) => return place.again(failed(&upstream, fault)).await,
    };
    let step = AtProvider::new(&upstream.provider.id, goal, &browser, now, entropy);
    match step.url(secrets, entropy, (&upstream.provider, &learnt.metadata), &provider.url(CALLBACK)) {
        Some(url) => to(&url),
        None => place.again(failed(&upstream, Fault::Provider("the request is too large for a link"))).await,
    }
}

/// For what the person of a page goes to a provider. `None` without a step of this browser.
fn goal(provider: &Provider, asked: &Asked, browser: &str) -> Option<Goal> {
    let (secrets, now) = (&provider.accounts.secrets, provider.now());
    let given = |name| asked.form.get(name);
    if let Some(step) = given("account") {
        let OnAccount { company, session: connects, .. } = OnAccount::open(secrets, step, browser, now)?;
        let section = account::section(given("page")?)?;
        let (path, is_recent) = (section.path.to_owned(), section.needs_recent);
        return Some(Goal::Account(OfAccount { company, path, is_recent, connects }));
    }
    if let Some(step) = given("device") {
        return Some(Goal::Device(Box::new(DeviceStep::open(secrets, step, browser, now)?)));
    }
    Some(Goal::Client(Box::new(OnPage::open(secrets, given("step")?, Some(browser), now)?.request)))
}

/// Takes what the provider says, and continues with what the person came for.
pub(super) async fn callback(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let (accounts, now) = (&provider.accounts, provider.now());
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let state = asked.form.get("state").unwrap_or_default();
    let step = AtProvider::open(&accounts.secrets, state, &browser, now).ok_or(NoReturn::Page)?;
    let once = step.once().ok_or(NoReturn::Page)?;
    if !accounts.home.requests.first_use(once.hash(), now, once.until()).await? {
        return Err(NoReturn::Page.into());
    }
    let registered = place::registered(&provider, &step.goal).await?;
    let upstream = upstream(&provider, &registered, step.provider.as_str()).await?;
    let place = Place::of(&provider, &registered, (&asked, &browser), step.goal.clone())?;
    let counts = match Counts::begin(&provider, &asked, &browser).await {
        Ok(counts) => counts,
        Err(rejection) => return place.again(rejection).await,
    };
    let said = match said::answered(&provider, &upstream, (&asked.form, &browser), &step).await {
        Ok(Some(said)) => said,
        Ok(None) => return place.again(Rejection::at_provider(Again::NotThere)).await,
        Err(fault) => return place.again(failed(&upstream, fault)).await,
    };
    counts.was_right(&provider).await;
    let login = || {
        let (provider, subject) = (upstream.provider.id.clone(), said.login.subject.clone());
        Unconnected { provider, subject, name: said.login.shown() }
    };
    if let Goal::Account(OfAccount { company, connects: Some(session), .. }) = &step.goal {
        return logins::to_confirm(&provider, (company, session), &browser, login());
    }
    // Who looks after an account has one.
    let registers = upstream.provider.registers && !matches!(step.goal, Goal::Account(_));
    let of_provider = context(&registered.client, &upstream.company, now);
    let user = match accounts.recognise(&of_provider, &upstream.provider.id, &said.login, registers).await? {
        Recognised::User(user) => user,
        Recognised::Rejected => return place.again(Rejection::at_provider(Again::NotAllowed)).await,
        Recognised::Unknown => return place.unknown(login()).await,
    };
    // How long ago the person proved to the provider who it is, the provider says. Its session may be of any age.
    let at = Millis(said.auth_time.unwrap_or_default().saturating_mul(1000));
    match signed_in(&provider, &registered, (user, at), (&asked, &place.acr_values())).await? {
        Ok(Right::Begun(cookie, standing)) => place.begun(cookie, standing).await,
        Ok(Right::Passed(passed, standing)) => Ok(place.passed(passed, &standing)),
        Err(rejected) => place.again(rejected).await,
    }
}

/// The provider of this id, if the page of the client offers it.
async fn upstream(provider: &Provider, registered: &Registered, id: &str) -> Result<Arc<Upstream>, Stop> {
    let upstream = provider.upstream_of(&registered.client, id).await?;
    upstream.ok_or_else(|| Stop::at(NoReturn::Page, &registered.client.id))
}

/// Begins the session of a user at a client, unless it has to show a second factor first. The inner error is why the person may not sign in.
async fn signed_in(
    provider: &Provider,
    registered: &Registered,
    (user, at): (UserId, Millis),
    (asked, acr_values): (&Asked, &[String]),
) -> Result<Result<Right, Rejection>, Stop> {
    let context = registered.context(provider.now());
    for _ in 0..ROUNDS {
        let Some(person) = provider.accounts.admit(&context, user).await? else {
            return Ok(Err(Rejection::at_provider(Again::NotAllowed)));
        };
        let (amr, agent) = (vec![FEDERATED.to_owned()], asked.agent());
        let one = OneFactor { person: &person, at, amr, agent };
        match sign_in::by_one_factor(provider, registered, one, acr_values).await {
            Ok(Some(right)) => return Ok(Ok(right)),
            Ok(None) => {}
            Err(rejected) => return Ok(Err(rejected)),
        }
    }
    Ok(Err(Rejection::UNAVAILABLE))
}

/// Writes down why a sign-in at a provider came to nothing.
fn failed(upstream: &Upstream, fault: Fault) -> Rejection {
    tracing::warn!(provider = %upstream.provider.id, %fault, "a sign-in at another provider came to nothing");
    Rejection::at_provider(match fault {
        Fault::Token("auth_time") => Again::NotRecent,
        Fault::Unreachable(_) => Again::Unreachable,
        _ => Again::NoProvider,
    })
}
