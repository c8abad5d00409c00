//! What a write of a part changed, by names.

use std::fmt;
use std::str::FromStr;

use crate::names::attribute;
use crate::{Attribute, Attributes, AuditEvent, CompanyId, IdentifierKind, ItemError, Part, PartRecord, UserId};

/// The most bytes of the names of profile members in a part. If a write changes more, `*` stands for all of them.
const MAX_NAMES: usize = 512;

/// One kind of change of a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// The user was made.
    Registered,
    /// A company was linked to the user.
    Linked(CompanyId),
    /// A company was unlinked from the user.
    Unlinked(CompanyId),
    /// The user was suspended at a company.
    Suspended(CompanyId),
    /// The suspension of the user at a company ended.
    Unsuspended(CompanyId),
    /// Identifiers of these kinds were set, removed, or (un)verified.
    Identifiers(Vec<IdentifierKind>),
    /// The external id that a company has for the user was set or removed. No other company learns of it.
    ExternalId(CompanyId),
    /// These members of the profile changed; `*` if they are too many.
    Profile(Vec<String>),
    /// The password was set or removed.
    Credentials,
    /// The user was disabled.
    Disabled,
    /// The user was enabled.
    Enabled,
    /// The user was merged into another one.
    Merged(UserId),
    /// The user was unmerged from another one.
    Unmerged(UserId),
    /// The user was erased.
    Erased,
}

impl Notice {
    /// The names of all kinds. The type of an event is `umoja.user.` and one of them.
    pub const KINDS: [&str; 13] = [
        "registered",
        "linked",
        "unlinked",
        "suspended",
        "unsuspended",
        "identifiers_changed",
        "profile_changed",
        "credentials_changed",
        "disabled",
        "enabled",
        "merged",
        "unmerged",
        "erased",
    ];

    /// The name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Linked(_) => "linked",
            Self::Unlinked(_) => "unlinked",
            Self::Suspended(_) => "suspended",
            Self::Unsuspended(_) => "unsuspended",
            Self::Identifiers(_) | Self::ExternalId(_) => "identifiers_changed",
            Self::Profile(_) => "profile_changed",
            Self::Credentials => "credentials_changed",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Merged(_) => "merged",
            Self::Unmerged(_) => "unmerged",
            Self::Erased => "erased",
        }
    }

    /// The notice of an event of the audit trail that goes with the write of an existing part, and the part. `None` for
    /// an event that is about no part, or whose notice depends on the write: a status may be set again for another
    /// reason.
    pub fn of(event: &AuditEvent) -> Option<(Part, Self)> {
        Some(match event {
            AuditEvent::Registered => (Part::Profile, Self::Registered),
            AuditEvent::Linked(company) => (Part::Profile, Self::Linked(company.clone())),
            AuditEvent::Unlinked(company) => (Part::Profile, Self::Unlinked(company.clone())),
            // An external id is of one company, which the event does not name.
            AuditEvent::IdentifiersChanged(kinds) => {
                let shared = kinds.iter().copied().filter(|kind| *kind != IdentifierKind::ExternalId);
                (Part::Profile, Self::Identifiers(shared.collect()))
            }
            AuditEvent::Suspended(company) => (Part::Profile, Self::Suspended(company.clone())),
            AuditEvent::Activated(company) => (Part::Profile, Self::Unsuspended(company.clone())),
            AuditEvent::MergedInto(other) => (Part::Profile, Self::Merged(*other)),
            AuditEvent::UnmergedFrom(other) => (Part::Profile, Self::Unmerged(*other)),
            // An import writes the credentials of a user who is there only to add a password.
            AuditEvent::Imported
            | AuditEvent::PasswordChanged
            | AuditEvent::PasswordReset
            | AuditEvent::PasswordLearnt
            | AuditEvent::PasswordDropped => (Part::Credentials, Self::Credentials),
            AuditEvent::StatusChanged(_)
            | AuditEvent::ResetStarted
            | AuditEvent::FactorAdded(_)
            | AuditEvent::FactorRemoved(_)
            | AuditEvent::RecoveryCodeUsed
            | AuditEvent::Merged(_)
            | AuditEvent::Unmerged(_)
            | AuditEvent::Unlocked
            | AuditEvent::Held
            | AuditEvent::Released
            | AuditEvent::Exported
            | AuditEvent::Erased => return None,
        })
    }

    /// The only company that the notice concerns; `None` if it concerns all that are linked to the user.
    pub const fn only(&self) -> Option<&CompanyId> {
        match self {
            Self::Linked(company)
            | Self::Unlinked(company)
            | Self::Suspended(company)
            | Self::Unsuspended(company)
            | Self::ExternalId(company) => Some(company),
            _ => None,
        }
    }

    /// The other user of a merge or an unmerge.
    pub const fn other(&self) -> Option<UserId> {
        match self {
            Self::Merged(other) | Self::Unmerged(other) => Some(*other),
            _ => None,
        }
    }

    /// The names of what changed, as members of a user.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Identifiers(kinds) => kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            Self::ExternalId(_) => vec![IdentifierKind::ExternalId.as_str().to_owned()],
            Self::Profile(names) => names.iter().map(|name| format!("profile.{name}")).collect(),
            _ => Vec::new(),
        }
    }
}

