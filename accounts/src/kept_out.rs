//! Keeps erased people out: the marks that an erasure leaves, and what they mean for a source.
//!
//! A tombstone only keeps out a user of its own id. A user that a company registered has another id than the one that a
//! source would make of the same subject. So an erasure writes down under which external ids and addresses the
//! companies of the person knew it. A mark is a row without fields, under an id that is a keyed hash of the value: who
//! does not have the deployment's secret and the value learns nothing from it.
//!
//! - **A subject is one user for ever.** No state of an erased subject makes a user again.
//! - **An address may belong to another person later.** A state with an address of an erased person makes no user if
//!   the account at the provider is older than the erasure, because then the address was the erased person's at that
//!   account. A newer account, or one of which the provider does not say since when it exists, is another person.
//!
//! A mark keeps no state from being applied to a user that exists. So a person whom a company registers again is fed
//! again.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{CompanyId, IdentifierKind, Identity, Log, Millis, PartRecord, UserId};
use umoja_store::identifiers::parse;
use umoja_store::ports::{KeysError, Parts, StoreError};
use umoja_store::seal::SealError;

use crate::{Error, People};

/// The kind of the row.
const MARK: &str = "erased_as";

/// The number of rows that are read or written at the same time.
const CONCURRENT: usize = 16;

/// The addresses by which a user may be known. A user name is no evidence of a person.
const ADDRESSES: [IdentifierKind; 2] = [IdentifierKind::Email, IdentifierKind::PhoneNumber];

impl People {
    /// Marks users that are about to be erased. Marking them again has no further effect. What cannot be decrypted is
    /// erased without marks, because a damaged part must not keep a person from being erased.
    ///
    /// # Errors
    /// If no key service answers, or if the store fails. No user may be erased then.
    pub(crate) async fn mark_erased<'a>(&self, users: impl Iterator<Item = &'a (UserId, Parts)>) -> Result<(), Error> {
        let profiles = users.filter_map(|(_, parts)| parts.profile.as_ref());
        let profiles: Vec<_> = profiles.filter(|profile| profile.live().is_some()).collect();
        let facts = profiles.iter().filter_map(|profile| profile.profile_facts());
        let companies: BTreeSet<_> = facts.flat_map(|facts| facts.links.keys()).collect();
        let opened: Vec<_> = profiles.iter().map(|profile| self.known(profile)).collect();
        let opened: Vec<_> = stream::iter(opened).buffered(CONCURRENT).try_collect().await?;
        let mut marks = Vec::new();
        for (id, identity) in opened.iter().flatten() {
            for (company, value) in &identity.external_ids {
                marks.extend(self.mark_of(company, IdentifierKind::ExternalId, value).map(|place| (*id, place)));
            }
            for (kind, value) in addresses(identity) {
                marks.extend(companies.iter().filter_map(|company| Some((*id, self.mark_of(company, kind, value)?))));
            }
        }
        let version = self.next_version(true, None)?;
        let rows = marks.iter().map(|(id, place)| self.row(*place, format!("{MARK}#{id}"), MARK, &version));
        let rows: Vec<_> = rows.collect();
        let written: Vec<_> = rows.iter().map(|row| self.home.own.logs.append(Log::Receipts, row)).collect();
        let _: Vec<bool> = stream::iter(written).buffered(CONCURRENT).try_collect().await?;
        Ok(())
    }

    /// The id and the identity of a user. `None` if its profile cannot be decrypted.
    async fn known(&self, profile: &PartRecord) -> Result<Option<(UserId, Identity)>, Error> {
        match self.sealer.open::<Identity>(profile).await {
            Ok(identity) => Ok(Some((profile.id, identity))),
            Err(SealError::Keys(error)) if error != KeysError::Rejected => Err(SealError::Keys(error).into()),
            Err(error) => {
                tracing::warn!(user = %profile.id, %error, "a user is erased without marks, because its profile cannot be decrypted");
                Ok(None)
            }
        }
    }

    /// True if a state of a source must not make this user, because it describes a person who was erased.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn keeps_out(
        &self,
        company: &CompanyId,
        identity: &Identity,
        since: Millis,
    ) -> Result<bool, StoreError> {
        let subject = identity.external_ids.get(company).map(|value| (IdentifierKind::ExternalId, value));
        for (kind, value) in subject.into_iter().chain(addresses(identity)) {
            let Some(place) = self.mark_of(company, kind, value) else { continue };
            let rows = self.rows(Log::Receipts, place).await?;
            let is_same = |at: Millis| kind == IdentifierKind::ExternalId || since < at;
            if rows.iter().any(|row| row.kind == MARK && is_same(row.at.millis())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The id under which the mark of a value is stored, the same in every region and for ever.
    fn mark_of(&self, company: &CompanyId, kind: IdentifierKind, value: &str) -> Option<UserId> {
        let normalised = parse(kind, value, None).ok()?.normalised;
        Some(self.secrets.user_id(company, &format!("{MARK}#{}#{normalised}", kind.as_str())))
    }
}

fn addresses(identity: &Identity) -> impl Iterator<Item = (IdentifierKind, &String)> {
    ADDRESSES.into_iter().filter_map(|kind| {
        let value = match kind {
            IdentifierKind::Email => identity.email.as_ref(),
            IdentifierKind::PhoneNumber => identity.phone_number.as_ref(),
            IdentifierKind::Username | IdentifierKind::ExternalId => None,
        };
        value.map(|value| (kind, value))
    })
}
