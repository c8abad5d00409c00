//! What persons may do at clients, over two regions.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use umoja_accounts::People;
use umoja_accounts::access::{
    DescribedSession, MAX_OFFLINE, NewFamily, NewSession, Refreshed, Reuse, SessionState, Standing,
};
use umoja_schema::access::{EndOfAll, Sector, Session};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Millis, UserId};
use umoja_store::ports::{Clock as _, Condition, ItemWrite, Writes};
use umoja_tests::world::{World, run};

const DAY: u64 = Millis::DAY_MS;

async fn populated(seed: u64) -> (World, UserId) {
    let world = World::new(seed, 2).await;
    let id = world.register(0, "ada@example.com", "phc").await.unwrap();
    world.settle().await;
    (world, id)
}

fn people(world: &World, at: usize) -> People {
    world.regions[at].people()
}

async fn standing(world: &World, at: usize, id: UserId) -> Option<Standing> {
    Standing::read(&people(world, at), id).await.unwrap()
}

fn scopes(scopes: &[&str]) -> BTreeSet<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

async fn begin(world: &World, at: usize, id: UserId) -> Session {
    let auth_time = world.clock.now();
    let ends = standing(world, at, id).await.unwrap().known_ends();
    let new = NewSession { auth_time, amr: vec!["pwd".into()], acr: None, label: None, ends, life_ms: DAY };
    people(world, at).begin_session(id, new).await.unwrap()
}

async fn family(world: &World, at: usize, id: UserId, session: Option<&str>) -> String {
    let session = session.map(str::to_owned);
    let (client, scopes, ends) =
        ("web".into(), scopes(&["openid"]), standing(world, at, id).await.unwrap().known_ends());
    let new = NewFamily { client, session, scopes, jkt: None, ends, life_ms: DAY };
    people(world, at).begin_family(id, new).await.unwrap().id
}

async fn is_valid(world: &World, at: usize, id: UserId, family: &str) -> bool {
    standing(world, at, id).await.is_some_and(|standing| standing.family(family, Reuse::default()).is_some())
}

fn described(session: &Session) -> DescribedSession<'_> {
    let Session { user, id, ends, created_at, .. } = session;
    DescribedSession { user: *user, id, ends, begun_at: *created_at }
}

async fn is_live(world: &World, at: usize, id: UserId, session: &Session) -> bool {
    let now = world.clock.now();
    let Some(standing) = standing(world, at, id).await else { return false };
    standing.session(described(session), now) != SessionState::Ended
}

#[test]
fn an_ended_session_and_its_families_are_over_in_every_region() {
    run(async {
        let (world, id) = populated(1).await;
        let session = begin(&world, 0, id).await;
        assert!(is_live(&world, 1, id, &session).await, "its row has not arrived, and it is young");
        people(&world, 0).note_client(id, &session.id, "web", session.expires_at).await.unwrap();
        let (with, offline) = (family(&world, 0, id, Some(&session.id)).await, family(&world, 0, id, None).await);
        world.settle().await;
        world.clock.advance(61_000);
        assert!(is_live(&world, 1, id, &session).await && is_valid(&world, 1, id, &with).await);
        assert_eq!(people(&world, 1).end_session(id, &session.id).await.unwrap(), scopes(&["web"]));
        assert!(!is_live(&world, 1, id, &session).await && !is_valid(&world, 1, id, &with).await);
        world.settle().await;
        assert!(!is_live(&world, 0, id, &session).await && !is_valid(&world, 0, id, &with).await);
        assert!(is_valid(&world, 0, id, &offline).await);
        people(&world, 0).end_all_sessions(id).await.unwrap();
        assert!(!is_valid(&world, 0, id, &offline).await);
        world.settle().await;
        assert!(!is_valid(&world, 1, id, &offline).await);
        world.check_invariants().await;
    });
}