/// How a changed external id is stored: the other identifiers have no company.
const EXTERNAL_ID_CHANGED: &str = "external_id_changed";

/// The name of the kind, and behind it what it is about: `identifiers_changed email phone_number`.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::ExternalId(company) = self {
            return write!(f, "{EXTERNAL_ID_CHANGED} {company}");
        }
        f.write_str(self.kind())?;
        match self {
            Self::Linked(company) | Self::Unlinked(company) | Self::Suspended(company) | Self::Unsuspended(company) => {
                write!(f, " {company}")
            }
            Self::Identifiers(kinds) => kinds.iter().try_for_each(|kind| write!(f, " {}", kind.as_str())),
            Self::Profile(names) => names.iter().try_for_each(|name| write!(f, " {name}")),
            Self::Merged(other) | Self::Unmerged(other) => write!(f, " {other}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Notice {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        let error = || ItemError::new(attribute::NOTICED);
        let mut words = text.split(' ');
        let kind = words.next().ok_or_else(error)?;
        let rest: Vec<&str> = words.collect();
        let one = || if let [word] = &rest[..] { Ok(*word) } else { Err(error()) };
        let company = || one()?.parse().map_err(|_| error());
        let user = || one()?.parse().map_err(|_| error());
        Ok(match kind {
            "registered" => Self::Registered,
            "linked" => Self::Linked(company()?),
            "unlinked" => Self::Unlinked(company()?),
            "suspended" => Self::Suspended(company()?),
            "unsuspended" => Self::Unsuspended(company()?),
            "identifiers_changed" => {
                let kinds = rest.iter().map(|name| IdentifierKind::from_name(name)).collect::<Option<_>>();
                Self::Identifiers(kinds.ok_or_else(error)?)
            }
            EXTERNAL_ID_CHANGED => Self::ExternalId(company()?),
            "profile_changed" => Self::Profile(rest.iter().map(|name| (*name).to_owned()).collect()),
            "credentials_changed" => Self::Credentials,
            "disabled" => Self::Disabled,
            "enabled" => Self::Enabled,
            "merged" => Self::Merged(user()?),
            "unmerged" => Self::Unmerged(user()?),
            "erased" => Self::Erased,
            _ => return Err(error()),
        })
    }
}

/// What one write of a part changed. It is stored beside the sealed content, among the attributes that every version of
/// Umoja keeps, and names the version that it is about: a copy of it in a later version of the part says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noticed(Vec<Notice>);

impl Noticed {
    /// What a write changed. Notices without a name are left out.
    pub fn new(notices: impl IntoIterator<Item = Notice>) -> Self {
        let short = |notice| match notice {
            Notice::Profile(names) if names.iter().map(|name| name.len() + 1).sum::<usize>() > MAX_NAMES => {
                Notice::Profile(vec!["*".to_owned()])
            }
            other => other,
        };
        let says = |notice: &Notice| match notice {
            Notice::Profile(names) => !names.is_empty(),
            Notice::Identifiers(kinds) => !kinds.is_empty(),
            _ => true,
        };
        Self(notices.into_iter().filter(says).map(short).collect())
    }

    /// What the audit events of a write say about one part of a user.
    pub fn of_events<'a>(
        user: UserId,
        part: Part,
        events: impl IntoIterator<Item = &'a (UserId, AuditEvent)>,
    ) -> Vec<Notice> {
        let own = events.into_iter().filter(|(id, _)| *id == user).filter_map(|(_, event)| Notice::of(event));
        own.filter(|(of, _)| *of == part).map(|(_, notice)| notice).collect()
    }

    /// The notices.
    pub fn notices(&self) -> &[Notice] {
        &self.0
    }

    /// Records it in a part, in place of what an earlier write recorded.
    pub fn put(&self, record: &mut PartRecord) {
        record.unknown.remove(attribute::NOTICED);
        if !self.0.is_empty() {
            let list = self.0.iter().map(|notice| notice.to_string().into()).collect();
            let noticed = Attributes::from([
                (attribute::VERSION.into(), record.version.to_string().into()),
                (attribute::NOTICED.into(), Attribute::L(list)),
            ]);
            record.unknown.insert(attribute::NOTICED.into(), Attribute::M(noticed));
        }
    }

    /// What the write of this version of a part recorded. A kind that this version of Umoja does not know is left out.
    pub fn in_part(record: &PartRecord) -> Self {
        let Some(Attribute::M(noticed)) = record.unknown.get(attribute::NOTICED) else { return Self::default() };
        if noticed.get(attribute::VERSION) != Some(&record.version.to_string().into()) {
            return Self::default();
        }
        Self(notices(noticed.get(attribute::NOTICED)))
    }
}

