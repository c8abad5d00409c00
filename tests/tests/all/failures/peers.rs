//! Unavailable, throttled and disconnected peers, and the queues with the changes that they missed.

use umoja_reconciler::{Ended, drain_retries};
use umoja_schema::{Attribute, Credentials, Identity, Message, Part, Version};
use umoja_store::digest::Digest;
use umoja_store::faulty::Fault;
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
use umoja_tests::world::{World, run};

/// Failure: peer region down
#[test]
fn an_unavailable_peer_delays_no_other_and_catches_up() {
    run(async {
        let world = World::new(1, 3).await;
        world.set_down(2, true);
        for n in 0..20 {
            world.register(n % 2, &format!("user{n}@example.com"), "phc").await.unwrap();
        }
        world.deliver().await;
        let digests = world.digests().await;
        assert_eq!((digests[0], digests[0].parts, digests[2].parts), (digests[1], 40, 0));
        let backlog = world.backlog(0, 2).await.waiting;
        assert!(backlog > 0);

        // Far longer than the receive limit of a message allows.
        world.rounds(30).await;
        assert_eq!(world.backlog(0, 2).await.waiting, backlog);

        world.set_down(2, false);
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn an_unresponsive_peer_is_called_once_per_batch() {
    run(async {
        let world = World::new(2, 3).await;
        world.set_cut(0, 2, true);
        for n in 0..20 {
            world.register(0, &format!("user{n}@example.com"), "phc").await.unwrap();
        }
        world.reset_calls();
        let step = world.regions[0].pump.replicate().await.unwrap();
        // Two parts and an audit row of each user.
        assert_eq!((step.outcome.failed, step.outcome.sent, step.outcome.queued), (None, 60, 60));
        let asked = world.regions[0].faults.links[world.name(2)].calls();
        assert_eq!(asked.values().sum::<u64>(), 1, "{asked:?}");
        world.set_cut(0, 2, false);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: hot user (1,000 updates)
#[test]
fn a_part_in_many_message_chunks_is_written_once() {
    run(async {
        let world = World::new(9, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.set_cut(0, 1, true);
        for n in 0..250 {
            world.edit(0, id, &format!("name {n}")).await.unwrap();
            world.regions[0].pump.replicate().await.unwrap();
        }
        assert_eq!(world.backlog(0, 1).await.waiting, 250);
        world.set_cut(0, 1, false);
        world.reset_calls();
        let report = drain_retries(&world.regions[0].home, &world.regions[0].home.peers[0]).await;
        assert_eq!((report.received, report.ended), (250, Ended::Empty));
        let asked = world.regions[0].faults.links[world.name(1)].calls();
        assert_eq!(asked.get("commit"), Some(&1), "{asked:?}");
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: peer throttled
#[test]
fn a_throttled_peer_stalls_no_stream() {
    run(async {
        let world = World::new(3, 3).await;
        for n in 0..10 {
            world.register(0, &format!("user{n}@example.com"), "phc").await.unwrap();
        }
        world.regions[0].faults.links[world.name(1)].then([Fault::None, Fault::None, Fault::None, Fault::Throttled]);
        let step = world.regions[0].pump.replicate().await.unwrap();
        assert_eq!(step.outcome.failed, None);
        assert_eq!(step.outcome.sent + step.outcome.queued, 60);
        assert!(step.outcome.queued > 0);
        assert_eq!(Digest::of(&world.regions[2].tables.ports(&world.regions[2].store), 3).await.unwrap().parts, 20);
        // Now the peer throttles every call for a long time.
        let link = &world.regions[0].faults.links[world.name(1)];
        for n in 10..40 {
            world.register(0, &format!("user{n}@example.com"), "phc").await.unwrap();
            link.then([Fault::Throttled]);
            let step = world.regions[0].pump.replicate().await.unwrap();
            assert_eq!((step.outcome.failed, step.outcome.sent, step.outcome.queued), (None, 3, 3), "{n}");
            assert_eq!(
                Digest::of(&world.regions[2].tables.ports(&world.regions[2].store), 3).await.unwrap().parts,
                2 * n + 2
            );
            // The retries are throttled after the probe, and their delay grows.
            link.then([Fault::None, Fault::Throttled]);
            let home = &world.regions[0].home;
            let report = drain_retries(home, &home.peers[0]).await;
            assert_eq!((report.replicated, report.postponed), (0, report.received));
        }
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: peer region down
#[test]
fn messages_for_an_unavailable_peer_are_not_received() {
    run(async {
        let world = World::new(4, 2).await;
        world.set_cut(0, 1, true);
        world.register(0, "ada@example.com", "phc").await.unwrap();
        world.deliver().await;
        let home = &world.regions[0].home;
        world.reset_calls();
        let report = drain_retries(home, &home.peers[0]).await;
        assert_eq!((report.ended, report.received), (Ended::PeerDown, 0));
        assert!(world.regions[0].faults.retries[world.name(1)].calls().is_empty());
    });
}

/// Failure: peer region down
#[test]
fn a_peer_failing_during_a_run_ends_it_without_loss() {
    run(async {
        let world = World::new(5, 2).await;
        world.set_cut(0, 1, true);
        for n in 0..10 {
            world.register(0, &format!("user{n}@example.com"), "phc").await.unwrap();
        }
        world.deliver().await;
        world.set_cut(0, 1, false);
        // The probe and the next three calls succeed.
        world.regions[0].faults.links[world.name(1)].then([Fault::None; 4]);
        world.regions[0].faults.links[world.name(1)].then([Fault::AnswerLost]);
        let home = &world.regions[0].home;
        world.reset_calls();
        let report = drain_retries(home, &home.peers[0]).await;
        assert_eq!((report.ended, report.received), (Ended::PeerDown, 30));
        let calls = world.regions[0].faults.links[world.name(1)].calls().values().sum::<u64>();
        assert_eq!(calls, 5, "the run called it again after the failure");
        assert_eq!(report.replicated + report.postponed, 30);
        assert!(report.postponed > 0 && report.replicated > 0, "{report:?}");
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: hot user (1,000 updates)
#[test]
fn a_backlog_of_one_user_costs_one_write_per_part() {
    run(async {
        let world = World::new(6, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.set_cut(0, 1, true);
        for n in 0..40 {
            world.edit(0, id, &format!("name {n}")).await.unwrap();
            world.deliver().await;
        }
        assert_eq!(world.backlog(0, 1).await.waiting, 40);
        world.set_cut(0, 1, false);
        world.reset_calls();
        let home = &world.regions[0].home;
        let report = drain_retries(home, &home.peers[0]).await;
        assert_eq!((report.replicated, report.coalesced), (1, 39));
        assert_eq!(world.sends(), 1);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: peer throttled
#[test]
fn messages_for_a_failing_peer_back_off_and_survive() {
    run(async {
        let world = World::new(7, 2).await;
        world.set_cut(0, 1, true);
        world.register(0, "ada@example.com", "phc").await.unwrap();
        world.deliver().await;
        world.set_cut(0, 1, false);
        let link = &world.regions[0].faults.links[world.name(1)];
        for _ in 0..40 {
            // Only the probe succeeds each time.
            link.then([Fault::None, Fault::Throttled, Fault::Throttled]);
            let home = &world.regions[0].home;
            drain_retries(home, &home.peers[0]).await;
            let tried = drain_retries(home, &home.peers[0]).await;
            assert_eq!(tried.received, 0, "a message came back at once");
            world.clock.advance(16 * 60 * 1000);
        }
        let backlog = world.backlog(0, 1).await;
        assert_eq!((backlog.waiting, backlog.dead), (3, 0));
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: poison record
#[test]
fn an_unreadable_message_is_quarantined_alone() {
    run(async {
        let world = World::new(8, 2).await;
        world.set_cut(0, 1, true);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.deliver().await;
        world.set_cut(0, 1, false);
        let version = world.stored(0, id, Part::Profile).await.unwrap().version;
        let (home, part) = (&world.regions[0].home, Part::Profile);
        home.peers[0].retry.send(&Message::WrapKeys { id, part, version }, 0).await.unwrap();
        let report = drain_retries(home, &home.peers[0]).await;
        assert_eq!((report.quarantined, report.replicated), (1, 3));
        assert_eq!(world.quarantined(0).await.len(), 1);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: message size
#[test]
fn an_item_of_nearly_400_kb_gets_through_a_retry_queue() {
    run(async {
        let world = World::new(9, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.set_cut(0, 1, true);
        // Larger than the API permits, and as large as the table accepts.
        let (sealer, stored) = (&world.regions[0].sealer, world.stored(0, id, Part::Profile).await.unwrap());
        let mut identity: Identity = world.read(0, id).await.unwrap();
        identity.profile.given_name = Some("x".repeat(400_000));
        let version = Version { hlc: stored.version.hlc.successor(), ..stored.version.clone() };
        let facts = stored.live().unwrap().facts.clone();
        let record = sealer.seal(id, version, facts, &identity, stored.unknown.clone()).await.unwrap();
        let condition = Condition::VersionIs(stored.version);
        let writes = Writes { parts: vec![PartWrite { record: record.clone(), condition }], ..Writes::default() };
        assert_eq!(world.regions[0].tables.users.commit(&writes).await, Ok(Commit::Done));
        let Attribute::B(envelope) = &record.live().unwrap().data.0["info"] else { panic!() };
        assert!(envelope.len() > 400_000, "{}", envelope.len());
        world.deliver().await;
        assert_eq!(world.backlog(0, 1).await.waiting, 3);
        world.set_cut(0, 1, false);
        world.settle().await;
        world.check_invariants().await;
        let identity: Identity = world.read(1, id).await.unwrap();
        assert_eq!(identity.profile.given_name.unwrap().len(), 400_000);
    });
}

/// Failure: split network, both sides write
#[test]
fn a_network_partition_heals_to_one_state() {
    run(async {
        let world = World::new(10, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
            world.set_cut(from, to, true);
        }
        world.edit(0, id, "left").await.unwrap();
        world.set_password(0, id, "left").await.unwrap();
        world.register(0, "eve@example.com", "phc").await.unwrap();
        world.clock.advance(1000);
        world.edit(1, id, "right").await.unwrap();
        world.set_password(2, id, "right").await.unwrap();
        world.rounds(3).await;
        let digests = world.digests().await;
        assert_ne!(digests[0], digests[1]);
        for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
            world.set_cut(from, to, false);
        }
        world.settle().await;
        world.check_invariants().await;
        let (identity, credentials): (Identity, Credentials) =
            (world.read(0, id).await.unwrap(), world.read(0, id).await.unwrap());
        assert_eq!(identity.profile.given_name.as_deref(), Some("right"));
        assert_eq!(credentials.secret.as_deref(), Some("right"));
    });
}
