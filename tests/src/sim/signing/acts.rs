//! What persons, clients and thieves do.

use std::collections::{BTreeMap, BTreeSet};

use umoja_accounts::access::{NewSession, Standing};
use umoja_schema::access::{Family, KEPT_USES, Session, Subject};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Millis, Part, UserId, Version};
use umoja_store::ports::Clock as _;

use super::provider::{self, Answer};
use super::{FamilyOf, SessionOf, Told, client, sector};
use crate::sim::fleet::Fleet;
use crate::sim::names::company;
use crate::sim::plan::Sign;

/// For how long a token may be used again.
const GRACE_MS: u64 = 30_000;
/// After this time a use is late by any clocks of a run.
const SURELY_LATE_MS: u64 = 51_000;
/// The lives of sessions: one ends within a run.
const LIVES_MS: [u64; 3] = [30 * Millis::DAY_MS, Millis::DAY_MS, 1_200_000];
const SCOPES: [&str; 2] = ["openid", "email"];

impl Fleet {
    /// What somebody does at the provider of a region. `alone` if nothing else runs at the same time.
    pub(in crate::sim) async fn sign(&self, at: usize, user: usize, sign: Sign, alone: bool) {
        match sign {
            Sign::In { client } => self.sign_in(at, user, client).await,
            Sign::Redeem { code } => self.redeem(at, user, code).await,
            Sign::Refresh { family, before } => self.refresh(at, user, family, before).await,
            Sign::Steal { family, back } => self.steal(at, user, family, back).await,
            Sign::Use { family } => self.use_family(at, user, family).await,
            Sign::Out { session } => self.sign_out(at, user, session).await,
            Sign::OutEverywhere => self.sign_out_everywhere(at, user).await,
            Sign::Consent { client, scope } => self.consent(at, user, (client, scope), alone).await,
            Sign::Withdraw { client } => self.withdraw(at, user, client, alone).await,
            Sign::Subject { client } => self.subject(at, user, client, alone).await,
            Sign::Token => self.sign_token(at).await,
            Sign::Keys => self.read_keys(at).await,
            Sign::Rotate => self.rotate_oidc_key().await,
        }
    }

    async fn sign_in(&self, at: usize, number: usize, client: u8) {
        let (people, id) = (&self.signing.people[at], self.id_of(number));
        let Ok(Some(standing)) = Standing::read(people, id).await else { return };
        if !standing.may_sign_in(&company(usize::from(client))) {
            return;
        }
        let (user, issued_at) = (standing.users()[0], people.home.clock.now());
        let (amr, life_ms) = (vec!["pwd".to_owned()], LIVES_MS[usize::from(client) % 3]);
        let new = NewSession { auth_time: issued_at, amr, acr: None, label: None, life_ms };
        let Ok(session) = people.begin_session(user, new).await else { return };
        let session = SessionOf {
            number,
            user,
            client,
            code: people.home.entropy.array(),
            at,
            issued_at: session.created_at,
            expires_at: session.expires_at,
            id: session.id,
            presented: 0,
            redeemed: 0,
            is_replayed: false,
            out: BTreeSet::new(),
            may_be_out: false,
        };
        self.signing.sessions.borrow_mut().push(session);
    }

    async fn redeem(&self, at: usize, number: usize, code: u8) {
        let Some(session) = self.signing.session_of(number, code) else { return };
        let place = self.signing.place_of(&session);
        self.signing.sessions.borrow_mut()[place].presented += 1;
        let is_first = session.presented == 0;
        let now = self.region(at).clock.now();
        let mut told = self.told(at, &session, None).await;
        told.is_honest = is_first && now.plus(super::SKEW_MS) < session.issued_at.plus(60_000);
        let (credentials, issuer) = (self.all_credentials(session.user), self.region(session.at).name.clone());
        match provider::redeem(&self.signing.people[at], &issuer, &session).await {
            Answer::Tokens(family) => {
                let redeemed = &mut self.signing.sessions.borrow_mut()[place].redeemed;
                *redeemed += 1;
                assert!(*redeemed == 1, "sign-on: a code was answered with tokens {redeemed} times");
                let family = FamilyOf {
                    session: place,
                    id: family.id,
                    user: family.user,
                    held: 0,
                    tried: BTreeMap::new(),
                    used: BTreeMap::new(),
                    credentials,
                    may_be_over: false,
                    is_over: false,
                };
                self.signing.families.borrow_mut().push(family);
                self.signing.count(|counted| counted.families += 1);
                self.signing.told.borrow_mut().push(Told { has_tokens: true, ..told });
            }
            Answer::Rejected => {
                let is_second = self.signing.sessions.borrow()[place].redeemed > 0 && !is_first;
                if is_second && now < session.issued_at.plus(60_000) {
                    self.signing.sessions.borrow_mut()[place].is_replayed = true;
                }
                self.signing.told.borrow_mut().push(told);
            }
            Answer::Unavailable => {}
        }
    }

