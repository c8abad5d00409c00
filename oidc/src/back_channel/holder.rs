//! Whether what a token stands for counts in this region.

use umoja_accounts::access::{Described, FamilyState, Needed, Reuse, Standing};
use umoja_schema::Client;

use crate::Provider;
use crate::problem::Problem;

/// The person of a genuine token. `None` if it has ended: its family, its session, a consent for it, or the person, who may also not sign
/// in to the client's company.
///
/// # Errors
/// [`Problem::Unavailable`] if rows that decide it have not arrived: an honest client comes again.
pub(super) async fn holder(
    provider: &Provider,
    client: &Client,
    described: &Described,
) -> Result<Option<Standing>, Problem> {
    holder_in(provider, client, described, described.family.session.as_deref()).await
}

/// As [`holder`]; the answer knows a session too with which the family need not end.
///
/// # Errors
/// As [`holder`].
pub(super) async fn holder_in(
    provider: &Provider,
    client: &Client,
    described: &Described,
    session: Option<&str>,
) -> Result<Option<Standing>, Problem> {
    let (people, user) = (&provider.accounts.people, described.family.user);
    let needed = Needed { session, ..Needed::of(described) };
    let Some(standing) = Standing::read_needed(people, user, &needed).await? else {
        return if people.has_arrived(user).await? { Ok(None) } else { Err(Problem::Unavailable) };
    };
    if !standing.may_sign_in(&client.company) {
        return Ok(None);
    }
    match standing.state(described, Reuse::default(), provider.now()) {
        FamilyState::Live | FamilyState::Fresh => Ok(Some(standing)),
        FamilyState::Behind => Err(Problem::Unavailable),
        FamilyState::Ended => Ok(None),
    }
}
