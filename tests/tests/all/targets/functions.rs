//! Deliveries by functions: many processes, woken by messages that name a system and nothing else.

use std::sync::Arc;

use umoja_provisioner::deliveries::{Deliveries, Done};
use umoja_provisioner::targets::{self, Run};
use umoja_provisioner::{Provisioner, Webhooks};
use umoja_schema::{Message, Target};
use umoja_store::Home;
use umoja_store::ports::Queue;
use umoja_tests::scim_target::Mishap::Status;
use umoja_tests::world::{killed_after, polled};

use super::{Fed, with_target};

/// The time-out of a function, in milliseconds.
const TIME_OUT_MS: u64 = 120_000;

impl Fed {
    /// The home region of the target, whose deliveries are woken by a queue.
    fn woken(&self) -> Home {
        let region = &self.d.world.regions[0];
        let queue: Arc<dyn Queue> = Arc::new(region.store.queue("deliver"));
        Home { deliveries: Some(queue), ..region.home.clone() }
    }

    /// The deliveries of a process that was just started.
    fn process(&self) -> Deliveries {
        let (home, region) = (self.woken(), &self.d.world.regions[0]);
        let outbound = Arc::new(self.remote.clone());
        let people = umoja_accounts::People { home: home.clone(), ..region.people() };
        let webhooks = Webhooks::new(home, Arc::clone(region.secrets()), Arc::clone(&outbound) as _, String::new());
        Deliveries::new(Provisioner::new(people, outbound), webhooks)
    }

    /// What the feed does with all changes of the home.
    async fn ring_by_feed(&self) {
        self.d.world.settle().await;
        for changes in self.d.world.changes(0).chunks(50) {
            targets::ring(&self.woken(), changes).await.unwrap();
        }
    }

    /// Handles a message in a process.
    async fn serve(&self, process: &Deliveries) -> Done {
        let until = self.d.world.regions[0].home.clock.now().plus(TIME_OUT_MS);
        process.serve(&Target::setting(&self.target.id), until).await.unwrap()
    }

    /// The systems that the messages name which can be received now.
    async fn messages(&self) -> Vec<String> {
        let queue = self.woken().deliveries.unwrap();
        let mut systems = Vec::new();
        loop {
            let received = queue.receive(10, 0).await.unwrap();
            if received.is_empty() {
                return systems;
            }
            for delivery in received {
                let Ok(Message::Deliver { system }) = Message::from_text(&delivery.text) else { panic!("no message") };
                systems.push(system);
                queue.delete(&delivery.receipt).await.unwrap();
            }
        }
    }
}

#[test]
fn a_message_names_the_target_once_for_all_changes_and_has_no_user() {
    with_target(980, async |fed| {
        let ids = [fed.user("ada@example.com").await, fed.user("eve@example.com").await];
        fed.ring_by_feed().await;
        assert_eq!(fed.messages().await, ["target/crm"]);
        let done = fed.serve(&fed.process()).await;
        assert_eq!((done.run.delivered, done.run.failed), (2, 0));
        assert!(ids.iter().all(|id| fed.account(id).is_some()));
        assert_eq!(fed.messages().await, [""; 0]);
    });
}

#[test]
fn a_second_message_about_what_is_done_costs_no_call() {
    with_target(981, async |fed| {
        fed.user("ada@example.com").await;
        fed.ring_by_feed().await;
        fed.serve(&fed.process()).await;
        fed.remote.take_calls();
        assert_eq!(fed.serve(&fed.process()).await.run, Run::default());
        assert_eq!(fed.remote.take_calls(), [""; 0]);
    });
}

