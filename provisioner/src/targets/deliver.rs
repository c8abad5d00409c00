//! Brings the account of one user at one target up to date.
//!
//! # Guarantees
//!
//! - **Whole state.** What is sent is made of the user as the region has it when it is sent. So an older state never
//!   stands over a newer one for longer than one delivery, and a delivery that is repeated changes nothing.
//! - **No call for an unchanged user.** A keyed digest of what the target accepted last is compared first.
//! - **No second account.** Before an account is asked for, a row says that there may be one. A delivery that is killed,
//!   or whose answer is lost, is followed by a search for the id of the user.
//! - **No stranger's account.** An account with the same values that has not the user's id is a conflict for people.
//! - **An erasure wins.** A write that lost against another one makes the delivery read again, and a tombstone deletes.

use serde_json::Value;
use umoja_accounts::provisioning::{self, Params};
use umoja_accounts::{Error, People};
use umoja_schema::{RemoteAccount, TargetAccount, UserId, Version};
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::ports::Outbound;

use crate::retry::TRIED_FOR_MS;
use crate::targets::client::{Account, Changed, Client, Created};
use crate::targets::confirm::confirm;
use crate::targets::failure::{Code, Failure, Then};
use crate::targets::known::{KnownTarget, canonical};
use crate::targets::plan::{Action, Compared, Wanted, Why, action};
use crate::targets::removals::Removals;
use crate::targets::rows::{self, StoredAccount, with_account, without_account, without_failure};

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// What is known of the account now.
    pub account: RemoteAccount,
    /// What was done, in order. Empty if the target was up to date.
    pub done: Vec<Action>,
    /// Why the target is not up to date.
    pub failure: Option<Failure>,
    /// How often the delivery has failed by now.
    pub failures: u64,
    /// True if the target was asked.
    pub was_asked: bool,
}

/// What a delivery needs.
pub(crate) struct Deliverer<'a> {
    pub(crate) people: &'a People,
    pub(crate) outbound: &'a dyn Outbound,
    pub(crate) removals: &'a Removals,
    pub(crate) known: &'a KnownTarget,
}

/// A user as a target is to have it.
pub(crate) struct Current {
    pub(crate) wanted: Wanted,
    pub(crate) digest: Option<[u8; 32]>,
    version: Option<Version>,
    /// The request about the account that was read.
    request: Option<Version>,
    has_params: bool,
}

/// Reads what a target is to have for a user, and what the company has said about it.
///
/// # Errors
/// If the user cannot be read or opened now.
pub(crate) async fn current(people: &People, known: &KnownTarget, user: UserId) -> Result<Current, Error> {
    let request = provisioning::request(people, user, &known.target.id).await?;
    let params = request.as_ref().and_then(|(request, _)| people.params(request));
    let now = current_with(people, known, user, params.as_ref()).await?;
    let has_params = request.as_ref().is_some_and(|(request, _)| request.params.is_some());
    Ok(Current { request: request.map(|(_, version)| version), has_params, ..now })
}

/// Reads what a target is to have for a user, if the company says this about it.
///
/// # Errors
/// If the user cannot be read or opened now.
pub(crate) async fn current_with(
    people: &People,
    known: &KnownTarget,
    user: UserId,
    params: Option<&Params>,
) -> Result<Current, Error> {
    let none = |wanted| Current { wanted, digest: None, version: None, request: None, has_params: false };
    let Some(person) = people.reader().load(user).await? else {
        let parts = people.home.own.users.parts(user).await?;
        let records = [&parts.profile, &parts.credentials];
        let is_erased = records.into_iter().flatten().any(|record| record.version.erased);
        return Ok(none(if is_erased { Wanted::NoAccount(Why::Erased) } else { Wanted::Unknown }));
    };
    let wanted = known.wanted(user, &person, params);
    let digest = match &wanted {
        Wanted::Account { document, .. } => {
            let content = canonical(&Value::Object(document.clone())).to_string();
            Some(people.secrets.sent_tag((user, &known.target.id), content.as_bytes()))
        }
        _ => None,
    };
    let version = person.get(user).map(|user| user.version().latest().clone());
    Ok(Current { digest, version, ..none(wanted) })
}

