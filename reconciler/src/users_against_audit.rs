//! Compares users with their audit trail. A row of the trail is written in the transaction of the change that it
//! records, so parts that are older than their rows were put back, and a user whose parts are gone was removed by no
//! operation of Umoja.

use std::collections::BTreeSet;
use std::fmt;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::{AuditEvent, Log, LogRow, Millis, Part, PartRecord, UserId, Version};
use umoja_store::Home;
use umoja_store::ports::{Parts, StoreError};

use crate::audit_chains::Users;
use crate::{CONCURRENT, ON_ITS_WAY_MS};

/// How many parts one step examines.
const PAGE: usize = 500;

/// A user whose parts contradict the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contradicted {
    /// The user.
    pub user: UserId,
    /// How.
    #[serde(flatten)]
    pub contradiction: Contradiction,
}

/// How parts contradict the audit trail. Each is true in every region that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "contradiction", rename_all = "snake_case")]
pub enum Contradiction {
    /// The trail has rows of the user, but there is neither a part nor a tombstone.
    Absent,
    /// There is only one of the two parts.
    OnePart {
        /// The part that is gone.
        missing: Part,
    },
    /// The credentials are older than the last event that changed them.
    OldCredentials {
        /// The newest stored version.
        stored: Version,
        /// The event.
        event: String,
        /// When it was recorded, in milliseconds.
        at: Millis,
    },
    /// The user was erased, but a part is live.
    NotErased,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(f, "the audit trail has rows of this user, but no region has a part or a tombstone"),
            Self::OnePart { missing } => write!(f, "no region has the part {missing}"),
            Self::OldCredentials { stored, event, .. } => {
                write!(f, "the credentials of version {stored} are older than the recorded event {event}")
            }
            Self::NotErased => write!(f, "the user was erased, but a part is live"),
        }
    }
}

/// Compares the users of one region with the rows of its audit trail: first every user of the trail, then every user
/// that has only one part. What is younger than [`ON_ITS_WAY_MS`] may be on its way, and what a peer has is late and
/// not lost: both are left to the comparison of the regions.
pub struct TrailCheck<'a> {
    home: &'a Home,
    rows: Users<'a>,
    /// Younger rows and parts may be on their way.
    before: Millis,
    scan: Scan,
    named: BTreeSet<UserId>,
}

/// The pass over the parts.
#[derive(Default)]
struct Scan {
    after: Option<String>,
    ended: bool,
    /// The user of the last part, if its other part was not seen yet.
    open: Option<UserId>,
}

impl<'a> TrailCheck<'a> {
    /// Begins at the start.
    pub fn new(home: &'a Home) -> Self {
        let before = Millis(home.clock.now().0.saturating_sub(ON_ITS_WAY_MS));
        Self { home, rows: Users::new(&home.own), before, scan: Scan::default(), named: BTreeSet::new() }
    }

    /// The contradictions of the next page; `None` at the end.
    ///
    /// # Errors
    /// If the store of this region fails, or that of a peer that has to be asked.
    pub async fn page(&mut self) -> Result<Option<Vec<Contradicted>>, StoreError> {
        let checks: Vec<_> = if let Some(users) = self.rows.page().await? {
            users.into_iter().map(Checked::Trail).collect()
        } else if !self.scan.ended {
            self.lone_parts().await?.into_iter().map(Checked::Lone).collect()
        } else {
            return Ok(None);
        };
        let checks: Vec<_> = checks.into_iter().map(|checked| self.check(checked)).collect();
        let found: Vec<Option<Contradicted>> = stream::iter(checks).buffered(CONCURRENT).try_collect().await?;
        let mut found: Vec<Contradicted> = found.into_iter().flatten().collect();
        found.retain(|one| self.named.insert(one.user));
        Ok(Some(found))
    }

