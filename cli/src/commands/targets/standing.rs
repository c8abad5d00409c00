//! How targets stand in their homes: what waits, what failed, and which are out.

use std::collections::BTreeMap;

use serde::Serialize;
use umoja_provisioner::targets::{Code, Outage, Waits, waits};
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{Item, Millis, Region, RemoteAccount, Target, TargetAccount, TargetId};
use umoja_store::ports::StoreError;

use crate::deployment::{DeployedRegion, Regions, newest_of};
use crate::output::{counted, time, verb};

/// The rows of a page of a scan.
const PAGE: usize = 500;

/// The accounts of a target, as its home knows them.
#[derive(Default)]
pub(super) struct Accounts {
    /// How many are in each state.
    pub(super) states: BTreeMap<&'static str, u64>,
    /// The users of those that are not up to date, by the code of the failure.
    pub(super) codes: BTreeMap<String, Vec<String>>,
}

impl Accounts {
    /// Reads the accounts of a target in its home.
    pub(super) async fn of(region: &DeployedRegion, target: &TargetId) -> Result<Self, StoreError> {
        Ok(all(region).await?.remove(target).unwrap_or_default())
    }

    /// How many accounts there are, or may be.
    pub(super) fn remaining(&self) -> u64 {
        let none = RemoteAccount::None.as_str();
        self.states.iter().filter(|(state, _)| **state != none).map(|(_, count)| count).sum()
    }

    fn with(&self, codes: &[Code]) -> u64 {
        let users = codes.iter().filter_map(|code| self.codes.get(code.as_str()));
        users.map(|users| users.len() as u64).sum()
    }
}

