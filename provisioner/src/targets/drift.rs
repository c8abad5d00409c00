//! Compares the accounts of a target with what was sent: what was changed there by hand.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use umoja_accounts::Error;
use umoja_schema::{RemoteAccount, UserId};

use crate::targets::deliver::current;
use crate::targets::failure::Code;
use crate::targets::known::KnownTarget;
use crate::targets::plan::Wanted;
use crate::targets::provisioner::Provisioner;
use crate::targets::{rows, waiting};

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Accounts that were compared.
    pub compared: u64,
    /// Those that differ.
    pub drifted: Vec<Drifted>,
    /// Accounts that could not be compared, because the target gave no answer or the user cannot be read.
    pub unknown: u64,
    /// Why they could not be compared: their number by code, [`Drift::UNREADABLE`] among them.
    pub unknown_by: BTreeMap<&'static str, u64>,
    /// Accounts that are sent again.
    pub rung: u64,
}

/// An account that is not as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drifted {
    /// The user.
    pub user: UserId,
    /// The names of the members that differ; none if the account is gone.
    pub members: Vec<String>,
    /// True if the target has no such account any more.
    pub is_gone: bool,
}

impl Drift {
    /// The code for users that cannot be read.
    pub const UNREADABLE: &'static str = "unreadable_user";

    fn not_compared(&mut self, code: &'static str) {
        self.unknown += 1;
        *self.unknown_by.entry(code).or_default() += 1;
    }
}

impl Provisioner {
    /// Reads every account of a target, and compares the members that the mapping makes. With `repair`, what differs is
    /// sent again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn drift(&self, known: &KnownTarget, repair: bool) -> Result<Drift, Error> {
        let mut drift = Drift::default();
        for row in self.rows_of(known).await? {
            if !matches!(row.account, RemoteAccount::Active | RemoteAccount::Disabled) {
                continue;
            }
            let found = match self.differs(known, row.user).await {
                Ok(found) => found,
                Err(Error::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(user = %row.user, target = %known.target.id, %error, "a user cannot be compared");
                    drift.not_compared(Drift::UNREADABLE);
                    continue;
                }
            };
            match found {
                Ok(None) => drift.compared += 1,
                Ok(Some(drifted)) => {
                    drift.compared += 1;
                    if repair {
                        self.ring(&known.target.id, row.user, true).await?;
                        drift.rung += 1;
                    }
                    drift.drifted.push(drifted);
                }
                Err(code) => drift.not_compared(code.as_str()),
            }
        }
        if drift.rung > 0 {
            self.people().home.wake(&waiting::name(&known.target.id)).await;
        }
        Ok(drift)
    }

    async fn differs(&self, known: &KnownTarget, user: UserId) -> Result<Result<Option<Drifted>, Code>, Error> {
        let people = self.people();
        let stored = rows::read(people, user, &known.target.id).await?;
        let Wanted::Account { document, .. } = current(people, known, user).await?.wanted else { return Ok(Ok(None)) };
        let Some(account) = stored.account(people) else { return Ok(Ok(None)) };
        let client = known.client(self.outbound(), people.home.clock.now());
        let theirs = match client.read(user, &account).await {
            Ok(theirs) => theirs,
            Err(failure) => return Ok(Err(failure.code)),
        };
        let Some(theirs) = theirs else {
            return Ok(Ok(Some(Drifted { user, members: Vec::new(), is_gone: true })));
        };
        let ours = document.iter().filter(|(name, _)| *name != "schemas");
        let differ = ours.filter(|(name, value)| !theirs.get(*name).is_some_and(|theirs| has(theirs, value)));
        let members: Vec<String> = differ.map(|(name, _)| name.clone()).collect();
        Ok(Ok((!members.is_empty()).then_some(Drifted { user, members, is_gone: false })))
    }
}

/// Whether a value has all that was sent. A target may add members of its own.
fn has(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            ours.iter().all(|(name, value)| theirs.get(name).is_some_and(|theirs| has(theirs, value)))
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(theirs, ours)| has(theirs, ours))
        }
        (theirs, ours) => theirs == ours,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_target_adds_is_no_difference_and_what_it_changes_is() {
        let ours = json!({"emails": [{"value": "a@example.com"}], "active": true});
        let theirs = json!({"emails": [{"value": "a@example.com", "display": "A"}], "active": true, "id": "7"});
        assert!(has(&theirs, &ours));
        for theirs in [json!({"active": true}), json!({"emails": [{"value": "b@example.com"}], "active": true})] {
            assert!(!has(&theirs, &ours));
        }
        assert!(!has(&json!({"emails": [], "active": true}), &ours));
    }
}