/// The notices in an attribute.
pub(super) fn notices(list: Option<&Attribute>) -> Vec<Notice> {
    let Some(Attribute::L(list)) = list else { return Vec::new() };
    let notice = |attribute: &Attribute| match attribute {
        Attribute::S(text) => text.parse().ok(),
        _ => None,
    };
    list.iter().filter_map(notice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountStatus, Hlc, Millis, Version};

    fn version(ms: u64) -> Version {
        Version { erased: true, hlc: Hlc::at(Millis(ms)), origin: "eu-west-1".parse().unwrap() }
    }

    fn all() -> Vec<Notice> {
        let company = || "acme".parse::<CompanyId>().unwrap();
        vec![
            Notice::Registered,
            Notice::Linked(company()),
            Notice::Unlinked(company()),
            Notice::Suspended(company()),
            Notice::Unsuspended(company()),
            Notice::Identifiers(vec![IdentifierKind::Email, IdentifierKind::Username]),
            Notice::Profile(vec!["given_name".into(), "custom".into()]),
            Notice::Credentials,
            Notice::Disabled,
            Notice::Enabled,
            Notice::Merged(UserId::v8([1; 16])),
            Notice::Unmerged(UserId::v8([2; 16])),
            Notice::Erased,
        ]
    }

    #[test]
    fn every_notice_round_trips_through_its_text() {
        assert_eq!(all().iter().map(Notice::kind).collect::<Vec<_>>(), Notice::KINDS);
        let external_id = Notice::ExternalId("acme".parse().unwrap());
        assert_eq!((external_id.kind(), external_id.names()), ("identifiers_changed", vec!["external_id".to_owned()]));
        for notice in all().into_iter().chain([external_id]) {
            assert_eq!(notice.to_string().parse(), Ok(notice));
        }
        for text in ["", "novelty", "linked", "linked A B", "merged x", "identifiers_changed shoe_size"] {
            assert!(text.parse::<Notice>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_write_noticed_is_about_its_own_version_only() {
        let mut record = PartRecord::tombstone(UserId::v8([1; 16]), Part::Profile, version(1));
        let noticed = Noticed::new(all());
        noticed.put(&mut record);
        assert_eq!(Noticed::in_part(&record), noticed);
        assert_eq!(PartRecord::from_item(record.to_item()), Ok(record.clone()), "it is stored with the part");
        record.version = version(2);
        assert_eq!(Noticed::in_part(&record), Noticed::default(), "software that does not know it has copied it");
        Noticed::default().put(&mut record);
        assert!(record.unknown.is_empty());
    }

    #[test]
    fn the_audit_events_of_a_write_say_what_it_changed_of_each_part_of_its_user() {
        use AuditEvent::{Imported, PasswordChanged, PasswordDropped, PasswordLearnt, PasswordReset, ResetStarted};

        let (user, other) = (UserId::v8([1; 16]), UserId::v8([2; 16]));
        let said = |part, events: &[AuditEvent]| {
            let events: Vec<_> = events.iter().map(|event| (user, event.clone())).collect();
            assert_eq!(Noticed::of_events(other, part, &events), []);
            Noticed::of_events(user, part, &events)
        };
        for sets_password in [Imported, PasswordChanged, PasswordDropped, PasswordLearnt, PasswordReset] {
            assert_eq!(said(Part::Credentials, std::slice::from_ref(&sets_password)), [Notice::Credentials]);
            assert_eq!(said(Part::Profile, &[sets_password]), []);
        }
        for status in [AccountStatus::Active, AccountStatus::Disabled] {
            let events = [ResetStarted, AuditEvent::StatusChanged(status)];
            assert_eq!(said(Part::Credentials, &events), [], "the status may be the same as before");
        }
        let merged = [AuditEvent::Merged(other), AuditEvent::MergedInto(other)];
        assert_eq!(said(Part::Profile, &merged), [Notice::Merged(other)]);
    }

    #[test]
    fn what_is_noticed_is_bounded_and_has_names() {
        let long = (0..100).map(|n| format!("member_{n}")).collect();
        let noticed = Noticed::new([Notice::Profile(long), Notice::Profile(vec![]), Notice::Identifiers(vec![])]);
        assert_eq!(noticed.notices(), [Notice::Profile(vec!["*".into()])]);
    }
}
