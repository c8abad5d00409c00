//! Whether what a token stands for counts in this region.

use umoja_accounts::access::{Described, FamilyState, Needed, Reuse, Standing};
use umoja_schema::Client;

use crate::Provider;
use crate::problem::Problem;

/// The person of a genuine token, which is described with how often what the client holds had ended when it got it. `None` if it has ended:
/// its family, its session, a consent for it, what the client holds, or the person, who may also not sign in to the client's company.
///
/// # Errors
/// [`Problem::Unavailable`] if rows that decide it have not arrived: an honest client comes again.
pub(super) async fn holder(
    provider: &Provider,
    client: &Client,
    of: (&Described, u64),
) -> Result<Option<Standing>, Problem> {
    holder_in(provider, client, of, of.0.family.session.as_deref()).await
}

/// Whether a client still holds what it got when what it holds had ended so often.
///
/// # Errors
/// [`Problem::Unavailable`] if this region has not heard of the last end.
pub(super) fn holds(client: &Client, ends: u64) -> Result<bool, Problem> {
    if ends > client.ends { Err(Problem::Unavailable) } else { Ok(ends == client.ends) }
}

/// As [`holder`]; the answer knows a session too with which the family need not end.
///
/// # Errors
/// As [`holder`].
pub(super) async fn holder_in(
    provider: &Provider,
    client: &Client,
    (described, ends): (&Described, u64),
    session: Option<&str>,
) -> Result<Option<Standing>, Problem> {
    if !holds(client, ends)? {
        return Ok(None);
    }
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
