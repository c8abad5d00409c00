//! What happens in a run, as plain data: made from a seed, kept in files, shrunk by leaving steps out. Every number is
//! taken modulo what there is, so that any list of steps means something.

mod made;

use serde::{Deserialize, Serialize};

/// Users that a run talks about, by number.
pub const USERS: u8 = 4;
/// E-mail addresses and phone numbers that they share.
pub const IDENTIFIERS: u8 = 3;
/// Companies.
pub const COMPANIES: u8 = 3;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What its randomness comes from.
    pub seed: u64,
    /// How many regions, 2 to 4.
    pub regions: u8,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Tasks that run at the same time, one await of each after the other.
    Run(Vec<Task>),
    /// A service of a region stops, or works again.
    Down { at: u8, service: Service, down: bool },
    /// What the next calls of a service meet.
    Next { at: u8, service: Service, trouble: Trouble, calls: u8 },
    /// A one-way link between two regions is cut or mended.
    Cut { from: u8, to: u8, cut: bool },
    /// A region's clock is wrong by so many seconds.
    Skew { at: u8, secs: i16 },
    /// Time passes.
    Wait { ms: u32 },
    /// Whatever a queue can give is thrown away.
    Purge { at: u8, service: Service },
    /// Messages of a queue are there twice.
    Twice { at: u8, service: Service },
    /// Everything that runs by itself does so once, in every region.
    Round,
    /// What a stream has not delivered yet is lost.
    Trim { at: u8 },
    /// A region runs a newer version that writes more attributes, or the present one again.
    Newer { at: u8, newer: bool },
    /// A region gets another KMS key, and the one before is gone. Not while something depends on that one.
    Replace { at: u8 },
}

/// Something that a region does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What.
    pub job: Job,
    /// It begins so many awaits later than the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u8,
    /// It is killed after so many awaits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<u8>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// What a task does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// A company calls the API.
    Call { at: u8, company: u8, user: u8, call: Call },
    /// A batch of a region's stream: `take` new records (all if 0), and `again` that were delivered before; in another
    /// order unless `order` is 0.
    Replicate { at: u8, take: u8, again: u8, order: u16 },
    /// A region drains its retry queue for a peer.
    Drain { at: u8, peer: u8 },
    /// A region wraps missing keys, and merges users that are one person.
    Repair { at: u8 },
    /// A pass that fills a region from another.
    Fill { at: u8, peer: u8 },
    /// A region is compared with its peers and with itself, and what differs is mended.
    Sweep { at: u8 },
    /// A region's API reads its settings.
    Reload { at: u8 },
    /// An operator does the next step of some work on keys, which may be about a region.
    Operate { at: u8, work: Work },
    /// A region writes the next version of one of a user's items, in the table that only tests have.
    Item { at: u8, user: u8, key: u8 },
}

impl Job {
    /// The region that does it, by number.
    pub const fn at(&self) -> u8 {
        let (Self::Call { at, .. }
        | Self::Replicate { at, .. }
        | Self::Drain { at, .. }
        | Self::Repair { at }
        | Self::Fill { at, .. }
        | Self::Sweep { at }
        | Self::Reload { at }
        | Self::Operate { at, .. }
        | Self::Item { at, .. }) = self;
        *at
    }

    /// The same in another region.
    #[must_use]
    pub const fn moved_to(mut self, region: u8) -> Self {
        let (Self::Call { at, .. }
        | Self::Replicate { at, .. }
        | Self::Drain { at, .. }
        | Self::Repair { at }
        | Self::Fill { at, .. }
        | Self::Sweep { at }
        | Self::Reload { at }
        | Self::Operate { at, .. }
        | Self::Item { at, .. }) = &mut self;
        *at = region;
        self
    }
}

/// What operators do with keys, a step at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The key that identifiers are indexed by is rotated.
    IndexKey,
    /// The key that signs answers is rotated.
    SigningKey,
    /// What the KMS key of a region wraps is wrapped again by the one that it has now.
    Rewrap,
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
    /// A token is handed out, and remembered as the user's.
    ResetStart {
        by: By,
    },
    /// The user's last token is brought back, or brought to another company.
    ResetFinish {
        right: bool,
        idk: bool,
    },
    Status {
        active: bool,
        idk: bool,
    },
    Export,
    Erase {
        idk: bool,
    },
    Erasure,
    /// The user is the same person as another one, whose values count.
    Merge {
        other: u8,
        preview: bool,
        idk: bool,
    },
    Unmerge {
        idk: bool,
    },
    /// The user's last call with an idempotency key once more.
    Repeat,
}

impl Call {
    /// The operation of the API, as its path ends; nothing if an earlier call says which.
    pub const fn operation(&self) -> Option<&'static str> {
        Some(match self {
            Self::Register { .. } => "register",
            Self::Lookup { .. } => "lookup",
            Self::Authenticate { .. } => "authenticate",
            Self::Update { .. } => "update",
            Self::Password { .. } => "password/change",
            Self::ResetStart { .. } => "password/reset/start",
            Self::ResetFinish { .. } => "password/reset/finish",
            Self::Status { .. } => "status",
            Self::Export => "export",
            Self::Erase { .. } => "erase",
            Self::Erasure => "erasure",
            Self::Merge { .. } => "merge",
            Self::Unmerge { .. } => "unmerge",
            Self::Repeat => return None,
        })
    }
}

/// What a user is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Id,
    Email(u8),
    Phone(u8),
    Name(u8),
}

/// What an update changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set {
    Nickname,
    Email { email: Option<u8>, verified: bool },
    Phone { phone: Option<u8>, verified: bool },
    ExternalId(u8),
}

/// What can be out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// A region's tables, for everybody.
    Tables,
    /// A region's KMS key, for everybody.
    Kms,
    /// What a region remembers of requests.
    Requests,
    /// A region's retry queues.
    Retries,
    /// A region's key-repair queue.
    Repairs,
    /// A region's queue of parked records.
    Parked,
    /// A region's way to its peers' tables.
    Links,
    /// A region's way to its peers' KMS keys.
    KmsLinks,
    /// Where a region's sweeps keep how far they have come.
    Sweeps,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Tables,
        Self::Kms,
        Self::Requests,
        Self::Retries,
        Self::Repairs,
        Self::Parked,
        Self::Links,
        Self::KmsLinks,
        Self::Sweeps,
    ];
}

/// What a call can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    RequestLost,
    AnswerLost,
    Throttled,
}
