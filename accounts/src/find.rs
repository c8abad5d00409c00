//! Finding a person by an id or an identifier.

use umoja_schema::api::Selector;
use umoja_schema::{BlindIndex, IdentifierItem, UserId};
use umoja_store::person::PersonParts;

use crate::{Context, Error, People};

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
        let parsed = context.parse(kind, text)?;
        let (_, company) = context.slot(kind);
        let indexes = self.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
        let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
        let ownerships = self.home.own.users.ownerships(&indexes).await?;
        let Some((id, _)) = IdentifierItem::winner_of(&ownerships) else {
            return match stand_in {
                Some(stand_in) => reader.person(stand_in).await.map(|_| None),
                None => Ok(None),
            };
        };
        let person = reader.person(id).await?;
        let owns_it = |person: &PersonParts| {
            let profile = person.get(id).and_then(|parts| parts.profile.as_ref());
            profile.is_some_and(|profile| indexes.iter().any(|index| profile.ownerships().contains_key(index)))
        };
        Ok(person.filter(owns_it))
    }
}