#[test]
fn the_end_of_everything_ends_what_began_where_it_had_not_arrived_and_nothing_later() {
    run(async {
        let (world, id) = populated(20).await;
        let here = begin(&world, 0, id).await;
        world.settle().await;
        let (there, offline) = (begin(&world, 1, id).await, family(&world, 1, id, None).await);
        people(&world, 0).end_all_sessions(id).await.unwrap();
        assert!(!is_live(&world, 0, id, &here).await && is_live(&world, 1, id, &here).await);
        assert!(!is_live(&world, 0, id, &there).await, "its row has not arrived, and it is young");
        let later = begin(&world, 0, id).await;
        assert!(is_live(&world, 1, id, &later).await);
        world.settle().await;
        for at in 0..2 {
            assert!(!is_live(&world, at, id, &here).await && !is_live(&world, at, id, &there).await);
            assert!(!is_valid(&world, at, id, &offline).await && is_live(&world, at, id, &later).await);
            let listed: Vec<_> =
                standing(&world, at, id).await.unwrap().sessions().map(|session| session.id.clone()).collect();
            assert_eq!(listed, std::slice::from_ref(&later.id));
            assert!(is_live(&world, at, id, &begin(&world, at, id).await).await);
        }
        // Two ends at once each end what the other region began.
        let both = [begin(&world, 0, id).await, begin(&world, 1, id).await];
        for at in 0..2 {
            people(&world, at).end_all_sessions(id).await.unwrap();
        }
        world.settle().await;
        for at in 0..2 {
            assert!(!is_live(&world, at, id, &both[0]).await && !is_live(&world, at, id, &both[1]).await);
        }
        world.check_invariants().await;
    });
}

#[test]
fn an_end_that_comes_before_its_credentials_is_not_known_to_what_begins() {
    run(async {
        let (world, id) = populated(21).await;
        people(&world, 0).end_all_sessions(id).await.unwrap();
        let end = world.regions[0].home.own.items.items(&ACCESS, id).await.unwrap().remove(0);
        let mut row = EndOfAll::from_item(&end).unwrap();
        row.credentials.hlc = row.credentials.hlc.successor();
        let item = row.to_item(end.version.clone());
        let writes = Writes { items: vec![ItemWrite { item, condition: Condition::Older }], ..Writes::default() };
        world.regions[1].home.own.users.commit(&writes).await.unwrap();
        let standing = standing(&world, 1, id).await.unwrap();
        assert!(standing.is_ended_by_all(id, None, &standing.known_ends()));
        assert!(!is_live(&world, 1, id, &begin(&world, 1, id).await).await);
    });
}

#[test]
fn the_end_of_everything_of_one_of_two_that_are_merged_elsewhere_ends_what_both_began() {
    run(async {
        let (world, ada) = populated(22).await;
        let eve = world.register(0, "eve@example.com", "phc").await.unwrap();
        world.settle().await;
        let alone = begin(&world, 1, ada).await;
        world.merge(1, eve, Some(ada)).await.unwrap();
        let merged = begin(&world, 1, ada).await;
        // The region does not know of the merge.
        people(&world, 0).end_all_sessions(eve).await.unwrap();
        world.settle().await;
        for at in 0..2 {
            assert!(is_live(&world, at, ada, &alone).await && !is_live(&world, at, ada, &merged).await);
        }
        people(&world, 0).end_all_sessions(eve).await.unwrap();
        world.settle().await;
        assert!(!is_live(&world, 1, ada, &alone).await, "now it does");
    });
}

#[test]
fn a_session_that_ends_before_it_arrives_never_begins() {
    run(async {
        let (world, id) = populated(2).await;
        let session = begin(&world, 0, id).await;
        people(&world, 1).end_session(id, &session.id).await.unwrap();
        assert!(!is_live(&world, 1, id, &session).await);
        world.settle().await;
        assert!(!is_live(&world, 0, id, &session).await);
    });
}

#[test]
fn an_expired_row_counts_as_absent_and_is_not_copied() {
    run(async {
        let (world, id) = populated(3).await;
        let session = begin(&world, 0, id).await;
        world.clock.advance(DAY + 1_000);
        assert!(!is_live(&world, 0, id, &session).await);
        world.settle().await;
        let items = async |at: usize| world.regions[at].home.own.items.items(&ACCESS, id).await.unwrap();
        assert_eq!(items(1).await, []);
        assert_eq!((items(0).await.len(), world.regions[0].pump.drop_expired().await), (1, Ok(1)));
        assert_eq!(items(0).await, [], "where no database does it, the region deletes it");
    });
}

