//! The steps of a run as plain data: generated from a seed, kept in files, and shrunk by leaving out steps. Every
//! number is taken modulo the number of its objects, so that every list of steps is valid.

mod event;
mod made;
mod remote;
mod sign;

use serde::{Deserialize, Serialize};

pub use self::event::{Event, SOURCES, Says};
pub use self::remote::{Mishap, REMOTES, TARGETS};
pub use self::sign::{CLIENTS, Sign};

/// The number of users of a run.
pub const USERS: u8 = 4;
/// The number of e-mail addresses and of phone numbers that the users share.
pub const IDENTIFIERS: u8 = 3;
/// The number of companies.
pub const COMPANIES: u8 = 3;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The seed of the run's randomness.
    pub seed: u64,
    /// The number of regions, 2 to 4.
    pub regions: u8,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Tasks that run at the same time, one await of each after the other.
    Run(Vec<Task>),
    /// A service of a region stops, or works again.
    Down { at: u8, service: Service, down: bool },
    /// The faults that the next calls of a service meet.
    Next { at: u8, service: Service, trouble: Trouble, calls: u8 },
    /// A one-way link between two regions is cut or repaired.
    Cut { from: u8, to: u8, cut: bool },
    /// A region's clock is wrong by this number of seconds.
    Skew { at: u8, secs: i16 },
    /// Time passes.
    Wait { ms: u32 },
    /// All messages that a queue can deliver are deleted.
    Purge { at: u8, service: Service },
    /// Messages of a queue are duplicated.
    Twice { at: u8, service: Service },
    /// All background work runs once in every region.
    Round,
    /// The undelivered records of a stream are lost.
    Trim { at: u8 },
    /// A region runs a newer version that writes more attributes, or the current version again.
    Newer { at: u8, newer: bool },
    /// A region's KMS key is replaced and the one before deleted. Skipped while data depends on the old key.
    Replace { at: u8 },
    /// A region loses its table of events. What its peers have is brought back, and its feed begins another epoch.
    Forget { at: u8 },
    /// The mishaps that the next calls of a remote system meet.
    Remote { remote: u8, mishap: Mishap, calls: u8 },
    /// A remote system does not answer, or answers again.
    RemoteDown { remote: u8, down: bool },
    /// An administrator makes an account with an address at a target by hand.
    Foreign { target: u8, email: u8 },
    /// The operator moves a target or a webhook to another home.
    Move { remote: u8, to: u8 },
    /// An attacker changes an item of a user in a region's tables, without any key.
    Tamper { at: u8, user: u8, forgery: Forgery },
}

/// A change of a stored item by an attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// A part becomes a tombstone.
    Tombstone,
    /// The version of a part is raised.
    Raised,
    /// The status beside the credentials is changed.
    Status,
    /// A byte of an envelope is changed.
    Sealed,
    /// The wrapped keys of a part are damaged.
    Wrapped,
    /// A part becomes another user's.
    Moved,
    /// The last row of the journal is changed.
    Journal,
    /// The last row of the receipts is changed.
    Receipt,
    /// The last row of the audit trail is changed.
    Audit,
    /// What the region remembers of the user's last request with an idempotency key names another user.
    Outcome,
}

