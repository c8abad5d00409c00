//! What persons, clients and thieves do.

use std::collections::{BTreeMap, BTreeSet};

use umoja_accounts::access::{NewSession, Standing};
use umoja_crypto::jws::parse_jwt;
use umoja_oidc::code::Code;
use umoja_oidc::tokens::SignedIn;
use umoja_schema::access::{ClientSeen, Family, Session, Subject};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Millis, Part, UserId, Version};
use umoja_store::ports::Clock as _;

use super::known::ALL;
use crate::sim::fleet::Fleet;
use crate::sim::names::company;
use crate::sim::plan::Sign;
use crate::sim::signing::provider::{self, Answer, client};
use crate::sim::signing::{FamilyOf, Noted, SKEW_MS, SessionOf, sector};

/// For how long a token may be used again.
const GRACE_MS: u64 = 30_000;
/// After this time a use is late by any clocks of a run.
const SURELY_LATE_MS: u64 = 51_000;
/// The lives of sessions: one ends within a run.
const LIVES_MS: [u64; 3] = [30 * Millis::DAY_MS, Millis::DAY_MS, 1_200_000];
const SCOPES: [&str; 2] = ["openid", "email"];

impl Fleet {
    /// What a person, a client or an operator does at the provider of a region. `alone` if nothing else runs at the same time.
    pub(in crate::sim) async fn sign(&self, at: usize, user: usize, sign: Sign, alone: bool) {
        match sign {
            Sign::In { client } => self.sign_in(at, user, client, alone).await,
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
            Sign::Inform => self.inform(at).await,
            Sign::Deaf { answers } => {
                self.signing.clients.lose(answers);
                self.signing.is_disturbed.set(true);
            }
        }
    }

    async fn sign_in(&self, at: usize, number: usize, client: u8, alone: bool) {
        if alone {
            self.note_changes();
        }
        let (people, id) = (&self.signing.people[at], self.id_of(number));
        let Ok(Some(standing)) = Standing::read(people, id).await else { return };
        if !standing.may_sign_in(&company(usize::from(client))) {
            return;
        }
        let (user, issued_at) = (standing.users()[0], people.home.clock.now());
        let Some(min_version) = standing.version(user).map(|version| version.to_string()) else { return };
        let scopes = BTreeSet::from([provider::SCOPE.to_owned()]);
        if people.give_back(&standing, user, provider::client(client), &scopes).await.is_err() {
            return;
        }
        let (amr, life_ms) = (vec!["pwd".to_owned()], LIVES_MS[usize::from(client) % 3]);
        let ends = standing.known_ends();
        if standing.is_ended_by_all(user, None, &ends) {
            return;
        }
        let known = self.ends_of_all(at, user).await;
        let passwords = alone.then(|| self.password_of(at, user)).flatten();
        let new =
            NewSession { auth_time: issued_at, amr: amr.clone(), acr: None, label: None, ends: ends.clone(), life_ms };
        let Ok(session) = people.begin_session(user, new).await else { return };
        let code = Code {
            jti: session.id.clone(),
            region: self.region(at).name.clone(),
            client: provider::client(client).parse().expect("an id"),
            redirect_hash: Code::redirect_hash(&provider::redirect_uri(client)),
            challenge: provider::challenge(),
            nonce: None,
            user,
            min_version,
            session: session.id.clone(),
            client_ends: 0,
            session_begun_at: session.created_at,
            session_expires_at: session.expires_at,
            ends: ends.clone(),
            withdrawal: standing.withdrawal(user, provider::client(client)),
            scopes,
            signed_in: SignedIn { auth_time: issued_at.secs(), acr: None, amr },
            jkt: None,
            expires_at: session.created_at.plus(Code::LIFETIME_MS),
        };
        let session = SessionOf {
            number,
            user,
            client,
            code: code.seal(&people.secrets, &*people.home.entropy),
            family: code.family(),
            began_with: (ends, code.withdrawal),
            issued_at: session.created_at,
            expires_at: session.expires_at,
            id: session.id,
            presented: 0,
            redeemed: 0,
            is_replayed: false,
            out: BTreeSet::new(),
            ends: BTreeSet::new(),
            is_to_be_informed: false,
            known,
            passwords,
            is_over_with_all: false,
        };
        self.signing.sessions.borrow_mut().push(session);
    }

