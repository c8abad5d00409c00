//! A dry run over real users, and rings for what waits for an operator.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use umoja_accounts::Error;
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{Item, Part, TargetAccount, TargetId, UserId};

use crate::targets::deliver::current;
use crate::targets::failure::Code;
use crate::targets::known::KnownTarget;
use crate::targets::plan::{Compared, Wanted, action};
use crate::targets::provisioner::Provisioner;
use crate::targets::{rows, waiting};

/// The rows of a page of a scan.
const PAGE: usize = 200;
/// How many users of a kind are named.
const SAMPLES: usize = 5;

/// What deliveries would do, by the name of the action: `create`, `update`, `disable`, ... A user that cannot be mapped is
/// under `unmappable`, and one that cannot be opened now under `unreadable`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// How many users there are of a kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// Some of them, by their ids.
    pub samples: BTreeMap<&'static str, Vec<UserId>>,
}

/// What was rung for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// How many accounts are tried again, by the code of the failure.
    pub counts: BTreeMap<String, u64>,
}

impl Survey {
    fn add(&mut self, kind: &'static str, user: UserId) {
        *self.counts.entry(kind).or_default() += 1;
        let samples = self.samples.entry(kind).or_default();
        if samples.len() < SAMPLES {
            samples.push(user);
        }
    }
}

impl Provisioner {
    /// What deliveries to a target would do now, for every user of the region. Nothing is called, and nothing is written.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn survey(&self, known: &KnownTarget) -> Result<Survey, Error> {
        let home = &self.people().home;
        let (mut survey, mut after) = (Survey::default(), None);
        loop {
            let page = home.own.users.scan(after, PAGE).await?;
            let profiles = page.records.iter().filter(|record| record.part == Part::Profile);
            for user in profiles.map(|profile| profile.id) {
                self.surveyed(known, user, &mut survey).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(survey);
            }
        }
    }

    async fn surveyed(&self, known: &KnownTarget, user: UserId, survey: &mut Survey) -> Result<(), Error> {
        let stored = rows::read(self.people(), user, &known.target.id).await?;
        let now = match current(self.people(), known, user).await {
            Ok(now) => now,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(_) => {
                survey.add("unreadable", user);
                return Ok(());
            }
        };
        let compared = Compared {
            digest: now.digest.as_ref().map(<[u8; 32]>::as_slice),
            rule: known.target.rule(),
            epoch: known.target.epoch,
            again: false,
        };
        let next = action(&now.wanted, &stored.row, compared);
        match now.wanted {
            Wanted::Unmappable => survey.add(Code::Unmappable.as_str(), user),
            Wanted::NoAccount(_) | Wanted::Unknown if !stored.exists() => {}
            _ => survey.add(next.as_str(), user),
        }
        Ok(())
    }

    /// Rings for every user of the target's company, and for every account that the target has: after a change of the
    /// mapping, the scope or the home. Returns how many were rung for.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn ring_all(&self, known: &KnownTarget) -> Result<u64, Error> {
        let (home, target) = (&self.people().home, &known.target);
        let (mut rung, mut after) = (BTreeSet::new(), None);
        loop {
            let page = home.own.users.scan(after, PAGE).await?;
            for profile in page.records.iter().filter(|record| record.part == Part::Profile) {
                let is_linked = profile.profile_facts().is_some_and(|facts| facts.links.contains_key(&target.company));
                // A primary account may be linked only by another user of its person.
                let is_merged = profile.profile_facts().is_some_and(|facts| facts.merged_into.is_some());
                let is_known = rows::read(self.people(), profile.id, &target.id).await?.exists();
                if is_linked || is_merged || is_known {
                    rung.insert(profile.id);
                    rung.extend(profile.profile_facts().and_then(|facts| facts.merged_into));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for user in &rung {
            self.ring(&target.id, *user, false).await?;
        }
        home.wake(&waiting::name(&target.id)).await;
        Ok(rung.len() as u64)
    }

    /// Rings for every account that the target has, or may have: after its removal. Returns how many were rung for.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn ring_accounts(&self, known: &KnownTarget) -> Result<u64, Error> {
        let rows = self.rows_of(known).await?.into_iter().filter(TargetAccount::may_exist);
        let mut rung = 0;
        for row in rows {
            self.ring(&row.target, row.user, false).await?;
            rung += 1;
        }
        Ok(rung)
    }

    /// Has every account tried again that waits for a change or an operator; of those with this code only, if one is
    /// named.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn redrive(&self, known: &KnownTarget, only: Option<Code>) -> Result<Redriven, Error> {
        let mut redriven = Redriven::default();
        for row in self.rows_of(known).await? {
            let Some(code) = row.code.filter(|code| only.is_none_or(|only| only.as_str() == code)) else { continue };
            self.ring(&row.target, row.user, true).await?;
            *redriven.counts.entry(code).or_default() += 1;
        }
        self.people().home.wake(&waiting::name(&known.target.id)).await;
        Ok(redriven)
    }

    /// The id that a target has given the account of a user.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn remote_id(&self, target: &TargetId, user: UserId) -> Result<Option<String>, Error> {
        let stored = rows::read(self.people(), user, target).await?;
        Ok(stored.account(self.people()).map(|account| account.id))
    }

    /// The rows of a target.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn rows_of(&self, known: &KnownTarget) -> Result<Vec<TargetAccount>, Error> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = self.people().home.own.items.scan_items(&TARGET_ACCOUNTS, after, PAGE).await?;
            for item in page.items {
                let Item::Versioned(item) = item else { continue };
                rows.extend(TargetAccount::from_item(&item).ok().filter(|row| row.target == known.target.id));
            }
            after = page.next;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }
}
