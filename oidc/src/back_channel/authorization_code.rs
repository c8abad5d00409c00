//! The grant `authorization_code` (RFC 6749 section 4.1.3, RFC 7636, OpenID Connect Core section 3.1.3).
//!
//! Whatever can fail without the code is done before the code is used, so that a client whose region is behind or out comes again with the
//! same code.

use std::time::Duration;

use umoja_accounts::access::{NewFamily, SessionState, Standing};
use umoja_schema::access::Sector;
use umoja_schema::{Client, ClientKind, GrantType, Millis, PersonVersion};

use super::granted::Granted;
use super::holder::holder_in;
use super::issue::issue;
use super::request::TokenRequest;
use crate::code::Code;
use crate::pkce;
use crate::problem::Problem;
use crate::tokens::Issued;
use crate::{Once, Provider};

/// How long a request waits for the person to arrive in this region.
const WAIT: Duration = Duration::from_secs(2);

/// The tokens for a code.
pub(super) async fn grant(request: &TokenRequest<'_>) -> Result<Issued, Problem> {
    let TokenRequest { provider, client, form, .. } = request;
    let secrets = &provider.accounts.secrets;
    let text = form.get("code").ok_or(Problem::Request("code is missing"))?;
    let redirect_uri = form.get("redirect_uri").ok_or(Problem::Request("redirect_uri is missing"))?;
    let verifier = form.get("code_verifier").ok_or(Problem::Request("code_verifier is missing"))?;
    let code = Code::open(secrets, text, &client.id, redirect_uri, provider.now()).ok_or(Problem::Grant)?;
    if !pkce::verifies(verifier, &code.challenge) {
        return Err(Problem::Grant);
    }
    let (once, begun_at) = (code.once(), code.issued_at());
    redeem(request, code, once, begun_at).await
}

/// The tokens for what a person has let the client have. `once` is its use, and `begun_at` the time from which on it counts as begun.
pub(super) async fn redeem(
    request: &TokenRequest<'_>,
    code: Code,
    once: Option<Once>,
    begun_at: Millis,
) -> Result<Issued, Problem> {
    let TokenRequest { provider, client, .. } = request;
    let people = &provider.accounts.people;
    let key = request.key(code.jkt.as_deref()).await?;
    let mut granted = granted(client, &code, key.as_ref(), (provider.now(), begun_at));
    let standing = holder_of(provider, client, &code, &granted).await?.ok_or(Problem::Grant)?;
    if standing.session(code.session(), provider.now()) == SessionState::Ended {
        return Err(Problem::Grant);
    }
    granted.sub = subject(provider, client, &standing, &code).await?;
    let keys = provider.keys().await?;
    spend(provider, client, &code, (once, &granted)).await?;
    begin(provider, client, &standing, &code, &granted).await?;
    let mut issued = issue(provider, &keys, client, &granted, &code.scopes, (key, code.nonce));
    if client.may_use(GrantType::RefreshToken) {
        issued.refresh_token = Some(granted.seal(&people.secrets));
    }
    Ok(issued)
}

/// The person, at least as the region that issued the code saw it.
async fn holder_of(
    provider: &Provider,
    client: &Client,
    code: &Code,
    granted: &Granted,
) -> Result<Option<Standing>, Problem> {
    let wanted: PersonVersion = code.min_version.parse().map_err(|_| Problem::Grant)?;
    let described = granted.described();
    let held = async || holder_in(provider, client, (&described, code.client_ends), Some(&code.session)).await;
    match held().await {
        Ok(Some(standing)) if standing.covers(&wanted) => Ok(Some(standing)),
        // What was read may be older than what is waited for.
        Ok(_) | Err(Problem::Unavailable) => {
            arrived(provider, client, &wanted).await?;
            held().await
        }
        Err(problem) => Err(problem),
    }
}

/// Waits until the person is here as the region that issued the code saw it.
async fn arrived(provider: &Provider, client: &Client, wanted: &PersonVersion) -> Result<(), Problem> {
    let people = &provider.accounts.people;
    // Few enough wait, of each company and of all, that they cost little.
    let place = provider.waiting.enter(&client.company);
    let wait = if place.is_some() { WAIT } else { Duration::ZERO };
    if people.caught_up(wanted, wait).await? { Ok(()) } else { Err(Problem::Unavailable) }
}

/// What the code is for, still without the name of the person.
fn granted(client: &Client, code: &Code, key: Option<&String>, (now, begun_at): (Millis, Millis)) -> Granted {
    let may_refresh = client.may_use(GrantType::RefreshToken);
    let is_offline = may_refresh && code.scopes.contains("offline_access");
    let life_secs = if may_refresh { client.refresh_token_secs } else { client.access_token_secs };
    let ends_at = now.plus(life_secs.saturating_mul(1000));
    Granted {
        user: code.user,
        family: code.family(),
        generation: 0,
        client: client.id.clone(),
        client_ends: code.client_ends,
        session: code.session.clone(),
        ends: code.ends.clone(),
        withdrawal: code.withdrawal,
        is_offline,
        sub: String::new(),
        scopes: code.scopes.clone(),
        signed_in: code.signed_in.clone(),
        // A confidential client proves itself at each use (RFC 9449 section 5).
        jkt: key.filter(|_| client.kind == ClientKind::Public).cloned(),
        begun_at,
        expires_at: if is_offline { ends_at } else { ends_at.min(code.session_expires_at) },
    }
}

/// What the client calls the person.
async fn subject(provider: &Provider, client: &Client, standing: &Standing, code: &Code) -> Result<String, Problem> {
    let sector = Sector::from(client);
    match standing.subject(&sector) {
        Some(sub) => Ok(sub.to_owned()),
        None => Ok(provider.accounts.people.subject(code.user, &sector).await?),
    }
}

/// Uses the code in the region that issued it. A second use ends what the first one began (RFC 6749 section 4.1.2).
async fn spend(
    provider: &Provider,
    client: &Client,
    code: &Code,
    (once, granted): (Option<Once>, &Granted),
) -> Result<(), Problem> {
    let home = &provider.accounts.home;
    let peers = home.peers.iter().map(|peer| &peer.ports);
    // No region remembers the codes of one that was removed.
    let issuer = std::iter::once(&home.own).chain(peers).find(|ports| ports.name == code.region);
    let (issuer, once) = issuer.zip(once).ok_or(Problem::Grant)?;
    if issuer.requests.first_use(once.hash(), provider.now(), once.until()).await? {
        return Ok(());
    }
    tracing::warn!(client = %client.id, "a code was used again, and what it gave has ended");
    let people = &provider.accounts.people;
    people.end_family(code.user, &granted.family).await?;
    Err(Problem::Grant)
}

/// Begins the family of the tokens. One that ends with its session has no row: the session's says that it counts.
async fn begin(
    provider: &Provider,
    client: &Client,
    standing: &Standing,
    code: &Code,
    granted: &Granted,
) -> Result<(), Problem> {
    let (people, id) = (&provider.accounts.people, client.id.as_str());
    if !standing.clients_of(&code.session).contains(id) {
        people.note_client(code.user, &code.session, id, code.session_expires_at).await?;
    }
    if !granted.is_offline {
        return Ok(());
    }
    let family = granted.described().family;
    let new = NewFamily {
        client: family.client,
        session: family.session,
        scopes: family.scopes,
        jkt: family.jkt,
        ends: family.ends,
        life_ms: family.expires_at.since(provider.now()),
    };
    // Who used the code again was faster.
    people.begin_family_as(code.user, family.id, new).await?.map(drop).ok_or(Problem::Grant)
}