    /// The users of the next page with parts that are alone. If an adapter scans the two parts of a user apart from
    /// each other, these are all users, and reading each of them again decides.
    async fn lone_parts(&mut self) -> Result<Vec<UserId>, StoreError> {
        let page = self.home.own.users.scan(self.scan.after.take(), PAGE).await?;
        self.scan.ended = page.next.is_none();
        self.scan.after = page.next;
        let mut lone = Vec::new();
        for record in page.records {
            if self.scan.open == Some(record.id) {
                self.scan.open = None;
            } else {
                lone.extend(self.scan.open.replace(record.id));
            }
        }
        if self.scan.ended {
            lone.extend(self.scan.open.take());
        }
        Ok(lone)
    }

    async fn check(&self, checked: Checked) -> Result<Option<Contradicted>, StoreError> {
        let (user, rows) = match checked {
            Checked::Lone(user) => (user, Vec::new()),
            Checked::Trail(rows) => {
                let Some(user) = rows.first().map(|row| row.user) else { return Ok(None) };
                match self.home.own.users.parts(user).await {
                    Ok(parts) if contradiction(&rows, &parts, self.before).is_none() => return Ok(None),
                    // The comparison of the regions reports parts that cannot be read.
                    Err(StoreError::Unreadable(_)) => return Ok(None),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
                (user, rows)
            }
        };
        let newest = match self.newest(user).await {
            Ok(parts) => parts,
            Err(StoreError::Unreadable(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        // A scan is not a snapshot, so the rows are read again.
        let rows = if rows.is_empty() { rows } else { self.home.own.logs.rows(Log::Audit, user).await? };
        Ok(contradiction(&rows, &newest, self.before).map(|contradiction| Contradicted { user, contradiction }))
    }

    /// The newest version of each part in all regions.
    async fn newest(&self, user: UserId) -> Result<Parts, StoreError> {
        let mut newest = Parts::default();
        let peers = self.home.peers.iter().map(|peer| &peer.ports);
        for region in std::iter::once(&self.home.own).chain(peers) {
            let parts = region.users.parts(user).await?;
            for record in [parts.profile, parts.credentials].into_iter().flatten() {
                if newest.get(record.part).is_none_or(|other| other.version < record.version) {
                    newest.set(record);
                }
            }
        }
        Ok(newest)
    }
}

enum Checked {
    /// A user with rows.
    Trail(Vec<LogRow>),
    /// A user of whom only one part was seen.
    Lone(UserId),
}

fn contradiction(rows: &[LogRow], parts: &Parts, before: Millis) -> Option<Contradiction> {
    let settled = || rows.iter().filter(|row| row.at.millis() < before);
    let is_settled = |record: &PartRecord| record.version.hlc.millis() < before;
    let (profile, credentials) = match (&parts.profile, &parts.credentials) {
        (None, None) => return settled().next().map(|_| Contradiction::Absent),
        (Some(profile), None) => return is_settled(profile).then(|| one_part(Part::Credentials)),
        (None, Some(credentials)) => return is_settled(credentials).then(|| one_part(Part::Profile)),
        (Some(profile), Some(credentials)) => (profile, credentials),
    };
    let erased = [profile, credentials].map(|part| part.version.erased);
    if erased == [true, true] {
        return None;
    }
    let tombstone = [profile, credentials].into_iter().find(|part| part.version.erased);
    if tombstone.is_some_and(is_settled) || settled().any(|row| row.kind == AuditEvent::Erased.name()) {
        return Some(Contradiction::NotErased);
    }
    let last = settled().filter(|row| changes_credentials(&row.kind)).max_by_key(|row| row.at)?;
    // The version is made before the row: how much before depends on how often the transaction was made again.
    let is_older = credentials.version.hlc.millis().plus(ON_ITS_WAY_MS) < last.at.millis();
    is_older.then(|| Contradiction::OldCredentials {
        stored: credentials.version.clone(),
        event: last.kind.clone(),
        at: last.at.millis(),
    })
}

const fn one_part(missing: Part) -> Contradiction {
    Contradiction::OnePart { missing }
}

/// True if each event of this kind writes the credentials. An import of a known user may leave them as they are.
fn changes_credentials(kind: &str) -> bool {
    use umoja_schema::AccountStatus::Active;
    [AuditEvent::Registered, AuditEvent::PasswordChanged, AuditEvent::PasswordReset, AuditEvent::StatusChanged(Active)]
        .iter()
        .any(|event| event.name() == kind)
}
