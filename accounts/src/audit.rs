//! The events of an operation in the audit trail: those that concern the security of an account, and who may see or use
//! it. Logins and edits of a profile are not recorded, because each would cost a write and its replication.

use umoja_schema::{AuditEvent, IdentifierKind, LinkState, Notice, Noticed, Part, ProfileFacts, UserId};

use crate::identifiers::verified;
use crate::person::{Change, Stored};

/// The events of replacing a user's profile part. A merge and an unmerge concern both users.
pub(crate) fn events(before: &Stored, after: &Change) -> Vec<(UserId, AuditEvent)> {
    let (id, facts) = (after.id, &after.facts);
    let mut events = Vec::new();
    let changed = IdentifierKind::ALL.into_iter().filter(|kind| differ(before, after, *kind)).collect::<Vec<_>>();
    if !changed.is_empty() {
        events.push((id, AuditEvent::IdentifiersChanged(changed)));
    }
    let linked = facts.links.keys().filter(|company| !before.is_linked_to(company));
    events.extend(linked.map(|company| (id, AuditEvent::Linked(company.clone()))));
    let unlinked = before.facts.links.keys().filter(|company| !facts.links.contains_key(*company));
    events.extend(unlinked.map(|company| (id, AuditEvent::Unlinked(company.clone()))));
    events.extend(standings(&before.facts, facts).map(|event| (id, event)));
    // The stored pointer counts, because `before` may have the pointer as if it had been written already.
    let had = before.profile.profile_facts().and_then(|facts| facts.merged_into);
    let has = facts.merged_into;
    if had != has {
        let left = had
            .into_iter()
            .flat_map(|primary| [(id, AuditEvent::UnmergedFrom(primary)), (primary, AuditEvent::Unmerged(id))]);
        let joined = has
            .into_iter()
            .flat_map(|primary| [(id, AuditEvent::MergedInto(primary)), (primary, AuditEvent::Merged(id))]);
        events.extend(left.chain(joined));
    }
    events
}

/// What replacing a user's profile part changes, by names, for the feed.
pub(crate) fn notices(before: &Stored, after: &Change) -> Noticed {
    let mut notices = Noticed::of_events(after.id, Part::Profile, &events(before, after));
    let (had, has) = (&before.identity.external_ids, &after.identity.external_ids);
    let of_one_side = had.keys().chain(has.keys().filter(|company| !had.contains_key(*company)));
    let changed = of_one_side.filter(|company| had.get(*company) != has.get(*company));
    notices.extend(changed.map(|company| Notice::ExternalId(company.clone())));
    notices.push(Notice::Profile(before.identity.profile.changed_fields(&after.identity.profile)));
    Noticed::new(notices)
}

/// The suspensions that begin or end. A link that begins is active.
pub(crate) fn standings<'a>(
    before: &'a ProfileFacts,
    after: &'a ProfileFacts,
) -> impl Iterator<Item = AuditEvent> + 'a {
    after.links.iter().filter_map(|(company, link)| {
        let had = before.links.get(company).map_or(LinkState::Active, |link| link.state);
        match (had, link.state) {
            (LinkState::Active, LinkState::Suspended) => Some(AuditEvent::Suspended(company.clone())),
            (LinkState::Suspended, LinkState::Active) => Some(AuditEvent::Activated(company.clone())),
            (LinkState::Active, LinkState::Active) | (LinkState::Suspended, LinkState::Suspended) => None,
        }
    })
}

/// True if the value or the verified flag of an identifier changed. Its blind indexes may change without that, because
/// their key is rotated.
fn differ(before: &Stored, after: &Change, kind: IdentifierKind) -> bool {
    let (had, has) = (&before.identity, &after.identity);
    let values_differ = match kind {
        IdentifierKind::Email => had.email != has.email,
        IdentifierKind::PhoneNumber => had.phone_number != has.phone_number,
        IdentifierKind::Username => had.username != has.username,
        IdentifierKind::ExternalId => had.external_ids != has.external_ids,
    };
    values_differ || verified(&before.facts.ownerships, kind) != verified(&after.facts.ownerships, kind)
}