/// A task of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The work of the task.
    pub job: Job,
    /// The number of awaits after which the task begins, later than the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u8,
    /// The number of awaits after which the task is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<u8>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// The kinds of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// A company calls the API.
    Call { at: u8, company: u8, user: u8, call: Call },
    /// A batch of a region's stream: `take` new records (all if 0), and `again` records that were delivered before, in
    /// another order unless `order` is 0.
    Replicate { at: u8, take: u8, again: u8, order: u16 },
    /// A region drains its retry queue for a peer.
    Drain { at: u8, peer: u8 },
    /// A region wraps missing keys, and merges users that are one person.
    Repair { at: u8 },
    /// A pass that backfills a region from another.
    Backfill { at: u8, peer: u8 },
    /// A region is compared with its peers and with its derived tables, and differences are repaired.
    AntiEntropy { at: u8 },
    /// A batch of a region's stream as the feed gets it, which makes events: as [`Job::Replicate`]. `new` begins with a new
    /// instance of the function.
    Feed { at: u8, take: u8, again: u8, new: bool },
    /// A company reads a page of its events in a region.
    List { at: u8, company: u8 },
    /// A batch of a region's stream as the provisioner gets it, which rings for accounts: as [`Job::Feed`].
    Ring { at: u8, take: u8, again: u8, new: bool },
    /// A region delivers what is due at the targets whose home it is. `new` begins with another process, while the one
    /// before continues with what it does.
    Deliver { at: u8, new: bool },
    /// A region posts the events of the webhooks whose home it is.
    Hook { at: u8, new: bool },
    /// The operator brings a user's account at a target up to date, in the home of the target.
    Provision { at: u8, target: u8, user: u8 },
    /// A region's API reads its settings.
    Reload { at: u8 },
    /// The operator does the next step of some work on keys, which may be about a region.
    Operate { at: u8, work: Work },
    /// A region writes the next version of one of a user's items, in the table that exists only in tests.
    Item { at: u8, user: u8, key: u8 },
    /// A provider posts an event about a user to a region.
    Post { at: u8, source: u8, user: u8, event: Event },
    /// A region applies the events in its queue.
    Ingest { at: u8 },
    /// A person, a client or an operator uses single sign-on in a region.
    Sign { at: u8, user: u8, sign: Sign },
}

impl Job {
    /// The region that does the work, by number.
    pub const fn at(&self) -> u8 {
        let (Self::Call { at, .. }
        | Self::Replicate { at, .. }
        | Self::Drain { at, .. }
        | Self::Repair { at }
        | Self::Backfill { at, .. }
        | Self::AntiEntropy { at }
        | Self::Reload { at }
        | Self::Operate { at, .. }
        | Self::Item { at, .. }
        | Self::Post { at, .. }
        | Self::Feed { at, .. }
        | Self::List { at, .. }
        | Self::Ring { at, .. }
        | Self::Deliver { at, .. }
        | Self::Hook { at, .. }
        | Self::Provision { at, .. }
        | Self::Sign { at, .. }
        | Self::Ingest { at }) = self;
        *at
    }

    /// The same in another region.
    #[must_use]
    pub const fn moved_to(mut self, region: u8) -> Self {
        let (Self::Call { at, .. }
        | Self::Replicate { at, .. }
        | Self::Drain { at, .. }
        | Self::Repair { at }
        | Self::Backfill { at, .. }
        | Self::AntiEntropy { at }
        | Self::Reload { at }
        | Self::Operate { at, .. }
        | Self::Item { at, .. }
        | Self::Post { at, .. }
        | Self::Feed { at, .. }
        | Self::List { at, .. }
        | Self::Ring { at, .. }
        | Self::Deliver { at, .. }
        | Self::Hook { at, .. }
        | Self::Provision { at, .. }
        | Self::Sign { at, .. }
        | Self::Ingest { at }) = &mut self;
        *at = region;
        self
    }
}

/// The operator's work on keys, one step at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The key that identifiers are indexed by is rotated.
    IndexKey,
    /// The key that signs answers is rotated.
    SigningKey,
    /// Parts are re-encrypted under the current KMS key of a region.
    Reencrypt,
    /// The secret of proofs is rotated, and the older versions are retired.
    ProofKey,
}