    async fn redeem(&self, at: usize, number: usize, code: u8) {
        let Some(session) = self.signing.session_of(number, code) else { return };
        let place = self.signing.place_of(&session);
        self.signing.sessions.borrow_mut()[place].presented += 1;
        let is_first = session.presented == 0;
        let now = self.region(at).clock.now();
        let mut noted = self.noted(at, &session, None).await;
        noted.is_honest = is_first && now.plus(SKEW_MS) < session.issued_at.plus(60_000);
        let credentials = self.all_credentials(session.user);
        match provider::redeem(&self.signing.routes[at], session.client, &session.code).await {
            Answer::Done(tokens) => {
                let redeemed = &mut self.signing.sessions.borrow_mut()[place].redeemed;
                *redeemed += 1;
                assert!(*redeemed == 1, "sign-on: a code was answered with tokens {redeemed} times");
                let family = FamilyOf {
                    session: place,
                    id: session.family.clone(),
                    user: session.user,
                    sub: sub_of(&tokens.access),
                    texts: vec![tokens.refresh],
                    access: (tokens.access.clone(), self.access_ends()),
                    tried: BTreeMap::new(),
                    used: BTreeMap::new(),
                    credentials,
                    may_be_over: false,
                    is_over: false,
                    stolen: None,
                };
                self.signing.families.borrow_mut().push(family);
                self.signing.signers.keep(tokens.access, self.access_ends());
                self.signing.count(|counted| counted.families += 1);
                self.signing.noted.borrow_mut().push(Noted { has_tokens: true, ..noted });
            }
            Answer::Rejected => {
                let is_second = self.signing.sessions.borrow()[place].redeemed > 0 && !is_first;
                if is_second && now < session.issued_at.plus(60_000) {
                    self.signing.sessions.borrow_mut()[place].is_replayed = true;
                }
                self.signing.noted.borrow_mut().push(noted);
            }
            Answer::Unavailable => {}
        }
    }

    /// The holder of a family gives up if it has got no answer within the time.
    async fn refresh(&self, at: usize, number: usize, family: u8, before: bool) {
        let Some(place) = self.signing.family_of(number, family) else { return };
        let (family, now) = (self.signing.families.borrow()[place].clone(), self.world().clock.now());
        let generation = if before { family.held().saturating_sub(1) } else { family.held() };
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
        let Some(generation) = family.held().checked_sub(1 + usize::from(back)) else { return };
        let is_retry = family.tried.get(&generation).is_some_and(|first| now.since(*first) <= GRACE_MS);
        if !is_retry {
            self.signing.families.borrow_mut()[place].may_be_over = true;
        }
        let used = family.used.get(&generation).copied();
        let is_late = used.is_some_and(|used| now.since(used) > SURELY_LATE_MS);
        let answered = self.present(at, place, generation, is_retry).await.is_some();
        if answered && is_late {
            self.signing.families.borrow_mut()[place].stolen = Some(generation);
        }
    }

    /// Presents a token. Whether it was answered with tokens; `None` without an answer.
    async fn present(&self, at: usize, place: usize, generation: usize, is_honest: bool) -> Option<bool> {
        let family = self.signing.families.borrow()[place].clone();
        let session = self.signing.sessions.borrow()[family.session].clone();
        let noted = Noted { is_honest, ..self.noted(at, &session, Some(place)).await };
        let answer = provider::refresh(&self.signing.routes[at], session.client, &family.texts[generation]).await;
        let has_tokens = matches!(answer, Answer::Done(_));
        match answer {
            Answer::Done(tokens) => {
                self.signing.signers.keep(tokens.access.clone(), self.access_ends());
                assert_eq!(
                    sub_of(&tokens.access),
                    family.sub,
                    "sign-on: a client calls {} something else",
                    family.user
                );
                let family = &mut self.signing.families.borrow_mut()[place];
                match family.texts.get(generation + 1) {
                    Some(next) => assert_eq!(tokens.refresh, *next, "sign-on: another token follows"),
                    None => family.texts.push(tokens.refresh),
                }
                family.access = (tokens.access, self.access_ends());
                family.used.entry(generation).or_insert(self.world().clock.now());
            }
            Answer::Rejected => {}
            Answer::Unavailable => return None,
        }
        self.signing.noted.borrow_mut().push(Noted { has_tokens, ..noted });
        Some(has_tokens)
    }

    /// By when a client has to refresh, by any clock.
    fn access_ends(&self) -> Millis {
        self.world().clock.now().plus(300_000 - SKEW_MS)
    }

    async fn use_family(&self, at: usize, number: usize, family: u8) {
        let Some(place) = self.signing.family_of(number, family) else { return };
        let family = self.signing.families.borrow()[place].clone();
        let session = self.signing.sessions.borrow()[family.session].clone();
        let noted = self.noted(at, &session, Some(place)).await;
        if self.world().clock.now() >= family.access.1 {
            return;
        }
        let has_tokens = match provider::userinfo(&self.signing.routes[at], &family.access.0).await {
            Answer::Done(sub) => {
                assert_eq!(sub, family.sub, "sign-on: a client calls {} something else", family.user);
                true
            }
            Answer::Rejected => false,
            Answer::Unavailable => return,
        };
        self.signing.noted.borrow_mut().push(Noted { has_tokens, ..noted });
    }

