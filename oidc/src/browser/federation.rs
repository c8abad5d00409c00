//! `/federation/start` and `/federation/callback`: a person signs in at another provider, and comes back.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_accounts::{Context, Error, Recognised};
use umoja_schema::{Actor, Client, Company, Millis, UserId};

use super::asked::Asked;
use super::proceed::{Done, Going};
use super::send::{Cookies, to};
use super::sign_in::{self, OneFactor, ROUNDS, Rejection, Right};
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::form::Form;
use crate::pages::Again;
use crate::provider::Upstream;
use crate::request::NoReturn;
use crate::steps::{OnPage, SessionCookie};
use crate::upstream::id_token::{Expected, Said, read};
use crate::upstream::learnt::{FRESH_MS, Learnt};
use crate::upstream::step::AtProvider;
use crate::upstream::{CALLBACK, FEDERATED, Fault, Unconnected, redeem, userinfo};

/// Sends the browser to the provider that the person has chosen on the page for signing in.
pub(super) async fn start(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let (secrets, entropy, now) = (&provider.accounts.secrets, &*provider.accounts.home.entropy, provider.now());
    let given = |name| asked.form.get(name).unwrap_or_default();
    let step = OnPage::open(secrets, given("step"), Some(&browser), now).ok_or(NoReturn::Page)?;
    let registered = provider.registered(step.request.client.as_str()).await?;
    let going = Going::of(&provider, registered.as_deref(), &asked, step.request)?;
    let client = &going.registered.client;
    let upstream = provider.upstream_of(client, given("provider")).await?;
    let upstream = upstream.ok_or_else(|| Stop::at(NoReturn::Page, &client.id))?;
    let learnt = match provider.learnt.learn(&*provider.outbound, &upstream.provider.issuer, now, FRESH_MS).await {
        Ok(learnt) => learnt,
        Err(fault) => return going.again(Some(failed(&upstream, fault))).await,
    };
    let step = AtProvider::new(&upstream.provider.id, going.request.clone(), &browser, now, entropy);
    let callback = provider.url(CALLBACK);
    match step.url(secrets, entropy, (&upstream.provider, &learnt.metadata), &callback) {
        Some(url) => to(&url),
        None => going.again(Some(failed(&upstream, Fault::Provider("the request is too large for a link")))).await,
    }
}

/// Takes what the provider says, and continues with the request of the client.
pub(super) async fn callback(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let (accounts, now) = (&provider.accounts, provider.now());
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let state = asked.form.get("state").unwrap_or_default();
    let step = AtProvider::open(&accounts.secrets, state, &browser, now).ok_or(NoReturn::Page)?;
    let once = step.once().ok_or(NoReturn::Page)?;
    if !accounts.home.requests.first_use(once.hash(), now, once.until()).await? {
        return Err(Stop::at(NoReturn::Page, &step.request.client));
    }
    let registered = provider.registered(step.request.client.as_str()).await?;
    let mut going = Going::of(&provider, registered.as_deref(), &asked, step.request.clone())?;
    let upstream = provider.upstream_of(&going.registered.client, step.provider.as_str()).await?;
    let upstream = upstream.ok_or_else(|| Stop::at(NoReturn::Page, &step.request.client))?;
    let said = match answered(&provider, &upstream, &asked.form, &step).await {
        Ok(Some(said)) => said,
        Ok(None) => return going.again(Some(Rejection::at_provider(Again::NotThere))).await,
        Err(fault) => return going.again(Some(failed(&upstream, fault))).await,
    };
    let of_provider = context(&going.registered.client, &upstream.company, now);
    let user = match accounts.recognise(&of_provider, &said.login, upstream.provider.registers).await? {
        Recognised::User(user) => user,
        Recognised::Rejected => return going.again(Some(Rejection::at_provider(Again::NotAllowed))).await,
        Recognised::Unknown => {
            let subject = said.login.subject;
            going.unconnected = Some(Unconnected { provider: upstream.provider.id.clone(), subject });
            return going.again(None).await;
        }
    };
    let begun = match signed_in(&provider, &going, user, said.auth_time).await? {
        Ok(begun) => begun,
        Err(rejected) => return going.again(Some(rejected)).await,
    };
    match begun {
        Right::Begun(cookie, standing) => {
            let session = Some(cookie.seal(&accounts.secrets, &*accounts.home.entropy));
            let visit = Visit::with(&provider, cookie, standing);
            let cookies = Cookies { browser: Some(browser), session };
            going.on(visit, Done { signed_in: true, consented: false }, cookies).await
        }
        Right::Passed(passed, standing) => Ok(going.first_factor_page(passed, &standing)),
    }
}

/// Connects the login at another provider with which the person came to the one that has just signed in, if it came with one. The inner
/// error is why that cannot be: the session has ended then, and the login is forgotten.
///
/// # Errors
/// [`Stop`] if the region cannot do that now.
pub(super) async fn connected(going: &mut Going<'_>, cookie: &SessionCookie) -> Result<Result<(), Rejection>, Stop> {
    let Some(login) = going.unconnected.take() else { return Ok(Ok(())) };
    let connected = connect(going.provider, &going.registered.client, cookie.user, &login).await?;
    if connected.is_err() {
        going.provider.end_session(cookie.user, &cookie.session).await?;
    }
    Ok(connected)
}

