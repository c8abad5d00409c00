//! Events of sources: callers and workers that are killed at any await, and regions that are out.

use std::pin::pin;
use std::sync::{Arc, LazyLock};

use futures_util::future::join;
use serde_json::{Value, json};
use umoja_schema::{InboxState, Message, SourceKind};
use umoja_store::faulty::Fault;
use umoja_store::inbox;
use umoja_store::ports::Clock as _;
use umoja_tests::deployment::{CountingHasher, Deployment};
use umoja_tests::provider::Provider;
use umoja_tests::world::{World, killed_after, polled, run};

use crate::import::everything;

/// More polls than any work here takes.
const MAX_POLLS: usize = 400;

/// Checking the engines of a new hasher takes longer than a story.
static HASHER: LazyLock<Arc<CountingHasher>> = LazyLock::new(Arc::default);

/// Runs a story over two regions, of which the first one is the home of the provider's source.
fn story(story: impl AsyncFnOnce(&Deployment, &Provider)) {
    run(async {
        let d = Deployment::hashing_with(World::new(70, 2).await, Arc::clone(&HASHER)).await;
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        story(&d, &auth0).await;
    });
}

/// A state of the user at the provider, of a day of February 2026.
fn state(day: u8, name: &str) -> Value {
    let at = format!("2026-02-{day:02}T00:00:00.000Z");
    json!({
        "specversion": "1.0", "type": "user.updated", "source": "urn:auth0:shop", "id": format!("evt_{day}"), "time": at,
        "data": { "object": {
            "user_id": "auth0|ada", "email": "ada@example.com", "email_verified": true, "updated_at": at,
            "created_at": "2026-01-01T00:00:00.000Z", "given_name": name,
        } },
    })
}