    /// The holder of a family gives up if it has got no answer within the time.
    async fn refresh(&self, at: usize, number: usize, family: u8, before: bool) {
        let Some(place) = self.signing.family_of(number, family) else { return };
        let (family, now) = (self.signing.families.borrow()[place].clone(), self.world().clock.now());
        let generation = if before { family.held.saturating_sub(1) } else { family.held };
        let first = family.tried.get(&generation).copied();
        if first.is_some_and(|first| now.since(first) > GRACE_MS) {
            return;
        }
        self.signing.families.borrow_mut()[place].tried.entry(generation).or_insert(now);
        if self.present(at, place, generation, true).await == Some(true) {
            self.signing.count(|counted| counted.refreshes += 1);
        }
    }

    /// A token that the holder has used is presented by another one.
    async fn steal(&self, at: usize, number: usize, family: u8, back: u8) {
        let Some(place) = self.signing.family_of(number, family) else { return };
        let (family, now) = (self.signing.families.borrow()[place].clone(), self.world().clock.now());
        let Some(generation) = family.held.checked_sub(1 + u64::from(back)) else { return };
        let is_retry = family.tried.get(&generation).is_some_and(|first| now.since(*first) <= GRACE_MS);
        if !is_retry {
            self.signing.families.borrow_mut()[place].may_be_over = true;
        }
        let used = family.used.get(&generation).copied();
        let is_late = used.is_some_and(|used| now.since(used) > SURELY_LATE_MS);
        let is_kept = family.held - generation < KEPT_USES as u64;
        let answered = self.present(at, place, generation, is_retry).await.is_some();
        if answered && is_late && is_kept {
            self.signing.families.borrow_mut()[place].is_over = true;
            self.signing.count(|counted| counted.stolen += 1);
        }
    }

    /// Presents a token. Whether it was answered with tokens; `None` without an answer.
    async fn present(&self, at: usize, place: usize, generation: u64, is_honest: bool) -> Option<bool> {
        let family = self.signing.families.borrow()[place].clone();
        let session = self.signing.sessions.borrow()[family.session].clone();
        let told = Told { is_honest, ..self.told(at, &session, Some(place)).await };
        let answer = provider::refresh(&self.signing.people[at], &session, &family.id, generation).await;
        let has_tokens = matches!(answer, Answer::Tokens(_));
        match answer {
            Answer::Tokens(next) => {
                let mut families = self.signing.families.borrow_mut();
                let family = &mut families[place];
                assert_eq!(next, generation + 1, "sign-on: another token follows");
                if is_honest {
                    family.held = family.held.max(next);
                }
                family.used.entry(generation).or_insert(self.world().clock.now());
            }
            Answer::Rejected => {}
            Answer::Unavailable => return None,
        }
        self.signing.told.borrow_mut().push(Told { has_tokens, ..told });
        Some(has_tokens)
    }

    async fn use_family(&self, at: usize, number: usize, family: u8) {
        let Some(place) = self.signing.family_of(number, family) else { return };
        let family = self.signing.families.borrow()[place].clone();
        let session = self.signing.sessions.borrow()[family.session].clone();
        let told = self.told(at, &session, Some(place)).await;
        let answer = provider::is_valid(&self.signing.people[at], &session, &family.id).await;
        if matches!(answer, Answer::Unavailable) {
            return;
        }
        let has_tokens = matches!(answer, Answer::Tokens(()));
        self.signing.told.borrow_mut().push(Told { has_tokens, ..told });
    }

    async fn sign_out(&self, at: usize, number: usize, session: u8) {
        let Some(session) = self.signing.session_of(number, session) else { return };
        let place = self.signing.place_of(&session);
        self.signing.sessions.borrow_mut()[place].may_be_out = true;
        if self.signing.people[at].end_session(session.user, &session.id).await.is_ok() {
            self.signing.sessions.borrow_mut()[place].out.insert(at);
        }
    }

    async fn sign_out_everywhere(&self, at: usize, number: usize) {
        let id = self.id_of(number);
        self.trouble_families(id, |_| true);
        for session in self.signing.sessions.borrow_mut().iter_mut() {
            session.may_be_out |= self.history.borrow().were_ever_one(id, session.user);
        }
        let Ok(ended) = self.signing.people[at].end_all_sessions(id).await else { return };
        for session in self.signing.sessions.borrow_mut().iter_mut() {
            if ended.iter().any(|(ended, _)| *ended == session.id) {
                session.out.insert(at);
            }
        }
    }