/// Gives a person a login at another provider. The inner error is why that cannot be.
async fn connect(
    provider: &Provider,
    client: &Client,
    user: UserId,
    login: &Unconnected,
) -> Result<Result<(), Rejection>, Stop> {
    let Some(upstream) = provider.upstream_of(client, login.provider.as_str()).await? else {
        return Ok(Err(Rejection::at_provider(Again::NotConnected)));
    };
    let context = context(client, &upstream.company, provider.now());
    match provider.accounts.connect(&context, user, &login.subject).await {
        Ok(()) => Ok(Ok(())),
        Err(Error::Taken(_) | Error::Invalid { .. } | Error::Disabled) => {
            Ok(Err(Rejection::at_provider(Again::NotConnected)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the provider says of the person. `None` if the person did not sign in there.
async fn answered(
    provider: &Provider,
    upstream: &Upstream,
    form: &Form,
    step: &AtProvider,
) -> Result<Option<Said>, Fault> {
    let (outbound, issuer, now) = (&*provider.outbound, &upstream.provider.issuer, provider.now());
    let learn = async |max_age_ms| provider.learnt.learn(outbound, issuer, now, max_age_ms).await;
    let learnt = learn(FRESH_MS).await?;
    let is_its = match form.get("iss") {
        Some(named) => named == issuer,
        None => !learnt.metadata.names_itself,
    };
    if !is_its {
        return Err(Fault::Provider("the answer is that of another issuer"));
    }
    let code = match (form.get("error"), form.get("code")) {
        (None, Some(code)) => code,
        (Some("access_denied" | "login_required" | "interaction_required" | "consent_required"), _) => return Ok(None),
        _ => return Err(Fault::Provider("the answer has no code")),
    };
    let (secrets, callback) = (&provider.accounts.secrets, provider.url(CALLBACK));
    let of = (&upstream.provider, &learnt.metadata);
    let redeemed = redeem(outbound, secrets, of, (code, &callback), step).await?;
    let expected = Expected {
        issuer,
        client_id: &upstream.provider.client_id,
        nonce: &step.nonce,
        access_token: redeemed.access_token.as_deref().map(String::as_str),
        max_age: step.request.max_age,
        now_secs: provider.now().secs(),
    };
    let with = |learnt: &Learnt| read(&redeemed.id_token, &learnt.keys, &expected);
    let said = match with(&learnt) {
        // The provider may have new keys.
        Err(Fault::UnknownKey) => with(&*learn(0).await?)?,
        said => said?,
    };
    // A provider may leave out of the token what the userinfo endpoint says (OpenID Connect Core section 5.4).
    match (&said.login.email, &learnt.metadata.userinfo, &redeemed.access_token) {
        (None, Some(url), Some(token)) => said.with_userinfo(&userinfo(outbound, url, token).await?).map(Some),
        _ => Ok(Some(said)),
    }
}

/// Begins the session of a user at a client, unless it has to show a second factor first. The inner error is why the person may not sign in.
async fn signed_in(
    provider: &Provider,
    going: &Going<'_>,
    user: UserId,
    auth_time: Option<u64>,
) -> Result<Result<Right, Rejection>, Stop> {
    let (registered, now) = (going.registered, provider.now());
    let context = context(&registered.client, &registered.company, now);
    // How long ago the person proved to the provider who it is, the provider says.
    let at = auth_time.map_or(now, |secs| Millis(secs.saturating_mul(1000)));
    for _ in 0..ROUNDS {
        let Some(person) = provider.accounts.admit(&context, user).await? else {
            return Ok(Err(Rejection::at_provider(Again::NotAllowed)));
        };
        let (amr, agent) = (vec![FEDERATED.to_owned()], going.asked.agent());
        let one = OneFactor { person: &person, at, amr, agent };
        match sign_in::by_one_factor(provider, registered, one, &going.request.acr_values).await {
            Ok(Some(right)) => return Ok(Ok(right)),
            Ok(None) => {}
            Err(rejected) => return Ok(Err(rejected)),
        }
    }
    Ok(Err(Rejection::UNAVAILABLE))
}

/// A person who signs in at a client, for the data of a company.
fn context(client: &Client, company: &Arc<Company>, now: Millis) -> Context {
    let actor = Actor::Client { id: client.id.clone(), company: client.company.clone() };
    Context { actor, company: Arc::clone(company), now, request: None }
}

/// Writes down why a sign-in at a provider came to nothing.
fn failed(upstream: &Upstream, fault: Fault) -> Rejection {
    tracing::warn!(provider = %upstream.provider.id, %fault, "a sign-in at another provider came to nothing");
    Rejection::at_provider(Again::NoProvider)
}
