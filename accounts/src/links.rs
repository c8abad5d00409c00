//! Whether a company serves a person that is linked to it.

use umoja_schema::{AccountStatus, CompanyId, Link, LinkState, PartRecord};
use umoja_store::person::PersonParts;

use crate::Person;

/// The state of a person at a company over the links of all its users: one active link is enough. `None` without a link.
pub(crate) fn state<'a>(links: impl IntoIterator<Item = &'a Link>) -> Option<LinkState> {
    links.into_iter().map(|link| link.state).reduce(|one, other| match (one, other) {
        (LinkState::Suspended, LinkState::Suspended) => LinkState::Suspended,
        (LinkState::Active, _) | (_, LinkState::Active) => LinkState::Active,
    })
}

impl Person {
    /// True if the company has suspended the person.
    pub(crate) fn is_suspended_at(&self, company: &CompanyId) -> bool {
        state(self.users().filter_map(|user| user.facts.links.get(company))) == Some(LinkState::Suspended)
    }
}

/// True if the person may log in at the company: the status of the primary account counts, and the company has not
/// suspended the person.
pub(crate) fn may_log_in(person: &PersonParts, company: &CompanyId) -> bool {
    let is_suspended = state(links(person, company)) == Some(LinkState::Suspended);
    let status = person.primary.credentials.as_ref().and_then(PartRecord::status);
    status == Some(AccountStatus::Active) && !is_suspended
}

/// True if the company is linked to a user of the person.
pub(crate) fn is_linked(person: &PersonParts, company: &CompanyId) -> bool {
    links(person, company).next().is_some()
}

fn links<'a>(person: &'a PersonParts, company: &'a CompanyId) -> impl Iterator<Item = &'a Link> {
    let facts = person.users().filter_map(|parts| parts.profile.as_ref()?.profile_facts());
    facts.filter_map(|facts| facts.links.get(company))
}

#[cfg(test)]
mod tests {
    use umoja_schema::Millis;

    use super::*;

    #[test]
    fn one_active_link_is_enough() {
        let link = |state| Link { state, ..Link::since(Millis(1)) };
        let (active, suspended) = (link(LinkState::Active), link(LinkState::Suspended));
        assert_eq!(state([]), None);
        assert_eq!(state([&suspended, &suspended]), Some(LinkState::Suspended));
        assert_eq!(state([&suspended, &active]), Some(LinkState::Active));
        assert_eq!(state([&active, &suspended]), Some(LinkState::Active));
    }
}
