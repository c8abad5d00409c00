//! Security events of a user, as rows of the append-only table `audit`, and their position in a chain.
//!
//! Each region has its own chain for each user, so that no region has to ask another before it writes. A row's key is
//! the region and the row's number in that chain, from 1.

use crate::{AccountStatus, Attribute, Attributes, ClientId, CompanyId, IdentifierKind, Region, SourceId, UserId};

/// The names of the fields of a row.
pub mod field {
    /// The actor: `company`, `client`, `operator`, `source` or `umoja`.
    pub const BY: &str = "by";
    /// The company, if it or its source or client was the actor.
    pub const COMPANY: &str = "company";
    /// The id of the key that signed the company's request.
    pub const KID: &str = "kid";
    /// The command, if an operator was the actor.
    pub const COMMAND: &str = "command";
    /// The role or account for which the operator ran it.
    pub const OPERATOR: &str = "operator";
    /// The source, if it was the actor.
    pub const SOURCE: &str = "source";
    /// The client, if it was the actor.
    pub const CLIENT: &str = "client";
    /// Kinds of identifier.
    pub const IDENTIFIERS: &str = "identifiers";
    /// The company that a user was linked to or unlinked from, or whose link changed.
    pub const LINKED: &str = "linked";
    /// An account status.
    pub const STATUS: &str = "status";
    /// The kind of a factor.
    pub const FACTOR: &str = "factor";
    /// The other user of a merge or an unmerge.
    pub const OTHER: &str = "other";
    /// A random value, so that no two rows are equal.
    pub const NONCE: &str = "nonce";
    /// The MAC of the previous row in the chain.
    pub const PREVIOUS: &str = "previous";
    /// When the previous row was written, as an HLC timestamp.
    pub const PREVIOUS_AT: &str = "previous_at";
    /// The MAC of the row.
    pub const MAC: &str = "mac";
}

/// An event of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditEvent {
    /// A company registered the user, and is linked to it.
    Registered,
    /// The user was imported from another system.
    Imported,
    /// A company was linked to the user.
    Linked(CompanyId),
    /// Identifiers of these kinds were set, removed, or (un)verified.
    IdentifiersChanged(Vec<IdentifierKind>),
    /// The password was changed with the current one.
    PasswordChanged,
    /// A reset token was issued.
    ResetStarted,
    /// The password was set with a reset token.
    PasswordReset,
    /// The old system of a company verified the password, and Umoja has kept it since.
    PasswordLearnt,
    /// What a company had stated about the password before it changed at the company's source is no longer accepted.
    PasswordDropped,
    /// A factor of this kind was added: `passkey`, `totp` or `recovery`.
    FactorAdded(&'static str),
    /// A factor of this kind was removed.
    FactorRemoved(&'static str),
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// The status was set.
    StatusChanged(AccountStatus),
    /// The user was suspended at a company.
    Suspended(CompanyId),
    /// The suspension of the user at a company ended.
    Activated(CompanyId),
    /// The user was merged into another one.
    MergedInto(UserId),
    /// Another user was merged into this one.
    Merged(UserId),
    /// The user was unmerged from the one that it was merged into.
    UnmergedFrom(UserId),
    /// Another user was unmerged from this one.
    Unmerged(UserId),
    /// A company was unlinked from the user.
    Unlinked(CompanyId),
    /// The counts of failed attempts were taken away, and with them every lock-out.
    Unlocked,
    /// An operator holds the user: it cannot be erased.
    Held,
    /// The hold of the user was ended.
    Released,
    /// All stored data of the user was exported.
    Exported,
    /// The user was erased.
    Erased,
}

impl AuditEvent {
    /// The names of all events.
    pub const NAMES: [&str; 25] = [
        "registered",
        "imported",
        "linked",
        "identifiers_changed",
        "password_changed",
        "password_reset_started",
        "password_reset",
        "password_learnt",
        "password_dropped",
        "factor_added",
        "factor_removed",
        "recovery_code_used",
        "status_changed",
        "suspended",
        "activated",
        "merged_into",
        "merged",
        "unmerged_from",
        "unmerged",
        "unlinked",
        "unlocked",
        "held",
        "released",
        "exported",
        "erased",
    ];

    /// The name of the event: the kind of its row.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Imported => "imported",
            Self::Linked(_) => "linked",
            Self::IdentifiersChanged(_) => "identifiers_changed",
            Self::PasswordChanged => "password_changed",
            Self::ResetStarted => "password_reset_started",
            Self::PasswordReset => "password_reset",
            Self::PasswordLearnt => "password_learnt",
            Self::PasswordDropped => "password_dropped",
            Self::FactorAdded(_) => "factor_added",
            Self::FactorRemoved(_) => "factor_removed",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::StatusChanged(_) => "status_changed",
            Self::Suspended(_) => "suspended",
            Self::Activated(_) => "activated",
            Self::MergedInto(_) => "merged_into",
            Self::Merged(_) => "merged",
            Self::UnmergedFrom(_) => "unmerged_from",
            Self::Unmerged(_) => "unmerged",
            Self::Unlinked(_) => "unlinked",
            Self::Unlocked => "unlocked",
            Self::Held => "held",
            Self::Released => "released",
            Self::Exported => "exported",
            Self::Erased => "erased",
        }
    }

    /// The additional fields of the row.
    pub fn fields(&self) -> Attributes {
        let (name, value): (&str, Attribute) = match self {
            Self::Linked(company) | Self::Suspended(company) | Self::Activated(company) | Self::Unlinked(company) => {
                (field::LINKED, company.to_string().into())
            }
            Self::IdentifiersChanged(kinds) => {
                (field::IDENTIFIERS, Attribute::L(kinds.iter().map(|kind| kind.as_str().into()).collect()))
            }
            Self::FactorAdded(kind) | Self::FactorRemoved(kind) => (field::FACTOR, (*kind).into()),
            Self::StatusChanged(status) => (field::STATUS, status.as_str().into()),
            Self::MergedInto(other) | Self::Merged(other) | Self::UnmergedFrom(other) | Self::Unmerged(other) => {
                (field::OTHER, other.to_string().into())
            }
            Self::Registered
            | Self::Imported
            | Self::PasswordChanged
            | Self::ResetStarted
            | Self::PasswordReset
            | Self::PasswordLearnt
            | Self::PasswordDropped
            | Self::RecoveryCodeUsed
            | Self::Unlocked
            | Self::Held
            | Self::Released
            | Self::Exported
            | Self::Erased => return Attributes::new(),
        };
        Attributes::from([(name.to_owned(), value)])
    }
}

