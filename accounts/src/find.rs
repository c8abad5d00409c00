//! Finding a person by an id or an identifier.

use umoja_schema::api::Selector;
use umoja_schema::{BlindIndex, ClaimItem, UserId};
use umoja_store::group::GroupParts;

use crate::{Context, Error, People};

impl People {
    /// The users of the person that a selector means: consistent reads of the claims and then of the users, so that a
    /// user is found right after sign-up. `None` if there is none, or if it was erased.
    ///
    /// The table of claims is under no MAC. So a user is found by an identifier only if its own part claims it, and that
    /// part is bound: it has to be opened before anything is answered. The same goes for the table of members.
    ///
    /// # Errors
    /// If the selector is no identifier of its kind, or something cannot be read.
    pub async fn find(&self, context: &Context, selector: &Selector) -> Result<Option<GroupParts>, Error> {
        self.find_or(context, selector, None).await
    }

    /// The same. Where an identifier is nobody's, the user `nobody` is looked for all the same, so that the answer takes
    /// as long.
    pub(crate) async fn find_or(
        &self,
        context: &Context,
        selector: &Selector,
        nobody: Option<UserId>,
    ) -> Result<Option<GroupParts>, Error> {
        let reader = self.reader();
        let (kind, text) = match selector {
            Selector::Id(id) => return reader.group(*id).await,
            Selector::Identifier(kind, text) => (*kind, text),
        };
        let parsed = context.parse(kind, text)?;
        let (_, company) = context.slot(kind);
        let indexes = self.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
        let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
        let claims = self.home.own.users.claims(&indexes).await?;
        let Some((id, _)) = ClaimItem::winner_of(&claims) else {
            return match nobody {
                Some(nobody) => reader.group(nobody).await.map(|_| None),
                None => Ok(None),
            };
        };
        let group = reader.group(id).await?;
        let claims_it = |group: &GroupParts| {
            let profile = group.get(id).and_then(|parts| parts.profile.as_ref());
            profile.is_some_and(|profile| indexes.iter().any(|index| profile.claims().contains_key(index)))
        };
        Ok(group.filter(claims_it))
    }
}
