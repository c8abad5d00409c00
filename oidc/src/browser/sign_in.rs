//! Whether a password is right, by the rule of the API: the same lock-outs, and the same work for every name. Whether a passkey is a
//! person's, and the session that begins then.

use std::net::IpAddr;

use umoja_accounts::access::{DeviceLabel, Needed, NewSession, Standing};
use umoja_accounts::{Authenticate, Context, Error, Origin, Person, Rule as _};
use umoja_crypto::Password;
use umoja_schema::access::KnownEnds;
use umoja_schema::api::Selector;
use umoja_schema::{Client, IdentifierKind, Millis, UserId};

use super::asked::Asked;
use crate::assurance::{Class, Policy};
use crate::pages::Again;
use crate::passkey::{Sent, Site, challenge};
use crate::provider::Registered;
use crate::request::NoReturn;
use crate::steps::{OnPage, Passed, SessionCookie};
use crate::tokens::SignedIn;
use crate::{Provider, assurance};

/// How often a sign-in is made that another write of the person overtook.
pub(super) const ROUNDS: usize = 3;
/// What a person may enter as its name. The first kind counts as which the text can be read.
const KINDS: [IdentifierKind; 3] = [IdentifierKind::Email, IdentifierKind::PhoneNumber, IdentifierKind::Username];

/// What a person entered.
pub struct Entered<'a> {
    /// Its name. Personal data.
    pub identifier: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The value of the cookie of the browser, by which the person's own browser is known again. It is hashed before any use.
    pub browser: &'a str,
    /// The address of the browser.
    pub address: Option<IpAddr>,
    /// What the browser says of itself (`User-Agent`), if anything.
    pub agent: Option<&'a str>,
}

/// Why a person has to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// The reason on the page.
    pub again: Again,
    /// The seconds after which the next attempt is allowed, if that is known.
    pub retry_after_secs: Option<u32>,
}

impl Rejection {
    /// A sign-in at another provider that came to nothing.
    pub(super) const fn at_provider(again: Again) -> Self {
        Self::with(again)
    }

    /// A rejection for this reason, after which the person may try again at once.
    pub(super) const fn with(again: Again) -> Self {
        Self { again, retry_after_secs: None }
    }

    const WRONG: Self = Self { again: Again::Wrong, retry_after_secs: None };
    pub(super) const UNAVAILABLE: Self = Self { again: Again::Unavailable, retry_after_secs: Some(1) };

    /// Says in the log that a sign-in was rejected.
    pub(super) fn log(&self, client: &Client) {
        tracing::info!(reason = self.again.code(), client = %client.id, "a sign-in was rejected");
    }

    /// The rejection of an error of a rule.
    pub(super) fn of(client: &Client, error: Error) -> Self {
        match error {
            Error::Locked { retry_after_secs } => {
                Self { again: Again::Locked, retry_after_secs: Some(retry_after_secs) }
            }
            Error::TooManyMails { retry_after_secs } => {
                Self { again: Again::TooManyMails, retry_after_secs: Some(retry_after_secs) }
            }
            error => {
                tracing::warn!(client = %client.id, %error, "a person cannot sign in now");
                Self::UNAVAILABLE
            }
        }
    }
}

/// What came of a password that is right.
pub enum Right {
    /// A session has begun. With it is what the region knows of the person then: `None` if the user is gone.
    Begun(SessionCookie, Option<Standing>),
    /// The person has to show a second factor first. With it is what the region knows of the person.
    Passed(Passed, Standing),
}

/// By what a person proved who it is.
pub(super) struct Proved<'a> {
    /// The id of the session that begins, whose rows the standing has.
    pub(super) session: String,
    pub(super) at: Millis,
    pub(super) amr: Vec<String>,
    pub(super) class: Class,
    /// The ends of everything that were known before the first proof.
    pub(super) ends: KnownEnds,
    /// What the browser says of itself.
    pub(super) agent: Option<&'a str>,
}

/// Checks the password of a person at a client, and begins a session under a new id in this region if no second factor is needed.
/// `acr_values` are the classes that the client prefers.
///
/// # Errors
/// [`Rejection`]. It does not say whether there is a user of the name.
pub async fn attempt(
    provider: &Provider,
    registered: &Registered,
    entered: Entered<'_>,
    acr_values: &[String],
) -> Result<Right, Rejection> {
    right(provider, registered, entered, acr_values).await.inspect_err(|rejected| rejected.log(&registered.client))
}