/// The actor of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A company, by a signed request.
    Company {
        /// The company.
        id: CompanyId,
        /// The id of the key that signed the request.
        kid: String,
    },
    /// An operator, by a command.
    Operator {
        /// The command.
        command: String,
        /// The role or account for which the command ran, if it asks: never the name of a person.
        by: Option<String>,
    },
    /// A source, by an event that it sent.
    Source {
        /// The source.
        id: SourceId,
        /// The company that it feeds.
        company: CompanyId,
    },
    /// A person, who signs in to a client.
    Client {
        /// The client.
        id: ClientId,
        /// The company that it belongs to.
        company: CompanyId,
    },
    /// A rule of Umoja.
    Umoja,
}

impl Actor {
    /// The fields of the row about the actor.
    pub fn fields(&self) -> Attributes {
        let text = |name: &str, value: &str| (name.to_owned(), Attribute::from(value));
        match self {
            Self::Company { id, kid } => {
                Attributes::from([text(field::BY, "company"), text(field::COMPANY, id.as_str()), text(field::KID, kid)])
            }
            Self::Operator { command, by } => {
                let mut fields = Attributes::from([text(field::BY, "operator"), text(field::COMMAND, command)]);
                fields.extend(by.as_ref().map(|by| text(field::OPERATOR, by)));
                fields
            }
            Self::Source { id, company } => Attributes::from([
                text(field::BY, "source"),
                text(field::SOURCE, id.as_str()),
                text(field::COMPANY, company.as_str()),
            ]),
            Self::Client { id, company } => Attributes::from([
                text(field::BY, "client"),
                text(field::CLIENT, id.as_str()),
                text(field::COMPANY, company.as_str()),
            ]),
            Self::Umoja => Attributes::from([text(field::BY, "umoja")]),
        }
    }
}

/// The prefix of the keys of a region's rows.
pub fn prefix(region: &Region) -> String {
    format!("{region}#")
}