    async fn sign_out(&self, at: usize, number: usize, session: u8) {
        let Some(session) = self.signing.session_of(number, session) else { return };
        let place = self.signing.place_of(&session);
        self.signing.sessions.borrow_mut()[place].ends.insert(at);
        let seen = ClientSeen::key(&session.id, client(session.client));
        let rows = self.rows_of(at, session.user).await;
        // An expired session has nothing that could end. One that has ended already was announced by who ended it, who looks at it once more
        // after a minute; the run may reach that only after the session has expired.
        let is_live = self.region(at).clock.now() < session.expires_at
            && !rows.get(&Session::key(&session.id)).is_some_and(|version| version.erased);
        let is_seen = is_live && rows.contains_key(&seen);
        if self.signing.people[at].end_session(session.user, &session.id).await.is_ok() {
            let session = &mut self.signing.sessions.borrow_mut()[place];
            session.out.insert(at);
            session.is_to_be_informed |= is_seen;
        }
    }

    async fn sign_out_everywhere(&self, at: usize, number: usize) {
        let id = self.id_of(number);
        self.trouble_families(id, |_| true);
        for session in self.signing.sessions.borrow_mut().iter_mut() {
            if self.history.borrow().were_ever_one(id, session.user) {
                session.ends.insert(at);
            }
        }
        let begun = self.signing.sessions.borrow().len();
        let Ok(ended) = self.signing.people[at].end_all_sessions(id).await else { return };
        self.note_end_of_all(id, begun);
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
        if people.withdraw(id, client(from)).await.is_err() {
            return;
        }
        if alone {
            self.end_withdrawn(at, id, from);
        }
        if alone && let Ok(Some(standing)) = Standing::read(people, id).await {
            let granted = standing.granted(client(from));
            assert!(granted.is_empty(), "sign-on: {id} has withdrawn, and {granted:?} is given");
        }
    }

    /// The families of a client that had begun, in any region, when the client's consents were withdrawn in one.
    fn end_withdrawn(&self, at: usize, id: UserId, from: u8) {
        let (sessions, person) = (self.signing.sessions.borrow(), self.history.borrow().person(at, id));
        for family in self.signing.families.borrow_mut().iter_mut() {
            let is_of = sessions[family.session].client == from;
            family.is_over |= is_of && person.contains(&family.user);
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
        let person = self.history.borrow().person(at, id);
        for user in person {
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
            // While the region cannot verify rows, what they say is not known.
            let Ok(items) = self.region(at).tables.items.items(&ACCESS, user).await else { continue };
            rows.extend(items.into_iter().map(|item| (item.key, item.version)));
        }
        rows
    }

    /// What is known before a client asks.
    async fn noted(&self, at: usize, session: &SessionOf, family: Option<usize>) -> Noted {
        let rows = self.rows_of(at, session.user).await;
        let is_ended = |key: String| rows.get(&key).is_some_and(|version| version.erased);
        let place = self.signing.place_of(session);
        let id = family.map(|family| self.signing.families.borrow()[family].id.clone());
        let known = |(key, version): (&String, &Version)| {
            !key.starts_with(ALL)
                || session.known.get(&(session.user, key.clone())).is_some_and(|known| known >= version)
        };
        let was_over = is_ended(Session::key(&session.id))
            || !self.ends_of(at, session.user).await.iter().all(known)
            || id.is_some_and(|id| is_ended(Family::key(&id)))
            || session.out.contains(&at);
        let (has_tokens, user) = (false, session.user);
        let was_barred = self.is_barred(at, user, session.client);
        Noted { at, session: place, family, user, has_tokens, was_over, was_barred, is_honest: true }
    }

    /// True if a person may not sign in to a client, by what a region stores.
    pub(super) fn is_barred(&self, at: usize, user: UserId, client: u8) -> bool {
        !self.history.borrow().may_log_in(at, user, &company(usize::from(client)))
    }

    /// A region informs clients of logouts.
    async fn inform(&self, at: usize) {
        let noted = &self.signing.is_informing;
        noted.set(noted.get() + 1);
        let is_done = self.signing.logouts[at].step().await.is_ok_and(|informed| informed.failed == 0);
        noted.set(noted.get() - 1);
        if !is_done {
            self.signing.is_disturbed.set(true);
        }
    }

    /// The credentials of all users that were ever one person, in every region.
    pub(super) fn all_credentials(&self, user: UserId) -> BTreeSet<(UserId, Version)> {
        let history = self.history.borrow();
        let users = history.users().into_iter().filter(|other| history.were_ever_one(user, *other));
        let of = |other: UserId| {
            let stored = (0..self.world().regions.len()).filter_map(|at| history.stored(at, other, Part::Credentials));
            stored.map(|record| (other, record.version.clone())).collect::<Vec<_>>()
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

/// What a token calls its person.
fn sub_of(access: &str) -> String {
    parse_jwt(access).ok().and_then(|jwt| jwt.claimed("sub").map(str::to_owned)).expect("a subject")
}
