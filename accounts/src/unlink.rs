//! Unlinks one company from a person, who is not erased.
//!
//! The company's link and its external id go, and of the profile what the company has stated last: no other company has
//! stated it. What another company has stated last stays. So do the identifiers of the person whichever company has
//! stated them, because the others find the person and write to it by them, and the password, which is the person's own.
//! The external id would find the person again, so it goes first.

use serde_json::json;
use umoja_schema::access::Family;
use umoja_schema::{Actor, CompanyId, IdentifierKind, UserId};

use crate::access::Standing;
use crate::accounts::until_written;
use crate::identifiers::drop_identifier;
use crate::person::{Change, Stored};
use crate::profiles::Rules;
use crate::reserved::{SCIM, keep};
use crate::{Error, People};

/// A company that was unlinked from a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlinked {
    /// The primary account.
    pub id: UserId,
    /// The users of the person to which the company was linked; none if it was unlinked already.
    pub users: Vec<UserId>,
    /// The names of what went: `profile.given_name`, `external_id.<company>`, ...
    pub gone: Vec<String>,
    /// The names of what the company had stated last and what stays, because others find the person by it.
    pub kept: Vec<String>,
}

/// What is left of a user.
struct Left {
    change: Change,
    gone: Vec<String>,
    kept: Vec<String>,
}

impl People {
    /// Unlinks a company from a person, by any user of it, in this region. `clients` are the clients of the company: what
    /// they hold of the person ends.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user. [`Error::OnlyCompany`] if no other company is linked: then the
    /// person is to be erased. [`Error::NoIdentifierLeft`] if nothing would find the person any more.
    pub async fn unlink(
        &self,
        actor: &Actor,
        user: UserId,
        company: &CompanyId,
        clients: &[String],
    ) -> Result<Unlinked, Error> {
        let done = until_written!({
            let person = self.reader().load(user).await?.ok_or(Error::NotFound)?;
            let id = person.primary.id();
            if !person.is_linked_to(company) {
                return Ok(Some(Unlinked { id, users: Vec::new(), gone: Vec::new(), kept: Vec::new() }));
            }
            if person.users().all(|user| user.facts.links.keys().all(|linked| linked == company)) {
                return Err(Error::OnlyCompany);
            }
            let left: Vec<Left> = person.users().map(|user| without(user, company)).collect();
            if left.iter().all(|left| left.change.facts.ownerships.is_empty()) {
                return Err(Error::NoIdentifierLeft);
            }
            let linked = person.users().filter(|user| user.is_linked_to(company)).map(Stored::id).collect();
            let mut changes = Vec::new();
            let (mut gone, mut kept) = (Vec::new(), Vec::new());
            for (user, left) in person.users().zip(left) {
                gone.extend(left.gone);
                kept.extend(left.kept);
                if left.change.identity != user.identity || left.change.facts != user.facts {
                    changes.push(left.change);
                }
            }
            // The person is linked to another company at that moment too.
            let rules = Rules { all_as_read: true, ..Rules::of(actor) };
            let written = self.write_profiles(&person, &changes, &rules, |_| Vec::new()).await?;
            Ok(written.map(|_| Unlinked { id, users: linked, gone, kept }))
        })?;
        // Also if it was unlinked before: who did that may have been stopped here.
        self.end_families_of(user, clients).await?;
        Ok(done)
    }

    /// Ends what clients hold of a person, and withdraws the consents for them.
    async fn end_families_of(&self, user: UserId, clients: &[String]) -> Result<(), Error> {
        let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
        for client in clients {
            let holds = |family: &Family| family.client == *client;
            if standing.families().any(holds) || !standing.granted(client).is_empty() {
                self.withdraw(user, client).await?;
            }
        }
        Ok(())
    }
}

/// A user without a company.
fn without(user: &Stored, company: &CompanyId) -> Left {
    let (mut identity, mut facts) = (user.identity.clone(), user.facts.clone());
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    facts.links.remove(company);
    identity.sources.remove(&format!("accounts.{company}"));
    if identity.external_ids.contains_key(company) {
        drop_identifier(&mut identity, &mut facts, &(IdentifierKind::ExternalId, Some(company.clone())));
        gone.push(format!("external_id.{company}"));
    }
    let stated: Vec<String> = identity
        .sources
        .iter()
        .filter(|(_, source)| source.company == *company)
        .map(|(name, _)| name.clone())
        .collect();
    for name in stated {
        match name.strip_prefix("profile.") {
            Some(member) => {
                identity.profile = identity.profile.without(&json!({ member: null }));
                identity.sources.remove(&name);
                gone.push(name);
            }
            None => kept.push(name),
        }
    }
    // What SCIM clients of other companies wrote stays, and what those of this one wrote goes.
    let mut profile = identity.profile.without(&json!({ "custom": { SCIM: { company.as_str(): null } } }));
    keep(&user.identity.profile, &mut profile, company);
    if profile != identity.profile && profile.custom.get(SCIM) != user.identity.profile.custom.get(SCIM) {
        gone.push(format!("profile.custom.{SCIM}.{company}"));
    }
    identity.profile = profile;
    Left { change: Change { id: user.id(), identity, facts }, gone, kept }
}
