//! Cuts two regions off from each other for days, and measures the work until they are equal again.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::json;
use umoja_schema::names::table;
use umoja_schema::{Hlc, LogRow, PartRecord};
use umoja_store::ports::Clock as _;
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, run};

use crate::options::Options;

/// Users before the cut.
const USERS: u64 = 2_000;
/// The number of writes after which the stream of a region is read during the cut.
const BATCH: u64 = 100;
const HOUR_MS: u64 = 3_600_000;

/// The work of one side during the cut.
struct Side {
    /// Distinct parts that the side wrote.
    parts: usize,
    /// Rows that the side appended.
    rows: usize,
    /// The side's own stream records.
    records: usize,
}

/// Prints the measurements. Panics, as a run does, if an invariant is violated.
#[allow(clippy::disallowed_methods, reason = "the duration of the recovery is measured")]
pub(crate) fn heals(options: &Options, hours: u64) {
    run(async {
        let d = Deployment::new(options.seed).await;
        let world = &d.world;
        let mut ids = Vec::new();
        for number in 0..USERS {
            let body = json!({ "email": format!("user{number}@example.com"), "password": "correct horse" });
            ids.push(at(number).call(&d, "register", body).await.id());
            if number % BATCH == 0 {
                world.deliver().await;
            }
        }
        world.settle().await;
        let cut_at = [0, 1].map(|at| world.regions[at].store.newest_change().expect("a change log can be read"));
        world.set_cut(0, 1, true);
        world.set_cut(1, 0, true);
        let began = Instant::now();
        // Both sides write at the same time, so each has half of the writes in an hour.
        let (pause, per_hour) = (hours * HOUR_MS / options.writes.max(1), (options.writes / hours.max(1)).max(1));
        for number in 0..options.writes {
            for side in [0, 1] {
                write(&d, side, number, &ids).await;
            }
            world.clock.advance(pause);
            if number % BATCH == BATCH - 1 || number % per_hour == per_hour - 1 {
                for region in &world.regions {
                    region.pump.replicate().await.expect("a change log can be read");
                }
            }
            if number % per_hour == per_hour - 1 {
                for region in &world.regions {
                    region.pump.reconcile().await;
                }
            }
        }
        let wrote = began.elapsed();
        let sides = [0, 1].map(|at| side(world, at, cut_at[at]));
        let digests = world.digests().await;
        assert_ne!(digests[0], digests[1], "the cut had no effect");
        world.reset_calls();
        world.set_cut(0, 1, false);
        world.set_cut(1, 0, false);
        let (healed_at, began) = (world.clock.now(), Instant::now());
        world.settle().await;
        let (took, passed) = (began.elapsed(), world.clock.now().since(healed_at));
        world.check_invariants().await;
        let calls = |name: &str| -> u64 {
            let links = world.regions.iter().flat_map(|region| region.faults.links.values());
            links.map(|faults| faults.calls().get(name).copied().unwrap_or_default()).sum()
        };
        let (parts, rows): (usize, usize) =
            (sides.iter().map(|side| side.parts).sum(), sides.iter().map(|side| side.rows).sum());
        let records: usize = sides.iter().map(|side| side.records).sum();
        let (copies, appended, keys) = (calls("commit"), calls("append"), calls("add_wrapped_key"));
        // The peer's KMS was cut off too, so a part is sent once, and at most once more with its new wrapped key.
        assert!(copies <= parts as u64 + keys, "{copies} parts were written to peers for {parts} that changed");
        if options.json {
            println!(
                "{}",
                json!({
                    "hours": hours, "writes_on_each_side": options.writes, "writing_seconds": wrote.as_secs_f64(),
                    "changed_parts": parts, "new_rows": rows, "stream_records": records, "peer_part_writes": copies,
                    "peer_row_writes": appended, "peer_key_writes": keys, "healing_seconds": took.as_secs_f64(),
                    "healing_simulated_seconds": passed / 1000,
                })
            );
        } else {
            println!(
                "cut off for {hours} h with {} writes on each side, took {:.1} s",
                options.writes,
                wrote.as_secs_f64()
            );
            println!("{records} stream records of {parts} distinct parts and {rows} rows");
            println!("peers were asked to write {copies} parts, {appended} rows and {keys} wrapped keys");
            println!("equal {:.1} s after the cut ended ({} s of simulated time)", took.as_secs_f64(), passed / 1000);
        }
    });
}

/// The users and the regions where they are registered, one after the other.
fn at(number: u64) -> At {
    At(usize::from(number % 2 == 1))
}

struct At(usize);

impl At {
    async fn call(&self, d: &Deployment, operation: &str, body: serde_json::Value) -> Reply {
        d.call(self.0, operation, body).await
    }
}

/// Of ten writes, six edit profiles, two rename, one disables or activates, and one registers. Both sides write the
/// same users, each in its own order.
async fn write(d: &Deployment, side: usize, number: u64, ids: &[String]) {
    let factor = if side == 0 { 7 } else { 11 };
    let id = &ids[usize::try_from(number * factor).expect("few writes") % ids.len()];
    let reply = match number % 10 {
        0..6 => {
            let set = json!({ "profile": { "nickname": format!("{number} of {side}") } });
            d.call(side, "update", json!({ "id": id, "set": set })).await
        }
        6 | 7 => {
            let set = json!({ "email": format!("renamed{number}@example.com") });
            d.call(side, "update", json!({ "id": id, "set": set })).await
        }
        8 => {
            d.call(side, "status", json!({ "id": id, "status": "active", "reason": format!("number {number}") })).await
        }
        _ => d.call(side, "register", json!({ "email": format!("new{number}.{side}@example.com") })).await,
    };
    assert!(reply.status < 300, "{reply:?}");
}

fn side(world: &World, at: usize, after: u64) -> Side {
    let region = &world.regions[at];
    let changes = region.store.changes(after, usize::MAX).expect("a change log can be read");
    let (mut parts, mut rows, mut records) = (BTreeSet::new(), BTreeSet::<(Hlc, String)>::new(), 0);
    for change in changes {
        if change.table == table::USERS {
            let record = PartRecord::from_item(change.image).expect("a stored item can be read");
            if record.version.origin == region.name {
                parts.insert((record.id, record.part));
                records += 1;
            }
        } else {
            let row = LogRow::from_item(change.image).expect("a stored item can be read");
            rows.insert((row.at, row.key));
            records += 1;
        }
    }
    Side { parts: parts.len(), rows: rows.len(), records }
}