    async fn consent(&self, at: usize, number: usize, (to, scope): (u8, u8), alone: bool) {
        let (people, id, scope) = (&self.signing.people[at], self.id_of(number), SCOPES[usize::from(scope) % 2]);
        let given = people.consent(id, client(to), &BTreeSet::from([scope.to_owned()])).await;
        if given.is_ok() && alone {
            let Ok(Some(standing)) = Standing::read(people, id).await else { return };
            let granted = standing.granted(client(to));
            assert!(granted.contains(scope), "sign-on: {id} gave {scope}, and {granted:?} is given");
        }
    }

    async fn withdraw(&self, at: usize, number: usize, from: u8, alone: bool) {
        let (people, id) = (&self.signing.people[at], self.id_of(number));
        self.signing.withdrawn.borrow_mut().insert((id, from));
        let known = self.rows_of(at, id).await;
        if people.withdraw(id, client(from)).await.is_err() {
            return;
        }
        let sessions = self.signing.sessions.borrow();
        for family in self.signing.families.borrow_mut().iter_mut() {
            let is_of = sessions[family.session].client % 3 == from % 3;
            family.is_over |= is_of && known.contains_key(&Family::key(&family.id));
        }
        drop(sessions);
        if alone && let Ok(Some(standing)) = Standing::read(people, id).await {
            let granted = standing.granted(client(from));
            assert!(granted.is_empty(), "sign-on: {id} has withdrawn, and {granted:?} is given");
        }
    }

    /// What a person is called: by the earliest of the rows of its users.
    async fn subject(&self, at: usize, number: usize, client: u8, alone: bool) {
        let (id, sector) = (self.id_of(number), sector(client));
        let Ok(sub) = self.signing.people[at].subject(id, &sector).await else { return };
        if alone {
            self.note_changes();
            let expected = self.earliest_sub(at, id, &Subject::key(&sector)).await;
            assert_eq!(Some(sub), expected, "sign-on: {id} is called by another row");
        }
    }

    /// What the earliest of the rows of a person's users says.
    pub(super) async fn earliest_sub(&self, at: usize, id: UserId, key: &str) -> Option<String> {
        let mut rows = Vec::new();
        for user in self.history.borrow().person(at, id) {
            let row = self.region(at).tables.items.item(&ACCESS, user, key).await.expect("rows can be read");
            rows.extend(row.map(|row| (row.version.hlc, user)));
        }
        let (_, user) = rows.into_iter().min()?;
        self.signing.subs.borrow().get(&(user, key.to_owned())).cloned()
    }

    /// The rows of a user's person in a region that are stored, with their versions.
    async fn rows_of(&self, at: usize, id: UserId) -> BTreeMap<String, Version> {
        let mut rows = BTreeMap::new();
        let person = self.history.borrow().person(at, id);
        for user in person.into_iter().chain([id]) {
            let items = self.region(at).tables.items.items(&ACCESS, user).await.expect("rows can be read");
            rows.extend(items.into_iter().map(|item| (item.key, item.version)));
        }
        rows
    }

    /// What is known before a client asks.
    async fn told(&self, at: usize, session: &SessionOf, family: Option<usize>) -> Told {
        let rows = self.rows_of(at, session.user).await;
        let is_ended = |key: String| rows.get(&key).is_some_and(|version| version.erased);
        let place = self.signing.place_of(session);
        let id = family.map(|family| self.signing.families.borrow()[family].id.clone());
        let was_over = is_ended(Session::key(&session.id))
            || id.is_some_and(|id| is_ended(Family::key(&id)))
            || session.out.contains(&at);
        let (has_tokens, user) = (false, session.user);
        let was_barred = self.is_barred(at, user);
        Told { at, session: place, family, user, has_tokens, was_over, was_barred, is_honest: true }
    }

    /// True if a person may not use what it has, by what a region stores.
    pub(super) fn is_barred(&self, at: usize, user: UserId) -> bool {
        let history = self.history.borrow();
        !history.primary(at, user).is_some_and(|primary| history.is_active(at, primary))
    }

    /// The credentials of all users that were ever one person, in every region.
    pub(super) fn all_credentials(&self, user: UserId) -> BTreeSet<(UserId, Version)> {
        let history = self.history.borrow();
        let users = history.users().into_iter().filter(|other| history.were_ever_one(user, *other));
        let of = |other: UserId| {
            let all = (0..self.world().regions.len()).filter_map(move |at| Some((at, other)));
            all.filter_map(|(at, other)| history.stored(at, other, Part::Credentials))
                .map(move |record| (other, record.version.clone()))
                .collect::<Vec<_>>()
        };
        users.flat_map(of).collect()
    }

    /// Something may end families of a person.
    fn trouble_families(&self, id: UserId, which: impl Fn(&FamilyOf) -> bool) {
        let history = self.history.borrow();
        for family in self.signing.families.borrow_mut().iter_mut() {
            family.may_be_over |= history.were_ever_one(id, family.user) && which(family);
        }
    }
}
