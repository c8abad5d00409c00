//! How far the accounts of a ticket are: a rule of their rows, and a wait until they are decided.

use std::time::Duration;

use umoja_schema::api::{ProvisionedAccount, ProvisioningState as State};
use umoja_schema::{RemoteAccount, TargetAccount, TargetCode, Version};

use super::rows::items;
use super::{Ticket, Wanted};
use crate::events::Waiting;
use crate::{Error, People};

/// How often a waiting request looks at the rows.
const POLL: Duration = Duration::from_millis(100);

/// The code of an account for which the region could not note the request.
pub const NOT_NOTED: (&str, &str) = ("not_noted", "the region could not note the request: repeat it");

/// One account of a ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountStatus {
    /// The account as answers show it.
    pub account: ProvisionedAccount,
    /// How often the row of the account was changed. It rises with each change of the account, also over regions.
    pub sequence: u64,
}

/// The accounts of a ticket, in its order, as this region has them.
///
/// # Errors
/// If the store fails.
pub async fn accounts(people: &People, ticket: &Ticket) -> Result<Vec<AccountStatus>, Error> {
    let items = items(people, ticket.user).await?;
    let status = |wanted: &Wanted| {
        let row = items.rows.get(&wanted.target);
        let (state, code) = state(row, wanted.request.as_ref());
        let remote_id = row
            .filter(|_| state != State::NotInScope)
            .and_then(|row| people.secrets.open_remote_id((row.user, &row.target), row.remote_id.as_deref()?));
        let detail = code.and_then(TargetCode::from_name).map(|code| code.words().to_owned());
        let (target, code) = (wanted.target.clone(), code.map(str::to_owned));
        let account = ProvisionedAccount { target, state, code, detail, remote_id };
        AccountStatus { account, sequence: row.map_or(0, |row| row.sequence) }
    };
    Ok(ticket.targets.iter().map(status).collect())
}

/// The accounts of a ticket, as long as nothing is known of them.
pub fn accounts_pending(ticket: &Ticket) -> Vec<AccountStatus> {
    let pending = |wanted: &Wanted| {
        let (target, state) = (wanted.target.clone(), State::Pending);
        let account = ProvisionedAccount { target, state, code: None, detail: None, remote_id: None };
        AccountStatus { account, sequence: 0 }
    };
    ticket.targets.iter().map(pending).collect()
}

/// True if one of the accounts is not decided.
pub fn is_pending(accounts: &[AccountStatus]) -> bool {
    accounts.iter().any(|one| one.account.state == State::Pending)
}

/// The accounts of a ticket, once none of them is pending or this many milliseconds have passed. If too many requests
/// wait, it is answered at once.
///
/// # Errors
/// If the store fails.
pub async fn wait(
    people: &People,
    ticket: &Ticket,
    wait_ms: u16,
    waiting: &Waiting,
) -> Result<Vec<AccountStatus>, Error> {
    let mut now = accounts(people, ticket).await?;
    if wait_ms == 0 || !is_pending(&now) {
        return Ok(now);
    }
    let Some(_place) = waiting.enter(&ticket.company) else { return Ok(now) };
    let waited = tokio::time::timeout(Duration::from_millis(wait_ms.into()), async {
        while is_pending(&now) {
            tokio::time::sleep(POLL).await;
            now = accounts(people, ticket).await?;
        }
        Ok::<_, Error>(())
    });
    // However slow the store is, the wait ends in time.
    waited.await.unwrap_or(Ok(()))?;
    Ok(now)
}

/// The state of an account by its row, and the code of what is wrong.
fn state<'a>(row: Option<&'a TargetAccount>, request: Option<&Version>) -> (State, Option<&'a str>) {
    let Some(row) = row else { return (State::Pending, None) };
    let is_decided = request.is_none_or(|request| row.asked.as_ref() >= Some(request));
    let code = row.code.as_deref();
    match (code.map(TargetCode::from_name), row.account) {
        (Some(Some(known)), _) if known.is_tried_again() => (State::Pending, code),
        _ if !is_decided => (State::Pending, None),
        (Some(Some(TargetCode::Held)), _) => (State::Held, code),
        (Some(_), _) => (State::Failed, code),
        (None, RemoteAccount::Unknown) => (State::Pending, None),
        (None, RemoteAccount::Active) => (State::Done, None),
        (None, RemoteAccount::Disabled) => (State::Inactive, None),
        (None, RemoteAccount::None | RemoteAccount::Left) => (State::NotInScope, None),
    }
}

#[cfg(test)]
mod tests {
    use umoja_schema::{Hlc, Millis, UserId};

    use super::*;

    fn version(at: u64) -> Version {
        Version { erased: false, hlc: Hlc::at(Millis(at)), origin: "eu-west-1".parse().unwrap() }
    }

    fn row(account: RemoteAccount, code: Option<TargetCode>, asked: Option<u64>) -> TargetAccount {
        TargetAccount {
            account,
            code: code.map(|code| code.as_str().to_owned()),
            asked: asked.map(version),
            ..TargetAccount::new(UserId::v8([1; 16]), "crm".parse().unwrap())
        }
    }

    #[test]
    fn an_account_is_pending_until_a_delivery_has_read_the_request() {
        assert_eq!(state(None, Some(&version(5))).0, State::Pending);
        for account in RemoteAccount::ALL {
            for code in [None, Some(TargetCode::Rejected), Some(TargetCode::Held)] {
                for asked in [None, Some(4)] {
                    assert_eq!(state(Some(&row(account, code, asked)), Some(&version(5))), (State::Pending, None));
                }
            }
        }
    }

    #[test]
    fn a_decided_account_is_what_its_row_says() {
        let decided = [
            (RemoteAccount::Active, None, State::Done),
            (RemoteAccount::Disabled, None, State::Inactive),
            (RemoteAccount::None, None, State::NotInScope),
            (RemoteAccount::Left, None, State::NotInScope),
            (RemoteAccount::Unknown, None, State::Pending),
            (RemoteAccount::None, Some(TargetCode::Rejected), State::Failed),
            (RemoteAccount::Active, Some(TargetCode::Failed), State::Failed),
            (RemoteAccount::Active, Some(TargetCode::Held), State::Held),
        ];
        for (account, code, wanted) in decided {
            for asked in [5, 6] {
                let row = row(account, code, Some(asked));
                let expected = (wanted, code.map(TargetCode::as_str));
                assert_eq!(state(Some(&row), Some(&version(5))), expected);
                assert_eq!(state(Some(&row), None), expected);
            }
        }
    }

    #[test]
    fn what_is_tried_again_is_pending_with_its_code() {
        for code in TargetCode::ALL.into_iter().filter(|code| code.is_tried_again()) {
            let row = row(RemoteAccount::None, Some(code), Some(5));
            assert_eq!(state(Some(&row), Some(&version(5))), (State::Pending, Some(code.as_str())));
        }
    }

    #[test]
    fn a_code_of_a_newer_version_is_a_failure() {
        let row = TargetAccount { code: Some("novel".into()), ..row(RemoteAccount::None, None, Some(5)) };
        assert_eq!(state(Some(&row), Some(&version(5))), (State::Failed, Some("novel")));
    }
}