async fn post(d: &Deployment, auth0: &Provider, at: usize, body: &Value) {
    let answer = auth0.post(d, at, body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// The states of the events in a region's inbox, with their reasons.
async fn inbox_of(d: &Deployment, at: usize) -> Vec<(InboxState, Option<String>)> {
    let region = &d.world.regions[at];
    let page = inbox::page(&*region.tables.inbox, None, 100, region.clock.now()).await.unwrap();
    assert_eq!((page.unreadable, page.next), (0, None));
    page.events.into_iter().map(|stored| (stored.event.state, stored.event.reason)).collect()
}

/// All events were applied: the user is one user in every region with the name of the newest state, and no message is
/// left.
async fn check_applied(d: &Deployment, events: usize, name: &str, when: &str) {
    d.world.settle().await;
    assert_eq!(inbox_of(d, 0).await, vec![(InboxState::Done, None); events], "{when}");
    assert!(inbox_of(d, 1).await.iter().all(|row| *row == (InboxState::Done, None)), "{when}");
    for (at, region) in d.world.regions.iter().enumerate() {
        let depth = region.home.own.ingest.depth().await.unwrap();
        assert_eq!((depth.waiting, depth.in_flight, depth.dead), (0, 0, 0), "{when}");
        assert_eq!(everything(d, at).await.len(), 2, "the parts of one user: {when}");
        let found = d.call(at, "lookup", json!({ "external_id": "auth0|ada" })).await;
        assert_eq!(found.ok(200).body["user"]["profile"]["given_name"], name, "{when}");
    }
    d.world.check_invariants().await;
}

/// Runs a story with work that is killed after every number of polls, until the work ends before that. The story
/// returns whether it ended.
fn killed_everywhere(killed: impl AsyncFn(&Deployment, &Provider, usize) -> bool) {
    for polls in 0..MAX_POLLS {
        let mut ended = false;
        story(async |d, auth0| {
            ended = killed(d, auth0, polls).await;
            check_applied(d, 1, "Ada", &format!("killed after {polls} polls")).await;
        });
        if ended {
            assert!(polls > 2, "the work has several awaits");
            return;
        }
    }
    panic!("the work never ends");
}

/// Failure: event accepted twice
#[test]
fn an_event_whose_acceptance_was_killed_is_applied_once_when_it_is_posted_again() {
    killed_everywhere(async |d, auth0, polls| {
        d.world.set_pausing(true);
        let ended = killed_after(polls, auth0.post(d, 0, &state(1, "Ada"))).await.is_some();
        d.world.set_pausing(false);
        post(d, auth0, 0, &state(1, "Ada")).await;
        ended
    });
}

/// Failure: worker of events killed
#[test]
fn an_event_whose_worker_was_killed_is_applied_once() {
    killed_everywhere(async |d, auth0, polls| {
        post(d, auth0, 0, &state(1, "Ada")).await;
        d.world.set_pausing(true);
        let ended = killed_after(polls, d.world.regions[0].pump.ingest()).await.is_some();
        d.world.set_pausing(false);
        ended
    });
}

/// Failure: worker of events killed
#[test]
fn an_event_killed_on_its_way_to_its_home_is_applied_once() {
    killed_everywhere(async |d, auth0, polls| {
        post(d, auth0, 1, &state(1, "Ada")).await;
        d.world.set_pausing(true);
        let ended = killed_after(polls, d.world.regions[1].pump.ingest()).await.is_some();
        d.world.set_pausing(false);
        ended
    });
}

/// Failure: event accepted twice
#[test]
fn an_event_that_two_regions_accept_is_applied_once() {
    story(async |d, auth0| {
        post(d, auth0, 1, &state(1, "Ada")).await;
        post(d, auth0, 0, &state(1, "Ada")).await;
        check_applied(d, 1, "Ada", "two regions").await;
        assert_eq!(inbox_of(d, 1).await.len(), 1);
        // It is handed to its home, which has applied it.
        post(d, auth0, 1, &state(1, "Ada")).await;
        check_applied(d, 1, "Ada", "later").await;
    });
}

/// Failure: events of a source out of order, or repeated
#[test]
fn two_workers_of_one_person_leave_the_newest_state_in_any_order() {
    for [(first, one), (second, other)] in [[(1, "Ada"), (2, "Augusta")], [(2, "Augusta"), (1, "Ada")]] {
        let mut late = 0;
        loop {
            let mut ended = false;
            story(async |d, auth0| {
                let pump = &d.world.regions[0].pump;
                post(d, auth0, 0, &state(first, one)).await;
                d.world.set_pausing(true);
                let mut worker = pin!(pump.ingest());
                ended = polled(late, worker.as_mut()).await.is_some();
                post(d, auth0, 0, &state(second, other)).await;
                if ended {
                    pump.ingest().await;
                } else {
                    join(worker, pump.ingest()).await;
                }
                d.world.set_pausing(false);
                check_applied(d, 2, "Augusta", &format!("{first} before {second}, {late} polls later")).await;
            });
            if ended {
                break;
            }
            late += 3;
            assert!(late < MAX_POLLS, "the worker never ends");
        }
        assert!(late > 2, "the worker has several awaits");
    }
}

/// Failure: answer lost after the write
#[test]
fn an_event_whose_answer_was_lost_is_applied_once() {
    let answered = |calls: usize| std::iter::repeat_n(Fault::None, calls).chain([Fault::AnswerLost]);
    for calls in 0..2 {
        story(async |d, auth0| {
            d.world.regions[0].faults.tables.then(answered(calls));
            assert_eq!(auth0.post(d, 0, &state(1, "Ada")).await.status, 503);
            post(d, auth0, 0, &state(1, "Ada")).await;
            check_applied(d, 1, "Ada", &format!("answer {calls} of the tables lost")).await;
        });
    }
    story(async |d, auth0| {
        d.world.regions[0].faults.ingest.then([Fault::AnswerLost]);
        assert_eq!(auth0.post(d, 0, &state(1, "Ada")).await.status, 503);
        // The event and its message are stored, so it is applied even if the provider gives up.
        check_applied(d, 1, "Ada", "answer of the queue lost").await;
    });
}

/// Failure: source's home out
#[test]
fn an_acknowledged_event_waits_while_its_home_is_out() {
    for at in 0..2 {
        story(async |d, auth0| {
            if at == 0 {
                post(d, auth0, 0, &state(1, "Ada")).await;
            }
            d.world.set_down(0, true);
            if at == 1 {
                post(d, auth0, 1, &state(1, "Ada")).await;
            } else {
                assert_eq!(auth0.post(d, 0, &state(2, "Eve")).await.status, 503);
            }
            d.world.rounds(100).await;
            d.call(1, "lookup", json!({ "external_id": "auth0|ada" })).await.rejected(404, "user_not_found");
            d.world.set_down(0, false);
            check_applied(d, 1, "Ada", &format!("accepted by region {at}")).await;
        });
    }
}

/// Failure: event id replayed with another body
#[test]
fn another_body_under_an_event_id_never_counts() {
    let replayed = state(1, "Eve");
    story(async |d, auth0| {
        post(d, auth0, 0, &state(1, "Ada")).await;
        for _ in 0..2 {
            let answer = auth0.post(d, 0, &replayed).await;
            assert_eq!((answer.status, &answer.body["code"]), (409, &json!("event_id_reused")));
            check_applied(d, 1, "Ada", "the same region").await;
        }
        // Another region does not know the event, and hands it to its home.
        post(d, auth0, 1, &replayed).await;
        d.world.settle().await;
        let parked = (InboxState::Parked, Some("event_id_reused".to_owned()));
        assert_eq!(inbox_of(d, 1).await, [parked]);
        assert_eq!(inbox_of(d, 0).await, [(InboxState::Done, None)]);
        let found = d.call(1, "lookup", json!({ "external_id": "auth0|ada" })).await;
        assert_eq!(found.ok(200).body["user"]["profile"]["given_name"], "Ada");
    });
}

/// Failure: inbox poison
#[test]
fn an_event_that_cannot_be_applied_holds_up_no_other() {
    story(async |d, auth0| {
        let mut nameless = state(1, "Ada");
        nameless["data"]["object"]["user_id"] = json!(null);
        let unknown = Message::Ingest { key: "no key".to_owned() };
        d.world.regions[0].home.own.ingest.send(&unknown, 0).await.unwrap();
        for body in [&nameless, &state(2, "Ada")] {
            post(d, auth0, 0, body).await;
        }
        d.world.settle().await;
        let mut states = inbox_of(d, 0).await;
        states.sort_by_key(|(state, _)| *state as u8);
        assert_eq!(states, [(InboxState::Done, None), (InboxState::Parked, Some("malformed".to_owned()))]);
        assert_eq!(d.world.quarantined(0).await.len(), 1);
        let depth = d.world.regions[0].home.own.ingest.depth().await.unwrap();
        assert_eq!((depth.waiting, depth.in_flight, depth.dead), (0, 0, 0));
        d.call(1, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200);
    });
}
