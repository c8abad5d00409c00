//! Factors of persons, over two regions.

use umoja_accounts::access::{
    By, CodeUsed, DescribedSession, Enrolled, MAX_APPLICATIONS, MAX_PASSKEYS, NewPasskey, NewSession, RecoveryCodes,
    SessionState, Standing,
};
use umoja_accounts::{Error, People};
use umoja_crypto::totp::TotpSecret;
use umoja_crypto::webauthn::Registered;
use umoja_schema::access::{EndOfAll, Factor, FactorKind, Session};
use umoja_schema::audit::field;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Actor, Log, Part, UserId};
use umoja_store::ports::{Clock as _, Condition, ItemWrite, PartWrite, Writes};
use umoja_tests::world::{World, killed_after, run};

const DAY: u64 = umoja_schema::Millis::DAY_MS;
/// How long a code lasts.
const STEP: u64 = 30_000;

async fn populated(seed: u64) -> (World, UserId) {
    let world = World::new(seed, 2).await;
    let id = world.register(0, "ada@example.com", "phc").await.unwrap();
    world.settle().await;
    (world, id)
}

fn people(world: &World, at: usize) -> People {
    world.regions[at].people()
}

/// A change by the person, which spares a session.
fn by(user: UserId, kept: Option<&Session>) -> By<'_> {
    By { user, kept: kept.map(described), actor: &Actor::Umoja }
}

async fn standing(world: &World, at: usize, id: UserId) -> Standing {
    Standing::read(&people(world, at), id).await.unwrap().unwrap()
}

fn secret(byte: u8) -> TotpSecret {
    TotpSecret::new(&[byte; TotpSecret::BYTES]).unwrap()
}

fn code(world: &World, secret: &TotpSecret) -> String {
    secret.code(world.clock.now().secs() / 30)
}

async fn begin(world: &World, at: usize, id: UserId) -> Session {
    let (auth_time, amr) = (world.clock.now(), vec!["pwd".to_owned()]);
    let ends = standing(world, at, id).await.known_ends();
    let new = NewSession { auth_time, amr, acr: None, label: None, ends, life_ms: DAY };
    people(world, at).begin_session(id, new).await.unwrap()
}

/// Adds an application, and gives the codes that come with the first factor.
async fn add_totp(world: &World, at: usize, id: UserId, secret: &TotpSecret) -> Option<RecoveryCodes> {
    let added = people(world, at).add_totp(by(id, None), secret, (&code(world, secret), "My phone")).await.unwrap();
    match added {
        Enrolled::Added(codes) => codes,
        other => panic!("{other:?}"),
    }
}

fn passkey(id: u8) -> NewPasskey {
    // A key of Ed25519: that of RFC 8037 appendix A.2.
    let key = hex_bytes("a4010103272006215820d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let made = Registered {
        credential_id: vec![id; 16],
        public_key: key,
        sign_count: 0,
        user_verified: true,
        backup_eligible: false,
    };
    NewPasskey { made, transports: vec!["internal".into(), "a b".into()], label: "A key".into() }
}

fn hex_bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn described(session: &Session) -> DescribedSession<'_> {
    let Session { user, id, ends, created_at, .. } = session;
    DescribedSession { user: *user, id, ends, begun_at: *created_at }
}

/// Whether a session counts in a region.
async fn is_live(world: &World, at: usize, session: &Session) -> bool {
    standing(world, at, session.user).await.session(described(session), world.clock.now()) != SessionState::Ended
}

async fn use_code(world: &World, at: usize, id: UserId, text: &str) -> Result<Option<CodeUsed>, Error> {
    people(world, at).use_code(&standing(world, at, id).await, (text, &Actor::Umoja)).await
}

