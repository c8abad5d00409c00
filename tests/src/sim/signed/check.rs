//! What clients are answered, and what is valid in the end.

use std::collections::BTreeSet;

use umoja_accounts::access::{Described, FamilyState, Reuse, Standing};
use umoja_schema::access::{Family, Sector, Session, Subject};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, UserId};
use umoja_store::ports::Clock as _;

use crate::sim::fleet::Fleet;
use crate::sim::signing::provider::{Got, SCOPE, client};
use crate::sim::signing::{FamilyOf, SKEW_MS, SessionOf, sector};

/// More than the longest time after which a notice is sent again.
const LONG_MS: u64 = 16 * 60 * 1000;
/// After this number of rounds every notice was sent.
const ROUNDS: usize = 8;

/// Rows expire at whole seconds, and no sooner than what they are of.
const SECOND_MS: u64 = 1_000;

impl Fleet {
    /// Checks the answers of a step.
    pub(in crate::sim) fn check_signed(&self) {
        let noted = self.signing.noted.take();
        if noted.is_empty() {
            return;
        }
        self.note_changes();
        for noted in noted {
            let name = &self.region(noted.at).name;
            let client = self.signing.sessions.borrow()[noted.session].client;
            let is_barred = self.is_barred(noted.at, noted.user, client);
            if noted.has_tokens {
                assert!(!noted.was_over, "sign-on: {name} answered with tokens after the end of a session");
                let was_barred = noted.was_barred && is_barred;
                assert!(!was_barred, "sign-on: {name} answered with tokens of {} who may not sign in", noted.user);
                continue;
            }
            let session = self.signing.sessions.borrow()[noted.session].clone();
            let now = self.region(noted.at).clock.now();
            let is_excused = noted.was_over
                || noted.was_barred
                || is_barred
                || !session.ends.is_empty()
                || session.presented > 1
                || self.may_have_ended_with_all(&session)
                || self.may_be_withdrawn(&session)
                || now.plus(SKEW_MS) >= session.expires_at
                || noted.family.is_some_and(|family| self.may_be_over(&self.signing.families.borrow()[family]));
            assert!(!noted.is_honest || is_excused, "sign-on: {name} ended an honest family of {}", noted.user);
        }
    }

    /// True if something was done that may have ended a family.
    fn may_be_over(&self, family: &FamilyOf) -> bool {
        let session = &self.signing.sessions.borrow()[family.session];
        family.may_be_over
            || self.may_have_ended_with_all(session)
            || !session.ends.is_empty()
            || session.presented > 1
            || self.may_be_withdrawn(session)
            || self.all_credentials(family.user).iter().any(|one| !family.credentials.contains(one))
    }

    /// True if the consents of a session's client were ever withdrawn.
    fn may_be_withdrawn(&self, session: &SessionOf) -> bool {
        let history = self.history.borrow();
        let is_of =
            |(user, client): &(UserId, u8)| *client == session.client && history.were_ever_one(*user, session.user);
        self.signing.withdrawn.borrow().iter().any(is_of)
    }