/// Takes the form of a page on which a person signs in: the answer of a passkey, or else a name and a password. `acr_values` are the classes
/// that the client prefers. The inner error is why the person has to try again.
///
/// # Errors
/// [`NoReturn`] for an answer that no program of a page has sent.
pub(super) async fn by_form(
    provider: &Provider,
    registered: &Registered,
    (asked, browser): (&Asked, &str),
    acr_values: &[String],
) -> Result<Result<Right, Rejection>, NoReturn> {
    let (given, agent) = (|name| asked.form.get(name).unwrap_or_default(), asked.agent());
    if let Some(answer) = asked.form.get("answer") {
        let sent = Sent::read(answer).ok_or(NoReturn::Unreadable)?;
        let begun = by_passkey(provider, registered, (&sent, given("step"), agent)).await;
        let begun = begun.inspect_err(|rejected| rejected.log(&registered.client));
        return Ok(begun.map(|(cookie, standing)| Right::Begun(cookie, standing)));
    }
    let (identifier, password) = (given("identifier"), given("password"));
    let entered = Entered { identifier, password, browser, address: asked.address, agent };
    Ok(attempt(provider, registered, entered, acr_values).await)
}

async fn right(
    provider: &Provider,
    registered: &Registered,
    entered: Entered<'_>,
    acr_values: &[String],
) -> Result<Right, Rejection> {
    let Registered { client, company } = registered;
    let accounts = &provider.accounts;
    let unavailable = |error: Error| Rejection::of(client, error);
    if let Some(busy) = accounts.hasher.rejects(&company.id) {
        return Err(unavailable(busy.into()));
    }
    let now = provider.now();
    let context = registered.context(now);
    let selector = selector(&context, entered.identifier).ok_or(Rejection::WRONG)?;
    let origin = Origin { ip: entered.address, device: Some(entered.browser.to_owned()) };
    let rule = || Authenticate {
        selector: selector.clone(),
        password: Password::attempt(entered.password),
        origin: origin.clone(),
    };
    for _ in 0..ROUNDS {
        let person = rule().run(accounts, &context).await.map_err(unavailable)?.ok_or(Rejection::WRONG)?;
        let one = OneFactor { person: &person, at: now, amr: assurance::password(), agent: entered.agent };
        if let Some(right) = by_one_factor(provider, registered, one, acr_values).await? {
            return Ok(right);
        }
    }
    Err(Rejection::UNAVAILABLE)
}

/// A person who has proved by one factor who it is.
pub(super) struct OneFactor<'a> {
    /// The person, as it was then.
    pub(super) person: &'a Person,
    /// When; 0 if that is not known.
    pub(super) at: Millis,
    /// By which methods.
    pub(super) amr: Vec<String>,
    /// What the browser says of itself.
    pub(super) agent: Option<&'a str>,
}

/// Begins a session of a person who has proved by one factor who it is, if no second one is needed. `None` if the person was changed
/// meanwhile: a password that was replaced after it was compared begins nothing, and one that is replaced later ends what begins.
///
/// # Errors
/// [`Rejection`].
pub(super) async fn by_one_factor(
    provider: &Provider,
    registered: &Registered,
    OneFactor { person, at, amr, agent }: OneFactor<'_>,
    acr_values: &[String],
) -> Result<Option<Right>, Rejection> {
    let (Registered { client, company }, people) = (registered, &provider.accounts.people);
    let session = people.new_session_id();
    let needed = Needed { session: Some(&session), factors: true, ..Needed::default() };
    let user = person.primary.id();
    let standing = Standing::read_needed(people, user, &needed).await;
    let standing = standing.map_err(|error| Rejection::of(client, error))?.ok_or(Rejection::WRONG)?;
    if standing.person_version() != Some(person.version()) {
        return Ok(None);
    }
    let (has_second_factor, ends) = (standing.has_second_factor(), standing.known_ends());
    let policy = Policy::of(client, company);
    let can_show = has_second_factor || (policy.by_mail && provider.accounts.can_mail_code(person));
    if can_show && assurance::needed(policy, has_second_factor, acr_values) > Class::One {
        return Ok(Some(Right::Passed(Passed { user, ends, amr, at: provider.now(), auth_time: at }, standing)));
    }
    let proved = Proved { session, at, amr, class: Class::One, ends, agent };
    let (cookie, standing) = begin(provider, registered, (user, standing), proved).await?;
    Ok(Some(Right::Begun(cookie, Some(standing))))
}

