//! Sessions and families as what a browser or a client carries describes them.

use umoja_schema::access::{Family, KnownEnds};
use umoja_schema::{Hlc, Millis, UserId};

/// A family as a genuine token of it describes it. One that ends with its session has no row, and that of another one may not have arrived
/// in the region that gets the token.
#[derive(Debug, Clone)]
pub struct Described {
    /// The family. Its scopes may be those of the token alone, and it may end with the token.
    pub family: Family,
    /// When it began.
    pub begun_at: Millis,
    /// The last withdrawal of the client's consents that was known then.
    pub withdrawal: Option<Hlc>,
}

/// A session as a genuine cookie or code describes it: the row may not have arrived in the region that gets it.
#[derive(Debug, Clone, Copy)]
pub struct DescribedSession<'a> {
    /// The user.
    pub user: UserId,
    /// The id of the session.
    pub id: &'a str,
    /// The ends of everything that the region knew in which it began.
    pub ends: &'a KnownEnds,
    /// When it began.
    pub begun_at: Millis,
}