    /// After all messages have arrived: what has ended is over everywhere, and what was not ended is valid everywhere.
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
        self.check_notices().await;
    }

    async fn check_family(&self, family: &FamilyOf) {
        let session = self.signing.sessions.borrow()[family.session].clone();
        let is_of_former = self.is_of_former_password(&session);
        let is_over = family.is_over
            || family.is_stolen()
            || session.is_replayed
            || !session.out.is_empty()
            || session.is_over_with_all
            || is_of_former;
        let mut is_honest = !is_over && !self.may_be_over(family);
        for (at, people) in self.signing.people.iter().enumerate() {
            let name = &self.region(at).name;
            let standing = Standing::read(people, family.user).await.expect("all services work");
            let now = self.region(at).clock.now();
            let state = standing.map(|standing| standing.state(&described(family, &session), Reuse::default(), now));
            let is_valid = matches!(state, Some(FamilyState::Live | FamilyState::Fresh));
            let why = (family.is_over, family.stolen, session.is_replayed, &session.out);
            assert!(!is_valid || !is_of_former, "sign-on: {} of a former password is valid in {name}", family.id);
            assert!(!is_valid || !is_over, "sign-on: {} is valid in {name} although it has ended: {why:?}", family.id);
            let is_barred = self.is_barred(at, family.user, session.client);
            let is_inactive = !self
                .history
                .borrow()
                .primary(at, family.user)
                .is_some_and(|primary| self.history.borrow().is_active(at, primary));
            assert!(!is_valid || !is_inactive, "sign-on: {} of a barred person is valid in {name}", family.id);
            let has_expired = self.region(at).clock.now() >= session.expires_at;
            let is_long_over = self.region(at).clock.now() >= session.expires_at.plus(SECOND_MS);
            assert!(!is_valid || !is_long_over, "sign-on: {} is valid in {name} although it has expired", family.id);
            is_honest &= !is_barred && !has_expired;
            assert!(is_valid || !is_honest, "sign-on: {name} ended an honest family of {}: {}", family.user, family.id);
        }
        self.signing.count(|counted| {
            counted.honest += u64::from(is_honest);
            counted.stolen += u64::from(family.is_stolen());
        });
    }

    /// A code begins one family, also if it was presented to several regions, or its answer was lost.
    async fn check_codes(&self) {
        let sessions = self.signing.sessions.borrow().clone();
        for session in sessions {
            for region in &self.world().regions {
                let items = region.tables.items.items(&ACCESS, session.user).await.expect("rows can be read");
                let begun = items.iter().filter_map(|item| Family::from_item(item).ok());
                let begun = begun.filter(|family| family.session.as_ref() == Some(&session.id)).count();
                assert!(begun <= 1, "sign-on: a code began {begun} families in {}", region.name);
                let key = Session::key(&session.id);
                let row = items.into_iter().find(|item| item.key == key);
                let has_expired = region.clock.now() >= session.expires_at.plus(SECOND_MS);
                let is_live = row.is_some_and(|row| !row.version.erased && !row.is_expired(region.clock.now()));
                assert!(!is_live || session.out.is_empty(), "sign-on: a session came back in {}", region.name);
                assert!(!is_live || !has_expired, "sign-on: a session did not expire in {}", region.name);
            }
        }
    }

    /// Every client is informed of the end of a session that its region knew to be of it: once, unless something was lost.
    async fn check_notices(&self) {
        let signing = &self.signing;
        signing.clients.lose(0);
        for _ in 0..ROUNDS {
            self.world().clock.advance(LONG_MS);
            for logouts in &signing.logouts {
                while logouts.step().await.expect("all services work").rows > 0 {}
            }
        }
        let (got, is_calm) = (signing.clients.got(), !signing.is_disturbed.get() && signing.is_informing.get() == 0);
        for session in signing.sessions.borrow().iter() {
            let secrets = &signing.people[0].secrets;
            let is_of_it = |got: &&Got| got.session == secrets.session_name(&session.id, &got.client);
            let of_it: Vec<_> = got.iter().filter(is_of_it).collect();
            let ids: BTreeSet<_> = of_it.iter().map(|got| &got.jti).collect();
            let is_erased = (0..signing.people.len()).any(|at| self.is_erased(at, session.user));
            let is_informed = !of_it.is_empty() || is_erased;
            assert!(
                !session.is_to_be_informed || is_informed,
                "sign-on: {} never heard that a session ended",
                session.client
            );
            // A changed password ends sessions too.
            if session.ends.is_empty() {
                continue;
            }
            let is_own = of_it.iter().all(|got| got.client == client(session.client));
            assert!(is_own, "sign-on: a client was informed of another one's session: {of_it:?}");
            assert!(ids.len() <= signing.people.len(), "sign-on: {} notices of one session", ids.len());
            if is_calm {
                assert_eq!(of_it.len(), ids.len(), "sign-on: a notice was sent twice although nothing was lost");
            }
        }
    }

    /// Every region calls a user the same, by the earliest row of its person.
    async fn check_subjects(&self) {
        for sector in [Sector::Public, sector(2)] {
            let users = self.history.borrow().users();
            for user in users {
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

/// A family as its tokens describe it.
fn described(family: &FamilyOf, session: &SessionOf) -> Described {
    let (ends, withdrawal) = session.began_with.clone();
    let family = Family {
        user: family.user,
        id: family.id.clone(),
        client: client(session.client).to_owned(),
        session: Some(session.id.clone()),
        scopes: BTreeSet::from([SCOPE.to_owned()]),
        jkt: None,
        expires_at: session.expires_at,
        ends,
        unknown: Attributes::new(),
    };
    Described { family, begun_at: session.issued_at, withdrawal }
}