#[test]
fn the_consents_of_two_regions_both_survive_and_one_that_is_withdrawn_can_be_given_again() {
    run(async {
        let (world, id) = populated(4).await;
        people(&world, 0).consent(id, "web", &scopes(&["openid"])).await.unwrap();
        people(&world, 1).consent(id, "web", &scopes(&["email"])).await.unwrap();
        world.settle().await;
        for at in 0..2 {
            assert_eq!(standing(&world, at, id).await.unwrap().granted("web"), scopes(&["email", "openid"]));
        }
        let sub = people(&world, 0).subject(id, &Sector::Public).await.unwrap();
        let family = family(&world, 1, id, None).await;
        world.settle().await;
        people(&world, 0).withdraw(id, "web").await.unwrap();
        world.settle().await;
        assert_eq!(standing(&world, 1, id).await.unwrap().granted("web"), scopes(&[]));
        assert!(!is_valid(&world, 1, id, &family).await);
        people(&world, 1).consent(id, "web", &scopes(&["openid"])).await.unwrap();
        world.settle().await;
        assert_eq!(standing(&world, 0, id).await.unwrap().granted("web"), scopes(&["openid"]));
        assert!(!is_valid(&world, 0, id, &family).await, "what has ended stays ended");
        assert_eq!(people(&world, 1).subject(id, &Sector::Public).await.unwrap(), sub);
    });
}

#[test]
fn a_subject_stays_over_a_merge_and_an_unmerge() {
    run(async {
        let (world, ada) = populated(5).await;
        let other = world.register(0, "countess@example.com", "phc").await.unwrap();
        world.settle().await;
        let sub = people(&world, 1).subject(ada, &Sector::Public).await.unwrap();
        world.settle().await;
        world.merge(0, other, Some(ada)).await.unwrap();
        world.settle().await;
        for id in [ada, other] {
            assert_eq!(people(&world, 1).subject(id, &Sector::Public).await.unwrap(), sub);
        }
        world.merge(0, other, None).await.unwrap();
        world.settle().await;
        assert_eq!(people(&world, 0).subject(ada, &Sector::Public).await.unwrap(), sub);
        assert_ne!(people(&world, 0).subject(other, &Sector::Public).await.unwrap(), sub);
    });
}

#[test]
fn two_regions_that_call_a_person_something_at_once_say_the_same() {
    run(async {
        let (world, id) = populated(9).await;
        let sector = Sector::Pairwise("shop.example".into());
        let at_once = [0, 1].map(|at| people(&world, at));
        let mut subs = Vec::new();
        for people in &at_once {
            subs.push(people.subject(id, &sector).await.unwrap());
        }
        world.settle().await;
        for people in &at_once {
            subs.push(people.subject(id, &sector).await.unwrap());
        }
        subs.dedup();
        assert_eq!(subs.len(), 1);
        assert_ne!(at_once[0].subject(id, &Sector::Public).await.unwrap(), subs[0]);
    });
}

#[test]
fn a_disabled_person_has_nothing_valid_and_an_erased_one_has_no_row() {
    run(async {
        let (world, id) = populated(6).await;
        let session = begin(&world, 0, id).await;
        let family = family(&world, 0, id, None).await;
        world.settle().await;
        world.disable(0, id).await.unwrap();
        world.settle().await;
        for at in 0..2 {
            assert!(!is_live(&world, at, id, &session).await && !is_valid(&world, at, id, &family).await);
        }
        world.erase(1, id).await.unwrap();
        world.settle().await;
        for at in 0..2 {
            assert_eq!(world.regions[at].home.own.items.items(&ACCESS, id).await.unwrap(), []);
            assert!(standing(&world, at, id).await.is_none());
        }
    });
}