impl Deliverer<'_> {
    /// Brings the account up to date. With `again`, what the target has already or rejected is sent all the same.
    pub(crate) async fn deliver(&self, user: UserId, mut again: bool) -> Result<Delivered, Error> {
        let (people, target) = (self.people, &self.known.target);
        let client = self.known.client(self.outbound, people.home.clock.now());
        let (mut done, mut was_asked) = (Vec::new(), false);
        let delivered = |row: &TargetAccount, done, failure, was_asked| Delivered {
            account: row.account,
            done,
            failure,
            failures: row.attempts,
            was_asked,
        };
        for _ in 0..MAX_ROUNDS {
            let stored = rows::read(people, user, &target.id).await?;
            let now = current(people, self.known, user).await?;
            let compared = Compared {
                digest: now.digest.as_ref().map(<[u8; 32]>::as_slice),
                rule: target.rule(),
                epoch: target.epoch,
                again,
            };
            let next = action(&now.wanted, &stored.row, compared);
            if next == Action::Nothing {
                if !self.settle(&stored, &now).await? {
                    continue;
                }
                let unmappable = (now.wanted == Wanted::Unmappable).then(|| Failure::from(Code::Unmappable));
                return Ok(delivered(&stored.row, done, unmappable, was_asked));
            }
            if next == Action::Stays {
                let row = now.noted(stored.row.clone());
                if row != stored.row && stored.replace(people, &row).await?.is_none() {
                    continue;
                }
                let code = stored.row.code.as_deref().and_then(Code::from_name).unwrap_or(Code::Rejected);
                return Ok(delivered(&stored.row, done, Some(Failure::from(code)), was_asked));
            }
            if next.removes(&now.wanted, &stored.row) && !self.removals.may_remove(people, target).await? {
                let failure = Failure::from(Code::Held);
                let row = TargetAccount { code: Some(failure.code.as_str().to_owned()), ..stored.row.clone() };
                let row = now.noted(row);
                if row != stored.row && stored.replace(people, &row).await?.is_none() {
                    continue;
                }
                return Ok(delivered(&row, done, Some(failure), was_asked));
            }
            let begun = if next == Action::Create {
                let row = TargetAccount { account: RemoteAccount::Unknown, ..stored.row.clone() };
                let Some(begun) = stored.replace(people, &row).await? else { continue };
                begun
            } else {
                stored
            };
            was_asked |= next != Action::Leave;
            let result = self.act(&client, next, &begun, &now).await;
            let (row, failure) = match result {
                Ok(row) => (self.succeeded(row, &now), None),
                Err(failure) => self.failed(&begun.row, &now, failure, next),
            };
            if begun.replace(people, &row).await?.is_none() {
                // Another write came between, and nothing says which of two calls was the last: send the present state.
                again = next != Action::Search;
                continue;
            }
            done.push(next);
            if let Some(failure) = failure {
                return Ok(delivered(&row, done, Some(failure), was_asked));
            }
            // What was found by a search is compared, and a user that changed meanwhile is sent again.
            again &= next == Action::Search;
        }
        Err(Error::Contended)
    }

    /// Makes the call of an action.
    async fn act(
        &self,
        client: &Client<'_>,
        next: Action,
        stored: &StoredAccount,
        now: &Current,
    ) -> Result<TargetAccount, Failure> {
        let (people, user) = (self.people, stored.row.user);
        let row = stored.row.clone();
        let found = |account: Option<Account>| match account {
            // Whether it is active is not asked: what is sent next says so.
            Some(account) => {
                let row = TargetAccount { account: RemoteAccount::Active, digest: None, ..row.clone() };
                with_account(people, row, &account)
            }
            None => without_account(row.clone()),
        };
        let account = match next {
            Action::Search | Action::Create => None,
            _ => stored.account(people),
        };
        let Some(account) = account else {
            return match (next, &now.wanted) {
                (Action::Create, Wanted::Account { document, .. }) => match client.create(user, document).await? {
                    Created::Made(account) => {
                        let digest = now.digest.map(|digest| digest.to_vec());
                        Ok(TargetAccount { digest, ..found(Some(account)) })
                    }
                    Created::Found(account) => Ok(found(Some(account))),
                },
                // Also where the id of the account does not open any more.
                _ => client.find(user).await.map(found),
            };
        };
        let changed = |changed: Changed, state, digest: Option<[u8; 32]>| match changed {
            Changed::Done(account) => {
                let row = TargetAccount { account: state, digest: digest.map(|tag| tag.to_vec()), ..row.clone() };
                with_account(people, row, &account)
            }
            Changed::Gone => without_account(row.clone()),
            // If another delivery has changed it, the row is not as it was read, and the user is read again.
            Changed::Stale(now) => with_account(people, TargetAccount { digest: None, ..row.clone() }, &now),
        };
        match (next, &now.wanted) {
            (Action::Update, Wanted::Account { document, is_active }) => {
                let state = if *is_active { RemoteAccount::Active } else { RemoteAccount::Disabled };
                Ok(changed(client.update(user, &account, document).await?, state, now.digest))
            }
            (Action::Disable, _) => Ok(changed(client.disable(user, &account).await?, RemoteAccount::Disabled, None)),
            (Action::Delete, _) => {
                client.delete(user, &account).await?;
                Ok(without_account(row))
            }
            _ => Ok(TargetAccount { account: RemoteAccount::Left, digest: None, ..row }),
        }
    }

    fn succeeded(&self, row: TargetAccount, now: &Current) -> TargetAccount {
        let epoch = self.known.target.epoch;
        now.noted(TargetAccount { epoch, sent: now.version.clone(), ..without_failure(row) })
    }

    fn failed(
        &self,
        row: &TargetAccount,
        now: &Current,
        failure: Failure,
        next: Action,
    ) -> (TargetAccount, Option<Failure>) {
        let at = self.people.home.clock.now();
        // What has failed for too long is tried as if it were new, once a change or an operator asks for it.
        let is_given_up = row.code.as_deref() == Some(Code::Failed.as_str());
        let since = row.failing_since.filter(|_| !is_given_up).unwrap_or(at);
        let failure = match failure.then {
            Then::Again(_) if at.since(since) >= TRIED_FOR_MS => Failure::from(Code::Failed),
            _ => failure,
        };
        // A target that says no has made nothing. Any other answer leaves open whether it has.
        let said_no =
            !matches!(failure.code, Code::Unavailable | Code::TargetError | Code::UnreadableAnswer | Code::Failed);
        let is_final = matches!(failure.code, Code::Rejected | Code::Conflict);
        // What may have been done is not what was accepted last: without a digest the present state is sent, also if it
        // is again as it was before.
        let may_be_active = next == Action::Update && matches!(now.wanted, Wanted::Account { is_active: true, .. });
        let account = match row.account {
            _ if next == Action::Create && said_no => RemoteAccount::None,
            _ if may_be_active && !said_no => RemoteAccount::Active,
            account => account,
        };
        let failed = TargetAccount {
            account,
            digest: row.digest.clone().filter(|_| said_no || next == Action::Search),
            attempts: row.attempts + 1,
            code: Some(failure.code.as_str().to_owned()),
            tried: now.digest.filter(|_| is_final).map(|digest| digest.to_vec()).or_else(|| row.tried.clone()),
            failing_since: Some(since),
            ..row.clone()
        };
        (now.noted(failed), Some(failure))
    }

    /// Notes that a target is up to date: a failure of the past is over, and an erasure is confirmed. False if another
    /// write came between.
    async fn settle(&self, stored: &StoredAccount, now: &Current) -> Result<bool, Error> {
        let row = match &now.wanted {
            Wanted::Unmappable => {
                TargetAccount { code: Some(Code::Unmappable.as_str().to_owned()), ..stored.row.clone() }
            }
            Wanted::Unknown => stored.row.clone(),
            _ => without_failure(stored.row.clone()),
        };
        let row = now.noted(row);
        // Who asked has to learn that this version of the user changes nothing.
        let sent = if row.asked == stored.row.asked { &row.sent } else { &now.version };
        let row = TargetAccount { sent: sent.clone(), ..row };
        if row != stored.row && stored.replace(self.people, &row).await?.is_none() {
            return Ok(false);
        }
        let (people, user, target) = (self.people, row.user, &self.known.target.id);
        if now.wanted == Wanted::NoAccount(Why::Erased) && (stored.exists() || now.request.is_some()) {
            if now.has_params && !people.forget_params(user, target).await? {
                return Ok(false);
            }
            confirm(people, user, target).await?;
        }
        Ok(true)
    }
}

impl Current {
    /// The row with the request that this delivery has read. One about a user that has not arrived waits for the user.
    fn noted(&self, row: TargetAccount) -> TargetAccount {
        match &self.request {
            Some(request) if self.wanted != Wanted::Unknown => TargetAccount { asked: Some(request.clone()), ..row },
            _ => row,
        }
    }
}
