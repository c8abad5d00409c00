//! Logins of persons at other providers: what is written with them, wherever a process is killed.

use serde_json::Map;
use umoja_accounts::access::{By, DescribedSession, NewPasskey, NewSession, Removal, SessionState, Standing};
use umoja_accounts::{Error, Login, Recognised, ToConnect};
use umoja_crypto::webauthn::Registered;
use umoja_schema::access::Session;
use umoja_schema::{Actor, LoginProviderId, Millis, UserId};
use umoja_store::ports::Clock as _;
use umoja_tests::world::{World, killed_after, run};

const CONNECT: ToConnect<'static> = ToConnect { subject: "s|1", name: Some("a***@example.com") };

fn provider() -> LoginProviderId {
    "accounts".parse().unwrap()
}

async fn standing(world: &World, id: UserId) -> Standing {
    Standing::read(&world.regions[0].people(), id).await.unwrap().unwrap()
}

async fn begin(world: &World, id: UserId) -> Session {
    let (auth_time, amr) = (world.clock.now(), vec!["pwd".to_owned()]);
    let ends = standing(world, id).await.known_ends();
    let new = NewSession { auth_time, amr, acr: None, label: None, ends, life_ms: Millis::DAY_MS };
    world.regions[0].people().begin_session(id, new).await.unwrap()
}

fn described(session: &Session) -> DescribedSession<'_> {
    let Session { user, id, ends, created_at, .. } = session;
    DescribedSession { user: *user, id, ends, begun_at: *created_at }
}

async fn is_live(world: &World, session: &Session) -> bool {
    standing(world, session.user).await.session(described(session), world.clock.now()) != SessionState::Ended
}

/// Whether the person has the login, and how often it is noted.
async fn login(world: &World, id: UserId) -> (bool, usize) {
    let person = world.regions[0].people().reader().load(id).await.unwrap().unwrap();
    let has_it = person.users().any(|user| user.identity.external_ids.values().any(|id| id == CONNECT.subject));
    (has_it, standing(world, id).await.logins().count())
}

async fn recognise(world: &World, registers: bool) -> Result<Recognised, Error> {
    let (email, names) = (None, Map::new());
    let login = Login { subject: CONNECT.subject.to_owned(), email, email_verified: false, names };
    world.accounts(0, "phc").recognise(&world.context(0), &provider(), &login, registers).await
}

#[test]
fn a_login_is_there_with_its_row_and_the_end_of_the_other_sessions_wherever_its_process_is_killed() {
    run(async {
        let world = World::new(1860, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        let (mut changed, mut unchanged) = (0, 0);
        for polls in 0..80 {
            let (people, context, provider) = (world.regions[0].people(), world.context(0), provider());
            let (own, other) = (begin(&world, id).await, begin(&world, id).await);
            killed_after(polls, people.connect(&context, (id, Some(described(&own))), &provider, &CONNECT)).await;
            let (has_it, noted) = login(&world, id).await;
            assert_eq!((noted, is_live(&world, &other).await), (usize::from(has_it), !has_it), "{polls}");
            people.connect(&context, (id, Some(described(&own))), &provider, &CONNECT).await.unwrap();
            assert_eq!(login(&world, id).await, (true, 1), "{polls}: a retry completes it");
            let other = begin(&world, id).await;
            killed_after(polls, people.disconnect(&context, described(&own), (&[], false))).await;
            let (has_it, noted) = login(&world, id).await;
            assert_eq!((noted, is_live(&world, &other).await), (usize::from(has_it), has_it), "{polls}");
            assert!(is_live(&world, &own).await, "{polls}");
            *(if has_it { &mut unchanged } else { &mut changed }) += 1;
            if has_it {
                people.disconnect(&context, described(&own), (&[], false)).await.unwrap();
            }
        }
        assert!(changed > 0 && unchanged > 0, "{changed} {unchanged}");
    });
}

#[test]
fn a_user_whom_a_login_makes_has_the_row_of_the_login_wherever_its_process_is_killed() {
    run(async {
        let (mut made, mut not_made) = (0, 0);
        for polls in 0..60 {
            let world = World::new(1900 + polls, 1).await;
            killed_after(usize::try_from(polls).unwrap(), Box::pin(recognise(&world, true))).await;
            match recognise(&world, false).await.unwrap() {
                Recognised::User(id) => {
                    assert_eq!(login(&world, id).await, (true, 1), "{polls}");
                    made += 1;
                }
                _ => not_made += 1,
            }
        }
        assert!(made > 0 && not_made > 0, "{made} {not_made}");
    });
}

#[test]
fn a_passkey_that_was_removed_is_no_other_way_to_sign_in() {
    run(async {
        let world = World::new(1861, 1).await;
        let Ok(Recognised::User(id)) = recognise(&world, true).await else { panic!("it makes a user") };
        let (people, own) = (world.regions[0].people(), begin(&world, id).await);
        let by = By { user: id, kept: Some(described(&own)), actor: &Actor::Umoja };
        let disconnect = || async {
            let of = (&[] as &[_], true);
            people.disconnect(&world.context(0), described(&own), of).await
        };
        people.add_passkey(by, passkey()).await.unwrap();
        let factor = standing(&world, id).await.passkeys().next().unwrap().0.id.clone();
        people.remove_factor(by, &factor).await.unwrap();
        assert_eq!(disconnect().await, Ok(Removal::Last), "the session began by a passkey that is gone");
        assert_eq!(login(&world, id).await, (true, 1));
    });
}

fn passkey() -> NewPasskey {
    let made = Registered {
        credential_id: vec![7; 16],
        public_key: vec![1; 32],
        sign_count: 0,
        user_verified: true,
        backup_eligible: false,
    };
    NewPasskey { made, transports: Vec::new(), label: String::new() }
}