/// Failure: function killed during its turn at a target
#[test]
fn a_process_that_is_killed_at_any_await_of_its_turn_holds_up_the_next_one_for_its_time_only() {
    with_target(982, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.ring_by_feed().await;
        fed.d.world.set_pausing(true);
        for polls in (0..60).step_by(3) {
            let provisioner = fed.provisioner(0);
            provisioner.ring(&fed.target.id, super::user(&id), true).await.unwrap();
            let killed = fed.process();
            if killed_after(polls, fed.serve(&killed)).await.is_some() {
                break;
            }
            fed.d.world.clock.advance(TIME_OUT_MS);
            fed.serve(&fed.process()).await;
            assert_eq!(fed.remote.users().len(), 1, "after {polls} polls");
        }
        fed.d.world.set_pausing(false);
        assert!(fed.account(&id).is_some());
    });
}

#[test]
fn what_becomes_due_while_another_process_has_the_turn_is_delivered_by_that_one() {
    with_target(983, async |mut fed| {
        // The clock of the test stands still, and so would a rate.
        fed.target.rate = 1_000_000.try_into().unwrap();
        fed.store().await;
        fed.user("ada@example.com").await;
        fed.ring_by_feed().await;
        let late = fed.user("eve@example.com").await;
        fed.d.world.set_pausing(true);
        let (first, second) = (fed.process(), fed.process());
        let mut working = Box::pin(fed.serve(&first));
        // It has the turn, and has read what is due.
        assert!(polled(20, working.as_mut()).await.is_none());
        fed.ring_by_feed().await;
        let other = fed.serve(&second).await;
        let done = working.await;
        fed.d.world.set_pausing(false);
        // The first user was rung for again during its delivery.
        assert_eq!((other.run, done.run.delivered), (Run::default(), 3));
        assert!(fed.account(&late).is_some());
    });
}

#[test]
fn a_process_knows_from_the_one_before_that_a_target_is_out() {
    with_target(984, async |mut fed| {
        // The clock of the test stands still, and so would a rate.
        fed.target.rate = 1_000_000.try_into().unwrap();
        fed.store().await;
        for n in 0..30 {
            fed.user(&format!("ada{n}@example.com")).await;
        }
        fed.ring_by_feed().await;
        fed.remote.set_down(true);
        for _ in 0..5 {
            fed.serve(&fed.process()).await;
        }
        let asked = fed.remote.take_calls().len();
        assert!((10..=17).contains(&asked), "{asked} calls by five processes");
    });
}

#[test]
fn a_failure_is_looked_at_again_when_it_is_due_and_not_before() {
    with_target(985, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.ring_by_feed().await;
        fed.remote.then([Some(Status(503))]);
        assert_eq!(fed.messages().await.len(), 1);
        assert_eq!(fed.serve(&fed.process()).await.run.failed, 1);
        assert_eq!(fed.messages().await, [""; 0]);
        fed.d.world.clock.advance(10_000);
        assert_eq!(fed.messages().await, ["target/crm"]);
        fed.serve(&fed.process()).await;
        assert!(fed.account(&id).is_some());
    });
}

#[test]
fn the_schedule_finds_what_is_due_although_its_message_was_lost() {
    with_target(986, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.ring_by_feed().await;
        assert_eq!(fed.messages().await.len(), 1);
        fed.d.world.clock.advance(60_000);
        assert_eq!(targets::wake_due(&fed.woken()).await, Ok((1, 60_000)));
        assert_eq!(fed.messages().await, ["target/crm"]);
        fed.serve(&fed.process()).await;
        assert!(fed.account(&id).is_some());
        assert_eq!(targets::wake_due(&fed.woken()).await, Ok((0, 0)));
    });
}

#[test]
fn nothing_is_rung_for_where_the_target_has_no_home() {
    with_target(987, async |fed| {
        fed.user("ada@example.com").await;
        fed.d.world.settle().await;
        let region = &fed.d.world.regions[1];
        let queue: Arc<dyn Queue> = Arc::new(region.store.queue("deliver"));
        let home = Home { deliveries: Some(Arc::clone(&queue)), ..region.home.clone() };
        for changes in fed.d.world.changes(1).chunks(50) {
            assert_eq!(targets::ring(&home, changes).await.unwrap().rung, 0);
        }
        assert_eq!(queue.depth().await.unwrap().waiting, 0);
    });
}