#[test]
fn a_factor_that_is_added_while_a_region_is_cut_off_works_there_afterwards_and_those_of_both_stay() {
    run(async {
        let (world, id) = populated(1801).await;
        world.set_cut(0, 1, true);
        world.set_cut(1, 0, true);
        let (first, second) = (secret(1), secret(2));
        let codes = add_totp(&world, 0, id, &first).await.unwrap();
        assert!(!standing(&world, 1, id).await.has_second_factor());
        assert!(add_totp(&world, 1, id, &second).await.is_some(), "the other region does not know of the first one");
        assert!(matches!(people(&world, 1).add_passkey(by(id, None), passkey(7)).await, Ok(Enrolled::Added(None))));
        world.set_cut(0, 1, false);
        world.set_cut(1, 0, false);
        world.settle().await;
        world.clock.advance(STEP);
        for at in 0..2 {
            let standing = standing(&world, at, id).await;
            let labels: Vec<_> =
                standing.factors().filter_map(|factor| people(&world, at).factor_label(factor)).collect();
            assert_eq!((standing.factors().count(), labels.len()), (5, 3), "{labels:?}");
            for secret in [&first, &second] {
                assert_eq!(use_code(&world, at, id, &code(&world, secret)).await, Ok(Some(CodeUsed::Totp)));
            }
        }
        let recovery = codes.shown().next().unwrap();
        assert_eq!(use_code(&world, 1, id, &recovery).await, Ok(Some(CodeUsed::Recovery)));
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_code_works_once_in_a_region_and_a_recovery_code_nowhere_once_its_use_has_arrived() {
    run(async {
        let (world, id) = populated(1802).await;
        let secret = secret(1);
        let codes = add_totp(&world, 0, id, &secret).await.unwrap();
        world.settle().await;
        world.clock.advance(STEP);
        let now = code(&world, &secret);
        assert_eq!(use_code(&world, 0, id, &now).await, Ok(Some(CodeUsed::Totp)));
        assert_eq!(use_code(&world, 0, id, &now).await, Ok(None), "it was used");
        assert_eq!(use_code(&world, 1, id, &now).await, Ok(Some(CodeUsed::Totp)), "each region accepts it once");
        let all: Vec<_> = codes.shown().collect();
        assert_eq!(standing(&world, 0, id).await.recovery_codes_left(), 10);
        assert_eq!(use_code(&world, 0, id, &all[3].to_lowercase()).await, Ok(Some(CodeUsed::Recovery)));
        assert_eq!(use_code(&world, 0, id, &all[3]).await, Ok(None));
        world.settle().await;
        assert_eq!(use_code(&world, 1, id, &all[3]).await, Ok(None), "its use has arrived");
        assert_eq!(standing(&world, 1, id).await.recovery_codes_left(), 9);
        let fresh = people(&world, 1).new_recovery_codes(by(id, None)).await.unwrap();
        assert_eq!(use_code(&world, 1, id, &all[4]).await, Ok(None), "new codes replace the former ones");
        assert_eq!(use_code(&world, 1, id, &fresh.shown().next().unwrap()).await, Ok(Some(CodeUsed::Recovery)));
    });
}

#[test]
fn wrong_codes_are_counted_and_lock_further_ones_whether_or_not_they_are_right() {
    run(async {
        let (world, id) = populated(1803).await;
        let secret = secret(1);
        add_totp(&world, 0, id, &secret).await;
        world.clock.advance(STEP);
        for _ in 0..5 {
            assert_eq!(use_code(&world, 0, id, "000000").await, Ok(None));
        }
        let right = code(&world, &secret);
        assert_eq!(use_code(&world, 0, id, &right).await, Err(Error::Locked { retry_after_secs: 2 }));
        world.clock.advance(2_000);
        let right = code(&world, &secret);
        assert_eq!(use_code(&world, 0, id, &right).await, Ok(Some(CodeUsed::Totp)));
        world.clock.advance(STEP);
        for _ in 0..5 {
            assert_eq!(use_code(&world, 0, id, "AAAAA-AAAAA").await, Ok(None), "a right code forgives the wrong ones");
        }
    });
}

#[test]
fn a_person_who_adds_or_removes_a_factor_ends_the_other_sessions() {
    run(async {
        let (world, id) = populated(1804).await;
        let is_live = async |session: &Session| is_live(&world, 0, session).await;
        let (own, other) = (begin(&world, 0, id).await, begin(&world, 0, id).await);
        let secret = secret(1);
        let given = code(&world, &secret);
        let wrong = people(&world, 0).add_totp(by(id, Some(&own)), &secret, ("000000", "")).await;
        assert!(matches!(wrong, Ok(Enrolled::Wrong)) && is_live(&other).await);
        people(&world, 0).add_totp(by(id, Some(&own)), &secret, (&given, "")).await.unwrap();
        assert!(is_live(&own).await && !is_live(&other).await);
        let other = begin(&world, 0, id).await;
        assert!(
            !people(&world, 0).remove_factor(by(id, Some(&own)), "another").await.unwrap() && is_live(&other).await
        );
        let totp = standing(&world, 0, id).await;
        let totp = totp.factors().find(|one| matches!(one.kind, FactorKind::Totp { .. })).unwrap();
        assert!(people(&world, 0).remove_factor(by(id, Some(&own)), &totp.id).await.unwrap());
        assert!(is_live(&own).await && !is_live(&other).await);
        assert_eq!(standing(&world, 0, id).await.factors().count(), 0, "recovery codes go with the last factor");
        world.settle().await;
        assert!(!standing(&world, 1, id).await.has_second_factor());
    });
}

#[test]
fn a_change_of_factors_ends_what_began_elsewhere_before_it_arrived_and_spares_the_session_in_which_it_was_made() {
    run(async {
        let (world, id) = populated(1807).await;
        let own = begin(&world, 0, id).await;
        world.settle().await;
        let secret = secret(1);
        for change in 0..3 {
            world.set_cut(0, 1, true);
            world.set_cut(1, 0, true);
            let there = begin(&world, 1, id).await;
            let of = by(id, Some(&own));
            match change {
                0 => {
                    let given = code(&world, &secret);
                    people(&world, 0).add_totp(of, &secret, (&given, "")).await.map(drop).unwrap();
                }
                1 => people(&world, 0).new_recovery_codes(of).await.map(drop).unwrap(),
                _ => {
                    let standing = standing(&world, 0, id).await;
                    let totp = standing.factors().find(|one| matches!(one.kind, FactorKind::Totp { .. })).unwrap();
                    assert!(people(&world, 0).remove_factor(of, &totp.id).await.unwrap());
                }
            }
            assert!(is_live(&world, 1, &there).await, "{change}: it has not heard of the change");
            world.set_cut(0, 1, false);
            world.set_cut(1, 0, false);
            world.settle().await;
            for at in 0..2 {
                assert!(!is_live(&world, at, &there).await && is_live(&world, at, &own).await, "{change}");
                let later = begin(&world, at, id).await;
                assert!(is_live(&world, at, &later).await, "{change}");
            }
        }
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_change_of_factors_that_comes_before_them_is_not_known_to_what_begins() {
    run(async {
        let (world, id) = populated(1808).await;
        let secret = secret(1);
        let is_known = async || {
            let standing = standing(&world, 1, id).await;
            !standing.is_ended_by_all(id, None, &standing.known_ends())
        };
        // Copies a row of the first region to the other one.
        let copy = async |key: &str| {
            let item = world.regions[0].home.own.items.item(&ACCESS, id, key).await.unwrap().unwrap();
            let writes = Writes { items: vec![ItemWrite { item, condition: Condition::Older }], ..Writes::default() };
            world.regions[1].home.own.users.commit(&writes).await.unwrap();
        };
        let end = EndOfAll::key(&world.regions[0].name);
        add_totp(&world, 0, id, &secret).await;
        let added: Vec<_> = standing(&world, 0, id).await.factors().map(|factor| factor.id.clone()).collect();
        copy(&end).await;
        for factor in &added {
            assert!(!is_known().await);
            copy(&Factor::key(factor)).await;
        }
        assert!(is_known().await);
        // A new password does not let anyone in without a factor that was added before it and has not arrived.
        people(&world, 0).add_passkey(by(id, None), passkey(1)).await.unwrap();
        let new = standing(&world, 0, id).await.passkeys().next().unwrap().0.id.clone();
        world.set_password(0, id, "another").await.unwrap();
        let record = world.stored(0, id, Part::Credentials).await.unwrap();
        let writes = Writes { parts: vec![PartWrite { record, condition: Condition::Older }], ..Writes::default() };
        world.regions[1].home.own.users.commit(&writes).await.unwrap();
        copy(&end).await;
        assert!(!is_known().await);
        copy(&Factor::key(&new)).await;
        assert!(is_known().await);
        people(&world, 0).remove_factor(by(id, None), &added[0]).await.unwrap();
        copy(&end).await;
        assert!(!is_known().await);
        world.settle().await;
        assert!(is_known().await);
    });
}

#[test]
fn a_factor_is_not_there_without_the_end_of_what_began_before_wherever_its_process_is_killed() {
    run(async {
        let (world, id) = populated(1809).await;
        let (mut changed, mut unchanged) = (0, 0);
        for polls in 0..40 {
            let (own, other) = (begin(&world, 0, id).await, begin(&world, 0, id).await);
            let before = standing(&world, 0, id).await.factors().count();
            let adding = people(&world, 0);
            let adding = adding.add_passkey(by(id, Some(&own)), passkey(u8::try_from(polls).unwrap()));
            killed_after(polls, adding).await;
            let is_added = standing(&world, 0, id).await.factors().count() > before;
            assert_eq!(is_live(&world, 0, &other).await, !is_added, "{polls}");
            assert!(is_live(&world, 0, &own).await, "{polls}");
            let of_passkeys =
                |(kind, of): &(String, Option<String>)| kind == "factor_added" && of.as_deref() == Some("passkey");
            let recorded = trail(&world, 0, id).await.iter().filter(|event| of_passkeys(event)).count();
            assert_eq!(recorded, changed + usize::from(is_added), "{polls}: it is recorded with it");
            *(if is_added { &mut changed } else { &mut unchanged }) += 1;
            let standing = standing(&world, 0, id).await;
            for factor in standing.passkeys().map(|(factor, _)| factor.id.clone()) {
                people(&world, 0).remove_factor(by(id, None), &factor).await.unwrap();
            }
        }
        assert!(changed > 0 && unchanged > 0, "{changed} {unchanged}");
    });
}

#[test]
fn a_session_that_an_end_of_everything_has_ended_is_spared_by_no_later_one() {
    run(async {
        let (world, id) = populated(1810).await;
        let (first, second) = (begin(&world, 0, id).await, begin(&world, 0, id).await);
        people(&world, 0).end_other_sessions(described(&second)).await.unwrap();
        assert!(!is_live(&world, 0, &first).await && is_live(&world, 0, &second).await);
        // Its row has not arrived, and so no end of its own is stored.
        let there = begin(&world, 1, id).await;
        people(&world, 0).end_all_sessions(id).await.unwrap();
        for ended in [&first, &second, &there] {
            people(&world, 0).end_other_sessions(described(ended)).await.unwrap();
            world.settle().await;
            for at in 0..2 {
                assert!(!is_live(&world, at, ended).await);
            }
        }
    });
}

#[test]
fn the_factors_of_merged_users_count_and_each_keeps_its_own_after_an_unmerge() {
    run(async {
        let (world, ada) = populated(1805).await;
        let other = world.register(0, "countess@example.com", "phc").await.unwrap();
        world.settle().await;
        let secret = secret(1);
        add_totp(&world, 0, other, &secret).await;
        world.settle().await;
        world.merge(0, other, Some(ada)).await.unwrap();
        world.settle().await;
        world.clock.advance(STEP);
        assert_eq!(use_code(&world, 1, ada, &code(&world, &secret)).await, Ok(Some(CodeUsed::Totp)));
        world.merge(0, other, None).await.unwrap();
        world.settle().await;
        assert!(!standing(&world, 1, ada).await.has_second_factor());
        assert!(standing(&world, 1, other).await.has_second_factor());
    });
}

#[test]
fn a_passkey_is_added_once_and_an_erasure_deletes_every_factor() {
    run(async {
        let (world, id) = populated(1806).await;
        let add = async |at: usize| people(&world, at).add_passkey(by(id, None), passkey(9)).await.unwrap();
        assert!(matches!((add(0).await, add(1).await), (Enrolled::Added(Some(_)), Enrolled::Added(Some(_)))));
        world.settle().await;
        assert!(matches!(add(1).await, Enrolled::Known));
        let standing = standing(&world, 1, id).await;
        let found: Vec<_> = standing.passkeys().map(|(_, passkey)| passkey.transports.clone()).collect();
        assert_eq!(found, [vec!["internal".to_owned()]], "one row, whichever region made it");
        world.erase(1, id).await.unwrap();
        world.settle().await;
        for at in 0..2 {
            assert_eq!(world.regions[at].home.own.items.items(&ACCESS, id).await.unwrap(), []);
        }
    });
}

/// What the audit trail of a user says of factors in a region: the event, and the kind of the factor or who did it.
async fn trail(world: &World, at: usize, id: UserId) -> Vec<(String, Option<String>)> {
    let rows = world.regions[at].home.own.logs.rows(Log::Audit, id).await.unwrap();
    let of_factors = rows.iter().filter(|row| row.kind.starts_with("factor_") || row.kind.starts_with("recovery_"));
    of_factors
        .map(|row| (row.kind.clone(), row.field(field::FACTOR).or(row.field(field::BY)).map(str::to_owned)))
        .collect()
}

#[test]
fn what_happens_to_factors_is_in_the_audit_trail_of_every_region_without_a_secret() {
    run(async {
        let (world, id) = populated(1807).await;
        let secret = secret(1);
        let codes = add_totp(&world, 0, id, &secret).await.unwrap();
        let recovery = codes.shown().next().unwrap();
        use_code(&world, 0, id, &recovery).await.unwrap();
        assert_eq!(use_code(&world, 0, id, &recovery).await, Ok(None), "what is rejected leaves no row");
        let operator = Actor::Operator { command: "factors remove".to_owned(), by: Some("support".to_owned()) };
        let change = By { user: id, kept: None, actor: &operator };
        assert_eq!(people(&world, 0).remove_factors(change).await.unwrap().len(), 2);
        assert_eq!(people(&world, 0).remove_factors(change).await.unwrap(), []);
        world.settle().await;
        let event = |event: &str, of: &str| (event.to_owned(), Some(of.to_owned()));
        let events = [
            event("factor_added", "totp"),
            event("factor_added", "recovery"),
            event("recovery_code_used", "umoja"),
            event("factor_removed", "recovery"),
            event("factor_removed", "totp"),
        ];
        for at in 0..2 {
            let mut found = trail(&world, at, id).await;
            found[3..].sort();
            assert_eq!(found, events, "region {at}");
        }
        let rows = world.regions[1].home.own.logs.rows(Log::Audit, id).await.unwrap();
        assert!(rows.iter().rev().take(2).all(|row| row.field(field::OPERATOR) == Some("support")));
        let text = format!("{rows:?}");
        assert!(!text.contains(&*recovery) && !text.contains("My phone"));
    });
}

#[test]
fn a_form_that_is_sent_twice_adds_one_application() {
    run(async {
        let (world, id) = populated(1808).await;
        let (secret, people) = (secret(1), people(&world, 0));
        let given = code(&world, &secret);
        let add = || people.add_totp(by(id, None), &secret, (&given, "My phone"));
        let (one, other) = tokio::join!(add(), add());
        let codes = [one.unwrap(), other.unwrap()].map(|added| match added {
            Enrolled::Added(codes) => codes.is_some(),
            other => panic!("{other:?}"),
        });
        assert_eq!(codes.into_iter().filter(|has| *has).count(), 1, "recovery codes are drawn once");
        assert!(matches!(add().await, Ok(Enrolled::Added(None))));
        assert_eq!(standing(&world, 0, id).await.factors().count(), 2);
        assert_eq!(use_code(&world, 0, id, &given).await, Ok(None), "the code of the enrolment is none of a sign-in");
        // What was removed does not come back by an old form.
        let totp =
            standing(&world, 0, id).await.factors().find(|factor| factor.kind.name() == "totp").unwrap().id.clone();
        people.remove_factor(by(id, None), &totp).await.unwrap();
        assert!(matches!(add().await, Ok(Enrolled::Known)));
    });
}

#[test]
fn changes_side_by_side_are_decided_one_after_the_other() {
    run(async {
        let (world, id) = populated(1812).await;
        let people = people(&world, 0);
        let is_recovery = |factor: &&Factor| matches!(factor.kind, FactorKind::Recovery { .. });
        let add = |n| people.add_passkey(by(id, None), passkey(n));
        let (one, other) = tokio::join!(add(1), add(2));
        let drawn = [one, other].map(|added| match added {
            Ok(Enrolled::Added(codes)) => codes.is_some(),
            other => panic!("{other:?}"),
        });
        assert_ne!(drawn[0], drawn[1], "the first factor comes with recovery codes, and the second one is another");
        let both = standing(&world, 0, id).await;
        assert_eq!((both.factors().count(), both.factors().filter(is_recovery).count()), (3, 1));
        let ids: Vec<_> = both.passkeys().map(|(factor, _)| factor.id.clone()).collect();
        let (one, other) =
            tokio::join!(people.remove_factor(by(id, None), &ids[0]), people.remove_factor(by(id, None), &ids[1]));
        assert!(one.unwrap() && other.unwrap());
        assert_eq!(standing(&world, 0, id).await.factors().count(), 0, "recovery codes go with the last factor");
        for n in 3..=u8::try_from(MAX_PASSKEYS + 1).unwrap() {
            add(n).await.unwrap();
        }
        let (one, other) = tokio::join!(add(101), add(102));
        let full = [one, other].into_iter().filter(|added| matches!(added, Ok(Enrolled::Full))).count();
        assert_eq!((full, standing(&world, 0, id).await.passkeys().count()), (1, MAX_PASSKEYS));
    });
}

#[test]
fn a_person_has_at_most_five_applications_and_twenty_passkeys() {
    run(async {
        let (world, id) = populated(1811).await;
        let people = people(&world, 0);
        for n in 0..=MAX_APPLICATIONS {
            let secret = secret(u8::try_from(n).unwrap());
            let added = people.add_totp(by(id, None), &secret, (&code(&world, &secret), "")).await.unwrap();
            assert_eq!(matches!(added, Enrolled::Full), n == MAX_APPLICATIONS, "{n} {added:?}");
        }
        for n in 0..=MAX_PASSKEYS {
            let added = people.add_passkey(by(id, None), passkey(u8::try_from(n).unwrap())).await.unwrap();
            assert_eq!(matches!(added, Enrolled::Full), n == MAX_PASSKEYS, "{n} {added:?}");
        }
        let all = MAX_APPLICATIONS + MAX_PASSKEYS + 1;
        assert_eq!(people.remove_factors(by(id, None)).await.unwrap().len(), all, "more than one transaction has");
        assert_eq!(standing(&world, 0, id).await.factors().count(), 0);
        let removed = |(kind, _): &&(String, Option<String>)| kind == "factor_removed";
        assert_eq!(trail(&world, 0, id).await.iter().filter(removed).count(), all);
    });
}
