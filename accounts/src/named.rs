//! The user that an erasure names by an identifier.
//!
//! After the erasure no user has the identifier, or another person has it. So before it erases any user, the request
//! writes a row that names the user, under an id that is derived from the idempotency key and the content of the
//! request. A retry finds the row in every region that it has reached, and is about the same user for ever.

use umoja_schema::api::Selector;
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Log, UserId};

use crate::receipt::together;
use crate::{Context, Error, People};

/// The kind of the row.
const NAMED: &str = "erase_named";

/// The user to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    /// The user.
    pub(crate) id: UserId,
    /// The id under which the row is written. `None` if it was written before, or if a retry does not need it.
    place: Option<UserId>,
}

impl Named {
    /// The user that the request names or, if it is a retry, named at the first time. Of merged users, an identifier
    /// names the primary account, as in a look-up.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no user has the identifier. Whether a user has the id is not checked here.
    pub(crate) async fn find(people: &People, context: &Context, selector: &Selector) -> Result<Self, Error> {
        if let Selector::Id(id) = selector {
            return Ok(Self { id: *id, place: None });
        }
        let place = place(people, context);
        let (earlier, found) = tokio::join!(earlier(people, place), people.find(context, selector));
        if let Some(id) = earlier? {
            return Ok(Self { id, place: None });
        }
        // No MAC protects the table of identifiers. Its parts are opened before any user is erased.
        let person = match found? {
            Some(person) => people.reader().open(person).await?,
            None => None,
        };
        let person = person.ok_or(Error::NotFound)?;
        Ok(Self { id: person.primary.id(), place })
    }

    /// Writes down which user the request names, if a retry could not find it otherwise.
    ///
    /// # Errors
    /// [`Error::Contended`] if the same request, sent twice at the same time, has named another user.
    pub(crate) async fn note(self, people: &People) -> Result<(), Error> {
        let Some(place) = self.place else { return Ok(()) };
        let version = people.next_version(true, None)?;
        let mut row = people.row(place, format!("{NAMED}#{version}"), NAMED, &version);
        row.fields.insert(attribute::TOGETHER.into(), Attribute::L(vec![self.id.to_string().into()]));
        people.home.own.logs.append(Log::Receipts, &row).await?;
        let is_first = earlier(people, Some(place)).await? == Some(self.id);
        if is_first { Ok(()) } else { Err(Error::Contended) }
    }
}

/// The id of the rows of a request, the same in every region. `None` without an idempotency key.
fn place(people: &People, context: &Context) -> Option<UserId> {
    let request = context.request.as_ref()?;
    let name = format!("{NAMED}#{}#{}", request.fingerprint, request.key);
    Some(people.secrets.user_id(&context.company.id, &name))
}

/// The user that the request named at the first time. Two regions may each have taken it as the first.
async fn earlier(people: &People, place: Option<UserId>) -> Result<Option<UserId>, Error> {
    let Some(place) = place else { return Ok(None) };
    let rows = people.rows(Log::Receipts, place).await?;
    let named = rows.iter().filter(|row| row.kind == NAMED);
    let first = named.min_by_key(|row| (row.at, row.origin.clone()));
    Ok(first.and_then(|row| together(row).next()))
}
