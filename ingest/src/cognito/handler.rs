//! One handler of all triggers: which source a pool is, and which rule an event has.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use umoja_accounts::import::Hashing;
use umoja_accounts::incoming::Feeder;
use umoja_accounts::{Accounts, Context};
use umoja_schema::ingest::PoolDirection;
use umoja_schema::{Actor, Company, Scope, SourceId, SourceKind, UserId};
use umoja_store::Home;

use super::answer::{with_claim, with_user};
use super::error::TriggerError;
use super::event::{Attributes, Trigger, TriggerEvent};
use super::rows::Rows;
use crate::accept::store;
use crate::feeder::feeder;
use crate::providers::Received;
use crate::source::{KnownSource, Sources};

/// How long the trigger before a sign-up may take. Cognito waits for five seconds and then tries again.
const SIGN_UP: Duration = Duration::from_secs(2);

/// How long any other trigger may take whose answer Cognito needs.
const ANSWER: Duration = Duration::from_millis(4_500);

/// How long a login may wait for what is only noted.
const NOTE: Duration = Duration::from_millis(200);

const NO_SCOPE: &str = "the company has not the scope that this needs";

/// Answers the triggers of one user pool.
pub struct Cognito {
    /// The rules, and the region.
    accounts: Accounts,
    /// The hasher of the importer. Users of a pool have no hash.
    hashing: Hashing,
    /// The source that the pool is.
    source: SourceId,
    sources: Sources,
}

/// The source of a pool, which may do what an event asks for.
pub(super) struct Admitted {
    pub(super) known: Arc<KnownSource>,
    pub(super) company: Arc<Company>,
    pub(super) direction: PoolDirection,
}

impl Cognito {
    /// The triggers of the pool of a source, with the people of a region.
    pub fn new(accounts: Accounts, hashing: Hashing, source: SourceId) -> Self {
        Self { accounts, hashing, source, sources: Sources::default() }
    }

