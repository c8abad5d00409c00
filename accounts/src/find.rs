//! Finding a person by an id or an identifier.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::Selector;
use umoja_schema::{BlindIndex, IdentifierItem, IdentifierKind, UserId};
use umoja_store::person::PersonParts;

use crate::lockout::Target;
use crate::{Context, Error, People};

/// How many owners of one identifier are read at the same time.
const CONCURRENT: usize = 16;

/// The ownerships of an identifier under each live index key.
struct Owned {
    indexes: Vec<BlindIndex>,
    items: Vec<IdentifierItem>,
}

/// The target of an attempt.
pub(crate) struct Aimed {
    /// The person, if there is one.
    pub(crate) found: Option<PersonParts>,
    /// Another person in its place, of whom no more becomes than the work.
    pub(crate) instead: Option<Box<PersonParts>>,
}

impl People {
    /// The users of the person that a selector names. Consistent reads of the ownerships and then of the users find a
    /// user right after sign-up. `None` if there is no such user, or if it was erased.
    ///
    /// No MAC protects the table of ownerships. A user is therefore found by an identifier only if its own profile part
    /// has the ownership. The envelope binds that part, so a caller has to open it before it answers. The same is true
    /// of the table of linked accounts.
    ///
    /// # Errors
    /// If the selector is not an identifier of its kind, or if a read fails.
    pub async fn find(&self, context: &Context, selector: &Selector) -> Result<Option<PersonParts>, Error> {
        match selector {
            Selector::Id(id) => self.reader().person(*id).await,
            Selector::Identifier(kind, text) => self.find_owner(self.indexes(context, *kind, text)?).await,
        }
    }

    /// [`People::find`] of the target of an attempt. Where no user is found, another one is read, so that the answer takes as
    /// long as for an identifier with an owner.
    pub(crate) async fn find_target(&self, target: &Target) -> Result<Aimed, Error> {
        let found = match &target.indexes {
            None => self.reader().person(target.stand_in).await?,
            Some(indexes) => self.find_owner(indexes.clone()).await?,
        };
        let instead = match &found {
            Some(_) => None,
            None => Box::pin(self.other(target)).await.map(Box::new),
        };
        Ok(Aimed { found, instead })
    }

    /// Reads any user in the place of one that does not exist. Whether that succeeds decides nothing.
    async fn other(&self, target: &Target) -> Option<PersonParts> {
        let (_, seed) = target.stand_in.as_bytes().split_last_chunk::<8>()?;
        let other = self.home.own.users.any_user(u64::from_be_bytes(*seed)).await.ok().flatten();
        // Without another user, an identifier costs at least the read of one. An id was read already.
        let other = other.or(Some(target.stand_in).filter(|_| target.indexes.is_some()))?;
        self.reader().person(other).await.ok().flatten()
    }

    async fn find_owner(&self, indexes: Vec<BlindIndex>) -> Result<Option<PersonParts>, Error> {
        let owned = self.owned(indexes).await?;
        match IdentifierItem::winner_of(&owned.items) {
            Some((id, _)) => self.owner(id, &owned).await,
            None => Ok(None),
        }
    }

    /// The persons of all users that own an identifier, the one that [`People::find`] finds first. There are several while
    /// users are in conflict about it. Each is named by the user that owns it ([`PersonParts::start`]), so a person comes
    /// once for each such user.
    ///
    /// # Errors
    /// As [`People::find`].
    pub async fn owners(&self, context: &Context, kind: IdentifierKind, text: &str) -> Result<Vec<PersonParts>, Error> {
        let owned = self.owned(self.indexes(context, kind, text)?).await?;
        let winner = IdentifierItem::winner_of(&owned.items).map(|(id, _)| id);
        let others: BTreeSet<UserId> = owned.items.iter().flat_map(|item| item.owners.keys().copied()).collect();
        let others = others.into_iter().filter(|id| Some(*id) != winner);
        let read: Vec<_> = winner.into_iter().chain(others).map(|id| self.owner(id, &owned)).collect();
        let read: Vec<_> = stream::iter(read).buffered(CONCURRENT).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// The indexes of an identifier as the company writes it, under each live index key.
    pub(crate) fn indexes(
        &self,
        context: &Context,
        kind: IdentifierKind,
        text: &str,
    ) -> Result<Vec<BlindIndex>, Error> {
        let parsed = context.parse(kind, text)?;
        let (_, company) = context.slot(kind);
        let indexes = self.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
        Ok(indexes.into_iter().map(|(_, index)| index).collect())
    }

    /// The ownerships of an identifier.
    async fn owned(&self, indexes: Vec<BlindIndex>) -> Result<Owned, Error> {
        let items = self.home.own.users.ownerships(&indexes).await?;
        Ok(Owned { indexes, items })
    }

    /// The person of a user, if the user's own profile part has the ownership.
    async fn owner(&self, id: UserId, owned: &Owned) -> Result<Option<PersonParts>, Error> {
        let person = self.reader().person(id).await?;
        let owns_it = |person: &PersonParts| {
            let profile = person.get(id).and_then(|parts| parts.profile.as_ref());
            profile.is_some_and(|profile| owned.indexes.iter().any(|index| profile.ownerships().contains_key(index)))
        };
        Ok(person.filter(owns_it))
    }
}
