//! Finding a person by an id or an identifier.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::api::Selector;
use umoja_schema::{BlindIndex, IdentifierItem, IdentifierKind, UserId};
use umoja_store::person::PersonParts;

use crate::{Context, Error, People};

/// How many owners of one identifier are read at the same time.
const CONCURRENT: usize = 16;

/// The ownerships of an identifier under each live index key.
struct Owned {
    indexes: Vec<BlindIndex>,
    items: Vec<IdentifierItem>,
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
        self.find_or(context, selector, None).await
    }

    /// [`People::find`], except that it reads the user `stand_in` if the identifier has no owner. The answer then takes
    /// as long as for an identifier with an owner.
    pub(crate) async fn find_or(
        &self,
        context: &Context,
        selector: &Selector,
        stand_in: Option<UserId>,
    ) -> Result<Option<PersonParts>, Error> {
        let reader = self.reader();
        let (kind, text) = match selector {
            Selector::Id(id) => return reader.person(*id).await,
            Selector::Identifier(kind, text) => (*kind, text),
        };
        let owned = self.owned(context, kind, text).await?;
        match (IdentifierItem::winner_of(&owned.items), stand_in) {
            (Some((id, _)), _) => self.owner(id, &owned).await,
            (None, Some(stand_in)) => reader.person(stand_in).await.map(|_| None),
            (None, None) => Ok(None),
        }
    }

    /// The persons of all users that own an identifier, the one that [`People::find`] finds first. There are several while
    /// users are in conflict about it. Each is named by the user that owns it ([`PersonParts::start`]), so a person comes
    /// once for each such user.
    ///
    /// # Errors
    /// As [`People::find`].
    pub async fn owners(&self, context: &Context, kind: IdentifierKind, text: &str) -> Result<Vec<PersonParts>, Error> {
        let owned = self.owned(context, kind, text).await?;
        let winner = IdentifierItem::winner_of(&owned.items).map(|(id, _)| id);
        let others: BTreeSet<UserId> = owned.items.iter().flat_map(|item| item.owners.keys().copied()).collect();
        let others = others.into_iter().filter(|id| Some(*id) != winner);
        let read: Vec<_> = winner.into_iter().chain(others).map(|id| self.owner(id, &owned)).collect();
        let read: Vec<_> = stream::iter(read).buffered(CONCURRENT).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// The ownerships of an identifier.
    async fn owned(&self, context: &Context, kind: IdentifierKind, text: &str) -> Result<Owned, Error> {
        let parsed = context.parse(kind, text)?;
        let (_, company) = context.slot(kind);
        let indexes = self.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
        let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
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