/// The key of a row. The order of the texts is the order of the numbers.
pub fn key(region: &Region, number: u64) -> String {
    format!("{region}#{number:016x}")
}

/// The region and the number in a key; `None` for a key of another form.
pub fn place(text: &str) -> Option<(Region, u64)> {
    let (region, number) = text.split_once('#')?;
    let place = (region.parse().ok()?, u64::from_str_radix(number, 16).ok()?);
    (key(&place.0, place.1) == text && place.1 > 0).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_sort_by_number_and_contain_their_place(one in 1u64.., other in 1u64..) {
            let region: Region = "eu-west-1".parse().unwrap();
            prop_assert_eq!(key(&region, one).cmp(&key(&region, other)), one.cmp(&other));
            prop_assert_eq!(place(&key(&region, one)), Some((region.clone(), one)));
            prop_assert!(key(&region, one).starts_with(&prefix(&region)));
        }
    }

    #[test]
    fn the_names_are_those_of_the_events() {
        let other = UserId::v8([1; 16]);
        let events = [
            AuditEvent::Registered,
            AuditEvent::Imported,
            AuditEvent::Linked("soko".parse().unwrap()),
            AuditEvent::IdentifiersChanged(Vec::new()),
            AuditEvent::PasswordChanged,
            AuditEvent::ResetStarted,
            AuditEvent::PasswordReset,
            AuditEvent::PasswordLearnt,
            AuditEvent::PasswordDropped,
            AuditEvent::FactorAdded("totp"),
            AuditEvent::FactorRemoved("totp"),
            AuditEvent::RecoveryCodeUsed,
            AuditEvent::StatusChanged(AccountStatus::Active),
            AuditEvent::Suspended("soko".parse().unwrap()),
            AuditEvent::Activated("soko".parse().unwrap()),
            AuditEvent::MergedInto(other),
            AuditEvent::Merged(other),
            AuditEvent::UnmergedFrom(other),
            AuditEvent::Unmerged(other),
            AuditEvent::Unlinked("soko".parse().unwrap()),
            AuditEvent::Unlocked,
            AuditEvent::Held,
            AuditEvent::Released,
            AuditEvent::Exported,
            AuditEvent::Erased,
        ];
        assert_eq!(events.map(|event| event.name()), AuditEvent::NAMES);
    }

    #[test]
    fn a_key_of_another_form_has_no_place() {
        for text in
            ["", "eu-west-1", "eu-west-1#", "eu-west-1#1", "login#1", "eu-west-1#0000000000000000", "#0000000000000001"]
        {
            assert_eq!(place(text), None, "{text}");
        }
        for text in ["eu-west-1#000000000000000A", "eu-west-1#+00000000000000a", "eu-west-1#000000000000000a#1"] {
            assert_eq!(place(text), None, "{text}");
        }
    }

    #[test]
    fn every_event_has_a_unique_name() {
        let (user, company) = (UserId::v8([1; 16]), "acme".parse::<CompanyId>().unwrap());
        let all = [
            AuditEvent::Registered,
            AuditEvent::Imported,
            AuditEvent::Linked(company.clone()),
            AuditEvent::IdentifiersChanged(vec![IdentifierKind::Email]),
            AuditEvent::PasswordChanged,
            AuditEvent::ResetStarted,
            AuditEvent::PasswordReset,
            AuditEvent::PasswordLearnt,
            AuditEvent::PasswordDropped,
            AuditEvent::FactorAdded("totp"),
            AuditEvent::FactorRemoved("totp"),
            AuditEvent::RecoveryCodeUsed,
            AuditEvent::StatusChanged(AccountStatus::Disabled),
            AuditEvent::Suspended(company.clone()),
            AuditEvent::Activated(company.clone()),
            AuditEvent::MergedInto(user),
            AuditEvent::Merged(user),
            AuditEvent::UnmergedFrom(user),
            AuditEvent::Unmerged(user),
            AuditEvent::Unlinked(company),
            AuditEvent::Unlocked,
            AuditEvent::Held,
            AuditEvent::Released,
            AuditEvent::Exported,
            AuditEvent::Erased,
        ];
        let names: std::collections::BTreeSet<_> = all.iter().map(AuditEvent::name).collect();
        assert_eq!(names.len(), all.len());
    }
}