/// Begins a session by a passkey whose authenticator verified the person. `step` is the text of the form, of which the challenge is the hash,
/// and `agent` what the browser says of itself.
///
/// # Errors
/// [`Rejection`]. It does not say whether there is such a user or such a key.
async fn by_passkey(
    provider: &Provider,
    registered: &Registered,
    (sent, step, agent): (&Sent, &str, Option<&str>),
) -> Result<(SessionCookie, Option<Standing>), Rejection> {
    const WRONG: Rejection = Rejection { again: Again::WrongPasskey, retry_after_secs: None };
    let (client, people) = (&registered.client, &provider.accounts.people);
    let unavailable = |error: Error| Rejection::of(client, error);
    let (user, answer) = sent.user().zip(sent.answer()).ok_or(WRONG)?;
    let session = people.new_session_id();
    let needed = Needed { session: Some(&session), factors: true, ..Needed::default() };
    let standing = Standing::read_needed(people, user, &needed).await.map_err(unavailable)?.ok_or(WRONG)?;
    if !standing.may_sign_in(&registered.company.id) {
        return Err(WRONG);
    }
    let (site, challenge) = (Site::of(&provider.issuer), challenge(step));
    let (expected, now) = (site.expects(&challenge, true), provider.now());
    let until = now.plus(OnPage::LIFETIME_MS);
    let shown = people.use_passkey(&standing, answer, (&expected, until)).await.map_err(unavailable)?.ok_or(WRONG)?;
    let owner = standing.users().first().copied().ok_or(WRONG)?;
    let (amr, ends) = (assurance::passkey(&shown), standing.known_ends());
    let proved = Proved { session, at: now, amr, class: Class::Two, ends, agent };
    let (cookie, standing) = begin(provider, registered, (owner, standing), proved).await?;
    Ok((cookie, Some(standing)))
}

/// Begins a session of a user, of whom was read what ends everything before the person proved who it is. The company of the client is linked
/// to the person from then on, by whatever the person has proved who it is.
///
/// # Errors
/// [`Rejection`], also if something has ended everything that the person began so.
pub(super) async fn begin(
    provider: &Provider,
    registered: &Registered,
    (user, standing): (UserId, Standing),
    proved: Proved<'_>,
) -> Result<(SessionCookie, Standing), Rejection> {
    let Proved { session, at, amr, class, ends, agent } = proved;
    let (accounts, now, client) = (&provider.accounts, provider.now(), &registered.client);
    let standing = linked(provider, registered, (user, standing), &session).await?;
    if standing.is_ended_by_all(user, None, &ends) {
        // Another region has replaced the password or changed the factors, and that has not arrived.
        return Err(Rejection::UNAVAILABLE);
    }
    let (acr, life_ms) = (Some(class.as_str().to_owned()), SessionCookie::LIFETIME_MS);
    let label = agent.and_then(DeviceLabel::of_user_agent).map(|label| accounts.seal_label(&label));
    let new = NewSession { auth_time: at, amr: amr.clone(), acr: acr.clone(), label, ends: ends.clone(), life_ms };
    let session = accounts.begin_session_as(user, session, new).await;
    let session = session.map_err(|error| Rejection::of(client, error))?;
    let cookie = SessionCookie {
        user,
        session: session.id,
        ends,
        signed_in: SignedIn { auth_time: at.secs(), acr, amr },
        issued_at: session.created_at,
        used_at: now,
        ends_at: session.expires_at,
        region: accounts.home.own.name.clone(),
    };
    Ok((cookie, standing))
}

/// What the region knows of a person once the company is linked to it. A password or another provider has linked the two before.
async fn linked(
    provider: &Provider,
    registered: &Registered,
    (user, standing): (UserId, Standing),
    session: &str,
) -> Result<Standing, Rejection> {
    let (Registered { client, company }, people) = (registered, &provider.accounts.people);
    if standing.is_linked_to(&company.id) {
        return Ok(standing);
    }
    match people.admit(&registered.context(provider.now()), user).await {
        Ok(Some(_)) => {}
        Ok(None) => return Err(Rejection::UNAVAILABLE),
        Err(error) => {
            // The person has proved who it is anyway, and the next sign-in tries to link again.
            tracing::warn!(client = %client.id, %error, "a person was not linked to the company of a client");
            return Ok(standing);
        }
    }
    // A code says from which version on a region knows the person.
    let needed = Needed { session: Some(session), factors: true, ..Needed::default() };
    let read = Standing::read_needed(people, user, &needed).await;
    read.map_err(|error| Rejection::of(client, error))?.ok_or(Rejection::UNAVAILABLE)
}

/// The user whose name a person entered. `None` for a text that is no name of any user.
pub(super) fn selector(context: &Context, identifier: &str) -> Option<Selector> {
    let kind = KINDS.into_iter().find(|kind| context.parse(*kind, identifier).is_ok())?;
    Some(Selector::Identifier(kind, identifier.to_owned()))
}
