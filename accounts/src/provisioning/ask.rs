//! Notes requests: which accounts a delivery has to look at, and what the company has said about them.

use umoja_schema::{Attributes, RemoteAccount, TargetAccount, TargetId, TargetRequest, UserId, Version};
use umoja_store::apply::MAX_ROUNDS;

use super::rows::{Items, items, replace, request};
use super::{Params, Wanted};
use crate::{Error, People};

/// A request about accounts of a user.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The primary account of the person.
    pub user: UserId,
    /// The later version of the two parts of the user. `None` has each target decide again, also if nothing seems to be to
    /// do.
    pub version: Option<&'a Version>,
    /// What the company says about the accounts; `None` keeps what it has said before.
    pub params: Option<&'a Params>,
}

/// What became of a request at one target.
pub struct Noted {
    /// The account as a ticket names it.
    pub wanted: Wanted,
    /// True if a request was written, so that a delivery has to be rung for.
    pub is_new: bool,
}

/// Notes the request for a target, unless its account is up to date or waits already.
///
/// # Errors
/// If the store fails. Then nothing is known of the request.
pub async fn ask(people: &People, asked: Asked<'_>, targets: &[TargetId]) -> Result<Vec<Result<Noted, Error>>, Error> {
    let Items { rows, mut requests } = items(people, asked.user).await?;
    let mut all = Vec::new();
    for target in targets {
        all.push(note(people, asked, target, rows.get(target), requests.remove(target)).await);
    }
    Ok(all)
}

async fn note(
    people: &People,
    asked: Asked<'_>,
    target: &TargetId,
    row: Option<&TargetAccount>,
    mut stored: Option<(TargetRequest, Version)>,
) -> Result<Noted, Error> {
    let user = asked.user;
    for _ in 0..MAX_ROUNDS {
        let known = stored.as_ref().and_then(|(request, _)| people.params(request));
        let is_said = asked.params.is_none_or(|params| *params == known.unwrap_or_default());
        let version = stored.as_ref().map(|(_, version)| version);
        let is_needed = asked.version.is_none_or(|user| is_needed(row, version, user));
        if is_said && !is_needed {
            let wanted = Wanted { target: target.clone(), request: version.cloned() };
            return Ok(Noted { wanted, is_new: false });
        }
        let mut next = stored.as_ref().map_or_else(
            || TargetRequest { user, target: target.clone(), params: None, unknown: Attributes::new() },
            |(request, _)| request.clone(),
        );
        if let Some(params) = asked.params.filter(|_| !is_said) {
            let seal = || people.secrets.seal_params((user, target), &params.to_bytes(), &*people.home.entropy);
            next.params = (!params.is_empty()).then(seal);
        }
        if let Some(version) = replace(people, version, |version| next.to_item(version)).await? {
            return Ok(Noted { wanted: Wanted { target: target.clone(), request: Some(version) }, is_new: true });
        }
        stored = request(people, user, target).await?;
    }
    Err(Error::Contended)
}

/// Whether a delivery has to look at an account of a user in this version.
fn is_needed(row: Option<&TargetAccount>, request: Option<&Version>, user: &Version) -> bool {
    let is_waiting = request.is_some_and(|request| row.is_none_or(|row| row.asked.as_ref() < Some(request)));
    let Some(row) = row else { return !is_waiting };
    // What failed is tried again by itself, or would fail again. A change of the user rings by itself.
    let is_up_to_date = row.account != RemoteAccount::Unknown && row.sent.as_ref() >= Some(user);
    !is_waiting && row.code.is_none() && !is_up_to_date
}

#[cfg(test)]
mod tests {
    use umoja_schema::{Hlc, Millis};

    use super::*;

    fn version(at: u64) -> Version {
        Version { erased: false, hlc: Hlc::at(Millis(at)), origin: "eu-west-1".parse().unwrap() }
    }

    fn row(sent: Option<u64>, asked: Option<u64>, code: Option<&str>) -> TargetAccount {
        TargetAccount {
            account: RemoteAccount::Active,
            sent: sent.map(version),
            asked: asked.map(version),
            code: code.map(str::to_owned),
            ..TargetAccount::new(UserId::v8([1; 16]), "crm".parse().unwrap())
        }
    }

    fn needed(row: Option<&TargetAccount>, request: Option<u64>) -> bool {
        is_needed(row, request.map(version).as_ref(), &version(10))
    }

    #[test]
    fn a_request_is_written_only_where_something_is_to_be_done() {
        assert!(needed(None, None) && !needed(None, Some(1)));
        let up_to_date = row(Some(10), None, None);
        assert!(!needed(Some(&up_to_date), None));
        let behind = row(Some(9), None, None);
        assert!(needed(Some(&behind), None) && !needed(Some(&behind), Some(1)));
        let decided = row(Some(9), Some(1), None);
        assert!(needed(Some(&decided), Some(1)));
        assert!(!needed(Some(&row(Some(9), Some(1), Some("unavailable"))), Some(1)));
        let unknown = TargetAccount { account: RemoteAccount::Unknown, ..row(Some(10), None, None) };
        assert!(needed(Some(&unknown), None));
    }
}
