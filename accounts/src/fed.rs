//! What a source adds to the user that it feeds.

use umoja_schema::{CompanyId, Feed, Identity, LinkState, ProfileFacts, SourceId};

/// The state of a user at a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fed {
    pub(crate) source: SourceId,
    pub(crate) feed: Feed,
    /// The state of the user's link to the company of the source.
    pub(crate) state: LinkState,
    /// The day of a login, in days since 1970-01-01 UTC.
    pub(crate) login_day: Option<u32>,
}

impl Fed {
    /// Sets it on a user that is linked to the company.
    pub(crate) fn set(&self, company: &CompanyId, identity: &mut Identity, facts: &mut ProfileFacts) {
        identity.feeds.insert(self.source.clone(), self.feed.clone());
        if let Some(link) = facts.links.get_mut(company) {
            link.state = self.state;
            link.last_login_day = link.last_login_day.max(self.login_day);
        }
    }
}
