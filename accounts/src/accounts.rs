//! The environment of the rules: a region, its secrets, and the hasher of passwords.

use std::ops::Deref;
use std::sync::Arc;

use umoja_schema::names::attribute;
use umoja_schema::{
    AccountStatus, Attribute, Attributes, AuditEvent, Credentials, Facts, Hlc, HlcError, Log, LogRow, PartRecord,
    UserId, Version,
};
use umoja_store::Home;
use umoja_store::audit::Recorder;
use umoja_store::ports::{Hasher, Mailer, StoreError};
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use crate::ends_all::EndsAll;
use crate::noticed::of_credentials;
use crate::old_systems::OldSystems;
use crate::person::Reader;
use crate::transaction::{Recorded, Replacement, Transaction, Unrecorded};
use crate::{Context, Error};

/// The people of a deployment as one region reads and writes them.
#[derive(Clone)]
pub struct People {
    /// The region and its peers.
    pub home: Home,
    /// The sealer that encrypts and opens their parts.
    pub sealer: Arc<Sealer>,
    /// The deployment's secrets.
    pub secrets: Arc<Secrets>,
}

/// The requirements for new passwords.
#[derive(Debug, Clone, Copy)]
pub struct PasswordRules {
    /// The minimum length in characters (NIST SP 800-63B section 3.1.1.2: 8, or 15 where it is the only factor).
    pub min_chars: usize,
    /// The minimum `zxcvbn` score, 0 to 4 ([`umoja_crypto::password::MIN_SCORE`]).
    pub min_score: u8,
}

/// People, with the hasher and the requirements for their passwords, and what calls the world for them.
#[derive(Clone)]
pub struct Accounts {
    /// The people.
    pub people: People,
    /// The hasher of passwords.
    pub hasher: Arc<dyn Hasher>,
    /// The requirements for new passwords.
    pub passwords: PasswordRules,
    /// The old systems of companies; `None` in a process that asks none.
    pub old_systems: Option<Arc<OldSystems>>,
    /// What sends mail to people; `None` in a process that sends none.
    pub mailer: Option<Arc<dyn Mailer>>,
}

impl Deref for Accounts {
    type Target = People;

    fn deref(&self) -> &People {
        &self.people
    }
}

impl People {
    /// The reader of people.
    pub fn reader(&self) -> Reader<'_> {
        Reader { home: &self.home, sealer: &self.sealer }
    }

    /// The recorder of audit events.
    pub fn recorder(&self) -> Recorder<'_> {
        Recorder::new(&self.home, self.secrets.audit_key())
    }

    /// The version of a local write that replaces the stored version.
    pub(crate) fn next_version(&self, erased: bool, stored: Option<&Version>) -> Result<Version, HlcError> {
        let hlc = Hlc::next(self.home.clock.now(), stored.map(|version| version.hlc))?;
        Ok(Version { erased, hlc, origin: self.home.own.name.clone() })
    }

    /// Encrypts a credentials part as the next version of the stored one.
    pub(crate) async fn seal_credentials(
        &self,
        stored: &PartRecord,
        credentials: &Credentials,
        status: AccountStatus,
    ) -> Result<PartRecord, Error> {
        let version = self.next_version(false, Some(&stored.version))?;
        let (facts, unknown) = (Facts::Credentials { status }, stored.unknown.clone());
        Ok(self.sealer.seal(stored.id, version, facts, credentials, unknown).await?)
    }

    /// Encrypts a credentials part, stores it in place of the stored one, and records `event` if there is one. Everything ends with it that
    /// the users in `all` have signed in to. `None` if another write got in between.
    pub(crate) async fn write_credentials(
        &self,
        stored: &PartRecord,
        credentials: &Credentials,
        status: AccountStatus,
        event: Option<(&Context, AuditEvent)>,
        all: Option<EndsAll>,
    ) -> Result<Option<PartRecord>, Error> {
        let events: Vec<_> = event.iter().map(|(_, event)| (stored.id, event.clone())).collect();
        let recorded = async {
            let Some((context, _)) = &event else { return Ok(Recorded::none(Unrecorded::PasswordUpgrade)) };
            Recorded::events(self.recorder(), &context.actor, &events).await
        };
        let (record, recorded) = tokio::join!(self.seal_credentials(stored, credentials, status), recorded);
        let (record, recorded) = (record?, recorded?);
        let part = Replacement::of(stored, record.clone(), &of_credentials(stored, status, &events));
        let ends = match all {
            Some(all) => self.ends_of_all(&all.with(record.id, &record.version), None).await?,
            None => Vec::new(),
        };
        let is_done = Transaction::new(&self.home, recorded).credentials(&part).items(ends).is_done().await?;
        Ok(is_done.then_some(record))
    }

    /// An append-only row of this region about a user, at the time of a version.
    pub(crate) fn row(&self, user: UserId, key: String, kind: &str, version: &Version) -> LogRow {
        LogRow {
            user,
            key,
            at: version.hlc,
            origin: self.home.own.name.clone(),
            kind: kind.into(),
            fields: Attributes::new(),
            unknown: Attributes::new(),
        }
    }

    /// The rows about a user in one of the append-only tables.
    pub(crate) async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        self.home.own.logs.rows(log, user).await
    }
}

/// Repeats a step until it gives `Some`, which means that a conditional write succeeded. Each lost round was lost to
/// another write that succeeded, so running out of rounds means a very hot item.
macro_rules! until_written {
    ($step:block) => {
        'rounds: {
            for _ in 0..umoja_store::apply::MAX_ROUNDS {
                let step: Result<Option<_>, $crate::Error> = async { $step }.await;
                if let Some(done) = step? {
                    break 'rounds Ok(done);
                }
            }
            Err($crate::Error::Contended)
        }
    };
}
pub(crate) use until_written;

/// The name of the field that contains an encrypted reason.
pub(crate) const SEALED_REASON: &str = "reason";

/// The field with the company of a row.
pub(crate) fn company_field(context: &Context) -> (String, Attribute) {
    (attribute::COMPANY.into(), context.company.id.to_string().into())
}