    /// Answers an event of the pool: the event, with the response that Cognito reads. A call may be repeated or dropped
    /// at any await.
    ///
    /// # Errors
    /// [`TriggerError`]: Cognito then makes no user, issues no token, or rejects the login. A login that is only noted
    /// never fails.
    pub async fn handle(&self, event: Value) -> Result<Value, TriggerError> {
        let parsed = TriggerEvent::parse(&event);
        let is_note = is_note(&event);
        let answer = match parsed {
            Ok(parsed) if is_note => {
                self.note(&parsed).await;
                Ok(event)
            }
            Ok(parsed) => self.answer(event, &parsed).await,
            Err(error) if is_note => {
                tracing::warn!(source = %self.source, %error, "a login is not noted");
                Ok(event)
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &answer {
            tracing::warn!(source = %self.source, %error, cause = error.cause(), "a trigger of a user pool is rejected");
        }
        answer
    }

    async fn answer(&self, event: Value, parsed: &TriggerEvent) -> Result<Value, TriggerError> {
        match &parsed.trigger {
            Trigger::Other | Trigger::LoggedIn(_) | Trigger::PasswordReset(_) => Ok(event),
            Trigger::SignUp { attributes, by_admin } => {
                within(SIGN_UP, Box::pin(self.sign_up(parsed, attributes, *by_admin))).await?;
                Ok(event)
            }
            Trigger::Confirmed(attributes) => {
                within(ANSWER, Box::pin(self.confirmed(parsed, attributes))).await?;
                Ok(event)
            }
            Trigger::Token { attributes, version } => {
                let id: UserId = within(ANSWER, Box::pin(self.token(parsed, attributes))).await?;
                Ok(with_claim(event, *version, id))
            }
            Trigger::Migration { password } => {
                let attributes = within(ANSWER, Box::pin(self.migrate(parsed, password.as_ref()))).await?;
                Ok(with_user(event, &attributes, password.is_some()))
            }
        }
    }

    /// The source, if it may do what an event asks for. The direction is that of the pool.
    pub(super) async fn admitted(&self, parsed: &TriggerEvent) -> Result<Admitted, TriggerError> {
        let admitted = self.admitted_pool().await?;
        if admitted.known.source.pool.as_ref().is_none_or(|pool| pool.id != parsed.pool) {
            return Err(TriggerError::NotAllowed("the event is of another pool"));
        }
        let forgotten = matches!(parsed.trigger, Trigger::Migration { password: None });
        if admitted.direction == PoolDirection::ToPool && forgotten && !admitted.company.may(Scope::Reset) {
            return Err(TriggerError::NotAllowed(NO_SCOPE));
        }
        Ok(admitted)
    }

    /// The source, if it has a pool, is not paused, and its company may do what the direction of the pool needs.
    pub(super) async fn admitted_pool(&self) -> Result<Admitted, TriggerError> {
        let home = self.home();
        let seen = self.sources.get(&*home.registry, &self.source, home.clock.now()).await?;
        let seen = seen.ok_or(TriggerError::NotAllowed("there is no such source"))?;
        self.sources.remember(&seen);
        let known = seen.1;
        let source = &known.source;
        if source.kind != SourceKind::Cognito {
            return Err(TriggerError::NotAllowed("the source is of another kind"));
        }
        let direction = source.pool.as_ref().ok_or(TriggerError::NotAllowed("the source has no pool"))?.direction;
        if !source.enabled {
            return Err(TriggerError::NotAllowed("the source is paused"));
        }
        let company = home.registry.company(&source.company).await?;
        let company = company.filter(|company| company.enabled);
        let company = Arc::new(company.ok_or(TriggerError::NotAllowed("the company is absent or disabled"))?);
        let needed = match direction {
            PoolDirection::FromPool => Scope::Register,
            PoolDirection::ToPool => Scope::Authenticate,
        };
        if !company.may(needed) {
            return Err(TriggerError::NotAllowed(NO_SCOPE));
        }
        Ok(Admitted { known, company, direction })
    }

    pub(super) const fn home(&self) -> &Home {
        &self.accounts.people.home
    }

    pub(super) const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(super) fn rows<'a>(&'a self, known: &'a Arc<KnownSource>) -> Rows<'a> {
        Rows { home: self.home(), known }
    }

    /// The rule that applies what the source says.
    pub(super) fn feeder(&self, Admitted { known, company, .. }: &Admitted) -> Feeder {
        feeder(&self.accounts.people, &self.hashing, known, Arc::clone(company))
    }

    pub(super) fn context(&self, Admitted { known, company, .. }: &Admitted) -> Context {
        let actor = Actor::Source { id: known.source.id.clone(), company: company.id.clone() };
        Context { actor, company: Arc::clone(company), now: self.home().clock.now(), request: None }
    }

    /// Puts a login, or a new password, into the inbox. The worker applies it.
    async fn note(&self, parsed: &TriggerEvent) {
        let noted = async {
            let (source, attributes) = match &parsed.trigger {
                Trigger::LoggedIn(attributes) => ("PostAuthentication_Authentication", attributes),
                Trigger::PasswordReset(attributes) => ("PostConfirmation_ConfirmForgotPassword", attributes),
                _ => return Ok(()),
            };
            let admitted = self.admitted(parsed).await?;
            if admitted.direction == PoolDirection::ToPool {
                return Ok(());
            }
            let (home, now) = (self.home(), self.home().clock.now());
            let id = UserId::v7(now.0, home.entropy.array()).to_string();
            let payload = payload(source, attributes).into_bytes();
            store(home, &admitted.known, &Received { id, payload }, now).await?;
            Ok::<_, TriggerError>(())
        };
        if let Err(error) = within(NOTE, noted).await {
            tracing::warn!(source = %self.source, %error, cause = error.cause(), "a login is not noted");
        }
    }
}

/// True for an event that is only noted: its answer is the event itself, whatever happens.
pub fn is_note(event: &Value) -> bool {
    let source = event.get("triggerSource").and_then(Value::as_str).unwrap_or_default();
    source.starts_with("PostAuthentication_") || source == "PostConfirmation_ConfirmForgotPassword"
}

/// What is sealed of an event: the attributes, without codes, passwords and the caller.
pub(super) fn payload(source: &str, attributes: &Attributes) -> String {
    json!({ "triggerSource": source, "request": { "userAttributes": attributes.to_value() } }).to_string()
}

async fn within<T>(most: Duration, work: impl Future<Output = Result<T, TriggerError>>) -> Result<T, TriggerError> {
    tokio::time::timeout(most, work).await.unwrap_or(Err(TriggerError::Unavailable))
}
