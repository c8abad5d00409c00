//! What of an operation is recorded in the audit trail: what concerns the security of an account, and who may see or use it.
//! Not each login, nor edits of a profile: that would be a write and its replication for each.

use umoja_schema::{AuditEvent, IdentifierKind, UserId};

use crate::identifiers::verified;
use crate::person::{Change, Stored};

/// What replacing a user's profile part does. A merge and its undoing concern both users.
pub(crate) fn events(before: &Stored, after: &Change) -> Vec<(UserId, AuditEvent)> {
    let (id, facts) = (after.id, &after.facts);
    let mut events = Vec::new();
    let changed = IdentifierKind::ALL.into_iter().filter(|kind| differ(before, after, *kind)).collect::<Vec<_>>();
    if !changed.is_empty() {
        events.push((id, AuditEvent::IdentifiersChanged(changed)));
    }
    let linked = facts.links.keys().filter(|company| !before.is_linked_to(company));
    events.extend(linked.map(|company| (id, AuditEvent::Linked(company.clone()))));
    // As it is stored: the group may be looked at as if the pointer had been written.
    let had = before.profile.profile_facts().and_then(|facts| facts.merged_into);
    let has = facts.merged_into;
    if had != has {
        let left =
            had.into_iter().flat_map(|root| [(id, AuditEvent::UnmergedFrom(root)), (root, AuditEvent::Unmerged(id))]);
        let joined =
            has.into_iter().flat_map(|root| [(id, AuditEvent::MergedInto(root)), (root, AuditEvent::Merged(id))]);
        events.extend(left.chain(joined));
    }
    events
}

/// Whether an identifier has another value, or is verified and was not, or the other way round. Its blind indexes may differ
/// without that: their key is rotated.
fn differ(before: &Stored, after: &Change, kind: IdentifierKind) -> bool {
    let (had, has) = (&before.identity, &after.identity);
    let values_differ = match kind {
        IdentifierKind::Email => had.email != has.email,
        IdentifierKind::PhoneNumber => had.phone_number != has.phone_number,
        IdentifierKind::Username => had.username != has.username,
        IdentifierKind::ExternalId => had.external_ids != has.external_ids,
    };
    values_differ || verified(&before.facts.claims, kind) != verified(&after.facts.claims, kind)
}
