//! The rules by name.

use crate::sim::plan::Plan;

/// A rule that the design calls necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Of two writes with the same HLC timestamp, the one of the greater region wins.
    Tiebreak,
    /// An erasure wins over every live write, even a later one.
    ErasedFirst,
    /// Ownerships are computed again from all owners.
    Ownerships,
    /// Only the origin of a version replicates it.
    Loop,
    /// Profile and credentials have separate versions.
    TwoParts,
    /// A replicated version that is older than the stored one is not written.
    NewestWins,
    /// A local write is conditional on the version that was read.
    Conditions,
    /// The unhandled records of a batch are delivered again.
    Redelivery,
    /// Missing wrapped keys are added later.
    KeyRepair,
    /// A request with `min_version` is not answered with an older version.
    MinVersion,
    /// Users that are verified to be one person are merged.
    Verified,
    /// Users who have different e-mail addresses or external ids are not merged by themselves.
    TwoPeople,
    /// A rotation takes no step before every instance has read the one before.
    Wait,
    /// An index key is dropped only when every region has every profile in a version that does not use it.
    Arrived,
    /// Every comparison of a password is counted as an attempt.
    Counted,
    /// The idempotency key of a request that was rejected is unused again.
    Withdrawn,
    /// An item without a proof is not used.
    Proved,
    /// What is remembered of a request is not used without a proof.
    Outcomes,
    /// Of two events, the one with the provider's newer time counts.
    EventOrder,
    /// The home of a source applies all its events.
    SourceHome,
    /// Events that wait without a message are rung again.
    RungAgain,
    /// A feed that has lost events begins another epoch.
    Epoch,
    /// Who lists events waits for one that has not arrived.
    Gaps,
    /// One process at a time delivers an account.
    Lease,
    /// What a target has already is not sent again.
    Digest,
    /// A target that was moved gets every account once more.
    TargetEpoch,
    /// Only the user's id in `externalId` makes an account the user's.
    Adoption,
    /// Removals of accounts are held when they are many.
    Brake,
    /// The region that issued a code counts its uses.
    CodeHome,
    /// An ended row wins over every live one.
    EndsFirst,
    /// What has not arrived can be ended.
    EarlyEnds,
    /// A family ends with its session.
    SessionEnds,
    /// What a client got before a withdrawal has ended, also if it is given again.
    WithdrawalEnds,
    /// A refresh token may be used again for a short time.
    RefreshGrace,
    /// A refresh token may not be used again after that time.
    RefreshOnce,
    /// What a person has withdrawn can be given again.
    GivenAgain,
    /// Two regions that call a user something at once say the same.
    OneSubject,
    /// Of the subjects of a person the earliest counts.
    EarliestSubject,
    /// Only an active person may use what it has.
    ActivePerson,
    /// A key is published before it signs.
    PublishedBefore,
    /// What clients hear of the end of a session is written before the end.
    AnnouncedFirst,
    /// What ends everything ends what began in a region that had not heard of it.
    EndsAll,
    /// An end of everything is not known to what begins where its credentials have not arrived.
    EndsKnown,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 43] = [
        Self::Tiebreak,
        Self::ErasedFirst,
        Self::Ownerships,
        Self::Loop,
        Self::TwoParts,
        Self::NewestWins,
        Self::Conditions,
        Self::Redelivery,
        Self::KeyRepair,
        Self::MinVersion,
        Self::Verified,
        Self::TwoPeople,
        Self::Wait,
        Self::Arrived,
        Self::Counted,
        Self::Withdrawn,
        Self::Proved,
        Self::Outcomes,
        Self::EventOrder,
        Self::SourceHome,
        Self::RungAgain,
        Self::Epoch,
        Self::Gaps,
        Self::Lease,
        Self::Digest,
        Self::TargetEpoch,
        Self::Adoption,
        Self::Brake,
        Self::CodeHome,
        Self::EndsFirst,
        Self::EarlyEnds,
        Self::SessionEnds,
        Self::WithdrawalEnds,
        Self::RefreshGrace,
        Self::RefreshOnce,
        Self::GivenAgain,
        Self::OneSubject,
        Self::EarliestSubject,
        Self::ActivePerson,
        Self::PublishedBefore,
        Self::AnnouncedFirst,
        Self::EndsAll,
        Self::EndsKnown,
    ];

    /// The run of a seed, of the mode in which the rule matters.
    pub fn plan(self, seed: u64) -> Plan {
        match self {
            Self::Epoch | Self::Gaps => Plan::listed(seed),
            Self::Lease | Self::Digest | Self::TargetEpoch | Self::Adoption | Self::Brake => Plan::delivered(seed),
            rule if rule.is_of_sign_on() => Plan::signed_in(seed),
            _ => Plan::of(seed),
        }
    }

    pub(super) const fn is_of_sign_on(self) -> bool {
        matches!(
            self,
            Self::CodeHome
                | Self::EndsFirst
                | Self::EarlyEnds
                | Self::SessionEnds
                | Self::WithdrawalEnds
                | Self::RefreshGrace
                | Self::RefreshOnce
                | Self::GivenAgain
                | Self::OneSubject
                | Self::EarliestSubject
                | Self::ActivePerson
                | Self::PublishedBefore
                | Self::AnnouncedFirst
                | Self::EndsAll
                | Self::EndsKnown
        )
    }

    /// The name of the rule.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiebreak => "tiebreak",
            Self::ErasedFirst => "erased-first",
            Self::Ownerships => "ownership-recomputation",
            Self::Loop => "loop",
            Self::TwoParts => "two-parts",
            Self::NewestWins => "newest-wins",
            Self::Conditions => "conditional-writes",
            Self::Redelivery => "redelivery",
            Self::KeyRepair => "key-repair",
            Self::MinVersion => "min-version",
            Self::Verified => "verified-merge",
            Self::TwoPeople => "two-people",
            Self::Wait => "rotation-wait",
            Self::Arrived => "rotation-proof",
            Self::Counted => "counted-attempts",
            Self::Withdrawn => "withdrawn-keys",
            Self::Proved => "proved-items",
            Self::Outcomes => "proved-outcomes",
            Self::EventOrder => "event-order",
            Self::SourceHome => "source-home",
            Self::RungAgain => "rung-again",
            Self::Epoch => "event-epoch",
            Self::Gaps => "event-gaps",
            Self::Lease => "delivery-lease",
            Self::Digest => "delivery-digest",
            Self::TargetEpoch => "target-epoch",
            Self::Adoption => "adoption-by-id",
            Self::Brake => "removal-brake",
            Self::CodeHome => "code-home",
            Self::EndsFirst => "ends-first",
            Self::EarlyEnds => "early-ends",
            Self::SessionEnds => "session-ends",
            Self::WithdrawalEnds => "withdrawal-ends",
            Self::RefreshGrace => "refresh-grace",
            Self::RefreshOnce => "refresh-once",
            Self::GivenAgain => "given-again",
            Self::OneSubject => "one-subject",
            Self::EarliestSubject => "earliest-subject",
            Self::ActivePerson => "active-person",
            Self::PublishedBefore => "published-before",
            Self::AnnouncedFirst => "announced-first",
            Self::EndsAll => "ends-all",
            Self::EndsKnown => "ends-known",
        }
    }
}
