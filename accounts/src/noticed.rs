//! What a write of a new user or of credentials changes, by names, for the feed: see [`umoja_schema::events`].
//! [`crate::audit::notices`] says it of a profile.

use umoja_schema::{AccountStatus, AuditEvent, LinkState, Notice, Noticed, Part, PartRecord, UserId};

/// What replacing a user's credentials part changes, with the audit events of the write. A new hash of the same
/// password has no event, and sets no password.
pub(crate) fn of_credentials(before: &PartRecord, status: AccountStatus, events: &[(UserId, AuditEvent)]) -> Noticed {
    let notice = match status {
        AccountStatus::Disabled => Notice::Disabled,
        AccountStatus::Active => Notice::Enabled,
    };
    let changed = (before.status() != Some(status)).then_some(notice);
    Noticed::new(changed.into_iter().chain(Noticed::of_events(before.id, Part::Credentials, events)))
}

/// What the parts of a new user say. A user may be imported as a disabled or suspended one.
pub(crate) fn of_new(profile: &PartRecord, credentials: &PartRecord) -> (Noticed, Noticed) {
    let links = profile.profile_facts().into_iter().flat_map(|facts| &facts.links);
    let suspended = links.filter(|(_, link)| link.state == LinkState::Suspended);
    let suspended = suspended.map(|(company, _)| Notice::Suspended(company.clone()));
    let disabled = (credentials.status() == Some(AccountStatus::Disabled)).then_some(Notice::Disabled);
    (Noticed::new([Notice::Registered].into_iter().chain(suspended)), Noticed::new(disabled))
}