/// The accounts of all targets by the rows of a region.
async fn all(region: &DeployedRegion) -> Result<BTreeMap<TargetId, Accounts>, StoreError> {
    let (mut accounts, mut after) = (BTreeMap::<TargetId, Accounts>::new(), None);
    loop {
        let page = region.home.own.items.scan_items(&TARGET_ACCOUNTS, after, PAGE).await?;
        for item in page.items {
            let Item::Versioned(item) = item else { continue };
            let Ok(row) = TargetAccount::from_item(&item) else { continue };
            let of = accounts.entry(row.target).or_default();
            *of.states.entry(row.account.as_str()).or_default() += 1;
            if let Some(code) = row.code {
                of.codes.entry(code).or_default().push(row.user.to_string());
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(accounts);
        }
    }
}

/// How a target stands.
#[derive(Serialize)]
pub(in crate::commands) struct Standing {
    id: TargetId,
    home: Region,
    state: &'static str,
    /// Accounts that have to be brought up to date, now or later.
    waiting: u64,
    /// When the first of them is due, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_due: Option<u64>,
    /// Accounts of strangers that have the values of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<u64>,
    /// Removals that the brake holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<u64>,
    /// Accounts that were given up, or that the target or the mapping rejects.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
    /// Accounts of which the last delivery failed, and is made again by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    retried: Option<u64>,
    /// Why the target counts as out.
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<Outage>,
}

/// How all targets stand, and what needs an operator.
pub(in crate::commands) struct Standings {
    pub(in crate::commands) targets: Vec<Standing>,
    pub(in crate::commands) attention: Vec<String>,
}

/// How the targets of a deployment stand. `fast` leaves the accounts out, for which a table is scanned. Regions that do not
/// answer are left out, because they are reported elsewhere.
pub(in crate::commands) async fn standings(deployment: &Regions, fast: bool) -> Standings {
    let answered = deployment.rows::<Target>().await;
    let newest: BTreeMap<&str, &Target> = newest_of(answered.regions.iter().flat_map(|(_, rows)| rows));
    let mut standings = Standings { targets: Vec::new(), attention: Vec::new() };
    let mut read: BTreeMap<&Region, Option<BTreeMap<TargetId, Accounts>>> = BTreeMap::new();
    for target in newest.into_values() {
        let Ok(region) = deployment.get(&target.home) else {
            let (id, home) = (&target.id, &target.home);
            standings
                .attention
                .push(format!("the home {home} of the target {id} is no region; see `umoja target move`"));
            continue;
        };
        if !fast && !read.contains_key(&target.home) {
            read.insert(&target.home, all(region).await.ok());
        }
        let none = Accounts::default();
        let accounts = read.get(&target.home).and_then(Option::as_ref).map(|all| all.get(&target.id).unwrap_or(&none));
        let Ok(standing) = Standing::of(region, target, accounts).await else { continue };
        // What was removed and has nothing left is not listed.
        if target.is_ended() && standing.waiting == 0 && standing.needed() == 0 {
            continue;
        }
        standings.attention.extend(standing.attention());
        standings.targets.push(standing);
    }
    standings
}

impl Standing {
    async fn of(region: &DeployedRegion, target: &Target, accounts: Option<&Accounts>) -> Result<Self, StoreError> {
        let Waits { accounts: waiting, first } = waits(&*region.home.due, &target.id).await?;
        let out = Outage::load(&*region.home.checkpoints, &target.id).await?;
        let with = |codes: &[Code]| accounts.map(|accounts| accounts.with(codes));
        Ok(Self {
            id: target.id.clone(),
            home: target.home.clone(),
            state: match (target.is_ended(), target.enabled, &out) {
                (true, ..) => "removed",
                (false, false, _) => "paused",
                (false, true, Some(_)) => "out",
                (false, true, None) => "on",
            },
            waiting,
            first_due: first.map(Millis::secs),
            conflicts: with(&[Code::Conflict]),
            held: with(&[Code::Held]),
            failed: with(&[Code::Failed, Code::Rejected, Code::Unmappable]),
            retried: with(&Code::ALL.into_iter().filter(|code| code.is_tried_again()).collect::<Vec<_>>()),
            out,
        })
    }

    /// How many accounts wait for an operator.
    fn needed(&self) -> u64 {
        [self.conflicts, self.held, self.failed].into_iter().flatten().sum()
    }

    /// What needs an operator.
    fn attention(&self) -> Vec<String> {
        let (id, mut attention) = (&self.id, Vec::new());
        let mut say = |count: Option<u64>, one: &'static str, many: &'static str, next: &str| {
            let Some(count) = count.filter(|count| *count > 0) else { return };
            let accounts = counted(count, "account");
            attention.push(format!("{accounts} of the target {id} {}; see `{next}`", verb(count, one, many)));
        };
        say(self.conflicts, "is a stranger's", "are strangers'", "umoja target list --failed");
        say(self.held, "would be removed and is held", "would be removed and are held", "umoja target resume");
        say(self.failed, "was not brought up to date", "were not brought up to date", "umoja target list --failed");
        if self.state == "on" {
            say(self.retried, "fails and is tried again", "fail and are tried again", "umoja target list --failed");
        }
        if let (Some(Outage { since, code }), "out" | "removed") = (&self.out, self.state) {
            let since = time(*since);
            attention.push(format!("the target {id} is out since {since} ({code}); see `umoja target list`"));
        }
        attention
    }

    /// The words for people.
    pub(in crate::commands) fn row(&self) -> Vec<String> {
        let mut words = vec![self.state.to_owned(), format!("{} waiting", self.waiting)];
        words.extend(self.first_due.map(|secs| format!("the first due {}", time(Millis(secs * 1_000)))));
        let counts = [
            ("conflicts", self.conflicts),
            ("held", self.held),
            ("failed", self.failed),
            ("tried again", self.retried),
        ];
        words.extend(counts.into_iter().filter_map(|(name, count)| Some(format!("{} {name}", count?))));
        vec![format!("target {}", self.id), words.join(", ")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_out_needs_an_operator_and_a_paused_one_does_not() {
        let standing = |state| Standing {
            id: "soko-crm".parse().unwrap(),
            home: "eu-west-1".parse().unwrap(),
            state,
            waiting: 3,
            first_due: Some(1_764_417_600),
            conflicts: Some(1),
            held: Some(0),
            failed: None,
            retried: Some(2),
            out: Some(Outage { since: Millis(1_764_417_600_000), code: "credentials".to_owned() }),
        };
        let said = standing("out").attention();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("1 account of the target soko-crm is a stranger's"), "{said:?}");
        assert!(said[1].contains("out since 2025-11-29") && said[1].contains("(credentials)"), "{said:?}");
        assert_eq!(standing("paused").attention().len(), 1);
        let said = standing("on").attention();
        assert!(said[1].starts_with("2 accounts of the target soko-crm fail and are tried again"), "{said:?}");
        assert!(standing("out").row()[1].starts_with("out, 3 waiting, the first due 2025-11-29"));
    }
}
