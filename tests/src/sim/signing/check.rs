//! What clients are told, and what is valid in the end.

use umoja_accounts::access::{Reuse, Standing};
use umoja_schema::access::{Family, Sector, Session, Subject};
use umoja_schema::replicated::ACCESS;
use umoja_schema::UserId;
use umoja_store::ports::Clock as _;

use super::{FamilyOf, SKEW_MS};
use crate::sim::fleet::Fleet;

impl Fleet {
    /// Checks the answers of a step.
    pub(in crate::sim) fn check_signed(&self) {
        let told = self.signing.told.take();
        if told.is_empty() {
            return;
        }
        self.note_changes();
        for told in told {
            let name = &self.region(told.at).name;
            let is_barred = told.was_barred && self.is_barred(told.at, told.user);
            if told.has_tokens {
                assert!(!told.was_over, "sign-on: {name} answered with tokens after the end of a session");
                assert!(!is_barred, "sign-on: {name} answered with tokens of {} who may not sign in", told.user);
                continue;
            }
            let is_barred = told.was_barred || self.is_barred(told.at, told.user);
            let session = self.signing.sessions.borrow()[told.session].clone();
            let now = self.region(told.at).clock.now();
            let is_excused = told.was_over
                || is_barred
                || session.may_be_out
                || session.presented > 1
                || now.plus(SKEW_MS) >= session.expires_at
                || told.family.is_some_and(|family| self.may_be_over(&self.signing.families.borrow()[family]));
            assert!(!told.is_honest || is_excused, "sign-on: {name} ended an honest family of {}", told.user);
        }
    }

    /// True if something was done that may have ended a family.
    fn may_be_over(&self, family: &FamilyOf) -> bool {
        let history = self.history.borrow();
        let session = &self.signing.sessions.borrow()[family.session];
        let is_withdrawn = |(user, client): &(UserId, u8)| {
            *client % 3 == session.client % 3 && history.were_ever_one(*user, family.user)
        };
        family.may_be_over
            || session.may_be_out
            || session.presented > 1
            || self.signing.withdrawn.borrow().iter().any(is_withdrawn)
            || self.all_credentials(family.user).iter().any(|one| !family.credentials.contains(one))
    }

    /// After all messages have arrived: what has ended is over everywhere, and what nobody has ended is valid everywhere.
    pub(in crate::sim) async fn check_signing(&self) {
        if !self.signing.is_on {
            return;
        }
        let families = self.signing.families.borrow().clone();
        for family in &families {
            self.check_family(family).await;
        }
        self.check_codes().await;
        self.check_subjects().await;
        self.verify_tokens().await;
    }

    async fn check_family(&self, family: &FamilyOf) {
        let session = self.signing.sessions.borrow()[family.session].clone();
        let is_over = family.is_over || session.is_replayed || !session.out.is_empty();
        let mut is_honest = !is_over && !self.may_be_over(family);
        for (at, people) in self.signing.people.iter().enumerate() {
            let name = &self.region(at).name;
            let standing = Standing::read(people, family.user).await.expect("all services work");
            let is_valid = standing.is_some_and(|standing| standing.family(&family.id, Reuse::default()).is_some());
            let why = (family.is_over, session.is_replayed, &session.out);
            assert!(!is_valid || !is_over, "sign-on: {} is valid in {name} although it has ended: {why:?}", family.id);
            let is_barred = self.is_barred(at, family.user);
            assert!(!is_valid || !is_barred, "sign-on: {} of a barred person is valid in {name}", family.id);
            let has_expired = self.region(at).clock.now() >= session.expires_at;
            assert!(!is_valid || !has_expired, "sign-on: {} is valid in {name} although it has expired", family.id);
            is_honest &= !is_barred && !has_expired;
            assert!(is_valid || !is_honest, "sign-on: {name} ended an honest family of {}: {}", family.user, family.id);
        }
        if is_honest {
            self.signing.count(|counted| counted.honest += 1);
        }
    }

    /// A code begins one family, also if it was presented to several regions, or its answer was lost.
    async fn check_codes(&self) {
        for session in self.signing.sessions.borrow().clone() {
            for region in &self.world().regions {
                let items = region.tables.items.items(&ACCESS, session.user).await.expect("rows can be read");
                let begun = items.iter().filter_map(|item| Family::from_item(item).ok());
                let begun = begun.filter(|family| family.session.as_ref() == Some(&session.id)).count();
                assert!(begun <= 1, "sign-on: a code began {begun} families in {}", region.name);
                let key = Session::key(&session.id);
                let row = items.into_iter().find(|item| item.key == key);
                let has_expired = region.clock.now() >= session.expires_at;
                let is_live = row.is_some_and(|row| !row.version.erased && !row.is_expired(region.clock.now()));
                assert!(!is_live || session.out.is_empty(), "sign-on: a session came back in {}", region.name);
                assert!(!is_live || !has_expired, "sign-on: a session did not expire in {}", region.name);
            }
        }
    }

    /// Every region calls a user the same, by the earliest row of its person.
    async fn check_subjects(&self) {
        for sector in [Sector::Public, super::sector(2)] {
            for user in self.history.borrow().users() {
                let mut all = Vec::new();
                for (at, people) in self.signing.people.iter().enumerate() {
                    let standing = Standing::read(people, user).await.expect("all services work");
                    let Some(standing) = standing else { continue };
                    let expected = self.earliest_sub(at, user, &Subject::key(&sector)).await;
                    let sub = standing.subject(&sector).map(str::to_owned);
                    assert_eq!(sub, expected, "sign-on: {user} is called by another row");
                    all.push(sub);
                }
                all.dedup();
                assert!(all.len() <= 1, "sign-on: {user} is called {all:?}");
            }
        }
    }
}