/// A call of the API about a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    Register {
        email: Option<u8>,
        phone: Option<u8>,
        name: Option<u8>,
        verified: bool,
        password: bool,
        idk: bool,
    },
    Lookup {
        by: By,
        min_version: bool,
    },
    Authenticate {
        by: By,
        right: bool,
    },
    Update {
        set: Set,
        if_version: bool,
        idk: bool,
    },
    Password {
        right: bool,
        idk: bool,
    },
    /// A token is issued and recorded for the user.
    ResetStart {
        by: By,
    },
    /// The user's last token is used by its company or by another one.
    ResetFinish {
        right: bool,
        idk: bool,
    },
    /// A code is sent to the address of the user.
    VerifyStart,
    /// The user's last code comes back, or another one.
    VerifyFinish {
        right: bool,
    },
    Status {
        active: bool,
        idk: bool,
    },
    Export,
    /// The person who has the identifier is erased, or the user.
    Erase {
        #[serde(default, skip_serializing_if = "By::is_id")]
        by: By,
        idk: bool,
    },
    Erasure,
    /// The user is merged into another one, whose values count.
    Merge {
        other: u8,
        preview: bool,
        idk: bool,
    },
    Unmerge {
        idk: bool,
    },
    /// The target of the first company is to have the user now.
    Provision {
        dry_run: bool,
    },
    /// The user's last ticket is followed by its company.
    Provisioning,
    /// Why the user can or cannot log in.
    Why,
    /// The lock-out of the user is taken away.
    Unlock,
    /// A request that was never made is asked about.
    Rejected,
    /// The company lists the events of its users.
    Events,
    /// The user's last call with an idempotency key is repeated.
    Repeat,
    /// The user's last call with an idempotency key, which has set a password, is repeated with another password.
    Guess,
    /// The same with other values under the same key, if the call was rejected each time.
    Corrected,
}

impl Call {
    /// True if the answer says that everything has ended that the person had signed in to.
    pub(super) fn ends_sessions(&self, answer: &serde_json::Value) -> bool {
        match self {
            Self::Password { .. } => answer["changed"] == true,
            Self::ResetFinish { .. } | Self::Status { active: false, .. } => true,
            _ => false,
        }
    }

    /// The operation of the API, as at the end of its path. `None` if an earlier call determines it.
    pub const fn operation(&self) -> Option<&'static str> {
        Some(match self {
            Self::Register { .. } => "register",
            Self::Lookup { .. } => "lookup",
            Self::Authenticate { .. } => "authenticate",
            Self::Update { .. } => "update",
            Self::Password { .. } => "password/change",
            Self::ResetStart { .. } => "password/reset/start",
            Self::ResetFinish { .. } => "password/reset/finish",
            Self::VerifyStart => "verify/start",
            Self::VerifyFinish { .. } => "verify/finish",
            Self::Status { .. } => "status",
            Self::Export => "export",
            Self::Erase { .. } => "erase",
            Self::Erasure => "erasure",
            Self::Merge { .. } => "merge",
            Self::Unmerge { .. } => "unmerge",
            Self::Provision { .. } => "provision",
            Self::Provisioning => "provisioning",
            Self::Why => "why",
            Self::Unlock => "unlock",
            Self::Rejected => "requests/get",
            Self::Events => "events/list",
            Self::Repeat | Self::Guess | Self::Corrected => return None,
        })
    }
}

/// The value by which a user is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    #[default]
    Id,
    Email(u8),
    Phone(u8),
    Name(u8),
}

impl By {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
    fn is_id(&self) -> bool {
        *self == Self::Id
    }
}

/// The values that an update changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set {
    Nickname,
    Email { email: Option<u8>, verified: bool },
    Phone { phone: Option<u8>, verified: bool },
    ExternalId(u8),
}

/// The services that can be down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// A region's tables, for all regions.
    Tables,
    /// A region's KMS key, for all regions.
    Kms,
    /// A region's table of requests.
    Requests,
    /// A region's retry queues.
    Retries,
    /// A region's key-repair queue.
    Repairs,
    /// A region's queue of quarantined records.
    Quarantined,
    /// A region's access to its peers' tables.
    Links,
    /// A region's access to its peers' KMS keys.
    KmsLinks,
    /// The checkpoints of a region's anti-entropy passes.
    Checkpoints,
    /// A region's KMS key of the secret of proofs, for all regions.
    ProofKms,
    /// A region's queue of events, for all regions.
    Ingest,
    /// A region's table of what waits to be sent.
    Due,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 12] = [
        Self::Tables,
        Self::Kms,
        Self::Requests,
        Self::Retries,
        Self::Repairs,
        Self::Quarantined,
        Self::Links,
        Self::KmsLinks,
        Self::Checkpoints,
        Self::ProofKms,
        Self::Ingest,
        Self::Due,
    ];
}

/// The faults that a call can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    RequestLost,
    AnswerLost,
    Throttled,
}