#[test]
fn a_refresh_is_repeated_in_any_region_within_the_time_and_ends_the_family_after_it() {
    run(async {
        let (world, id) = populated(7).await;
        let family = family(&world, 0, id, None).await;
        world.settle().await;
        let reuse = Reuse::default();
        let refresh = async |at: usize, nth| people(&world, at).refresh(id, &family, nth, reuse).await.unwrap();
        assert_eq!(refresh(0, 0).await, Refreshed::Next(1));
        assert_eq!(refresh(0, 0).await, Refreshed::Retry(1));
        assert_eq!(refresh(1, 0).await, Refreshed::Next(1), "nothing has arrived");
        world.settle().await;
        assert_eq!(refresh(1, 1).await, Refreshed::Next(2));
        assert_eq!(refresh(1, 1).await, Refreshed::Retry(2));
        world.clock.advance(41_000);
        assert_eq!(refresh(1, 0).await, Refreshed::Ended);
        world.settle().await;
        assert_eq!(refresh(0, 2).await, Refreshed::Ended);
    });
}

#[test]
fn the_oldest_families_of_a_client_that_outlive_their_sessions_end_when_there_are_too_many() {
    run(async {
        let (world, id) = populated(23).await;
        let session = begin(&world, 0, id).await;
        let with = family(&world, 0, id, Some(&session.id)).await;
        let (mut all, elsewhere) = (Vec::new(), family(&world, 1, id, None).await);
        for _ in 0..MAX_OFFLINE {
            all.push(family(&world, 0, id, None).await);
            world.clock.advance(1);
        }
        // One that has ended makes room.
        people(&world, 0).end_family(id, &all[7]).await.unwrap();
        all.push(family(&world, 0, id, None).await);
        assert!(is_valid(&world, 0, id, &all[0]).await);
        for nth in 0..3 {
            assert!(is_valid(&world, 0, id, &all[nth]).await);
            all.push(family(&world, 0, id, None).await);
            assert!(!is_valid(&world, 0, id, &all[nth]).await);
        }
        world.settle().await;
        for at in 0..2 {
            let mut live = 0;
            for family in &all {
                live += usize::from(is_valid(&world, at, id, family).await);
            }
            assert_eq!(live, MAX_OFFLINE);
            assert!(is_valid(&world, at, id, &with).await && is_valid(&world, at, id, &elsewhere).await);
        }
        world.check_invariants().await;
    });
}

#[test]
fn a_family_that_outlives_its_session_begins_once_under_its_id_and_at_once_with_others() {
    run(async {
        let (world, id) = populated(24).await;
        let ends = standing(&world, 0, id).await.unwrap().known_ends();
        let new = || NewFamily {
            client: "web".into(),
            session: None,
            scopes: scopes(&["openid"]),
            jkt: None,
            ends: ends.clone(),
            life_ms: DAY,
        };
        let people = people(&world, 0);
        let begun = join_all((0..6).map(|n| people.begin_family_as(id, format!("f{}", n / 2), new()))).await;
        let begun: Vec<_> = begun.into_iter().filter_map(Result::unwrap).map(|family| family.id).collect();
        assert_eq!(begun.iter().collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(begun.len(), 3);
        people.end_family(id, "f9").await.unwrap();
        assert_eq!(people.begin_family_as(id, "f9".into(), new()).await.unwrap(), None, "it has ended before it began");
    });
}

#[test]
fn what_a_region_issued_is_spent_once_over_all_regions() {
    run(async {
        let (world, _) = populated(8).await;
        let (now, until) = (world.clock.now(), world.clock.now().plus(60_000));
        let issuer = &world.regions[0].home.own.requests;
        let seen_by_other = &world.regions[1].home.peers[0].ports.requests;
        assert_eq!(seen_by_other.first_use(&[1; 32], now, until).await, Ok(true));
        assert_eq!(issuer.first_use(&[1; 32], now, until).await, Ok(false));
        world.set_cut(1, 0, true);
        assert!(seen_by_other.first_use(&[2; 32], now, until).await.is_err());
        assert!(issuer.first_use(&[2; 32], now, until).await.is_ok());
    });
}
