//! What an import cannot do without: sealing the same parts, and writing the same rows into the same tables of both
//! regions in the fastest way that SQLite has.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use umoja_cli::Deployment;
use umoja_schema::{Attributes, Credentials, Identity, Part, PartRecord};
use umoja_store::Home;
use umoja_store::seal::Sealer;

use crate::clock::{Watch, cpu_of};
use crate::error::{BenchError, io};
use crate::figure::count;

/// The tables that an import fills.
const TABLES: [&str; 5] = ["users", "identifiers", "logs", "items", "changes"];
/// How many parts are sealed to measure how long one takes.
const SAMPLE: usize = 10_000;
/// Parts in a page of a scan.
const PAGE: usize = 1_000;

/// Processor time, in seconds.
pub(super) struct Floor {
    /// Of sealing every part once, with its wrapped keys.
    pub(super) seal: f64,
    /// Of writing the rows of all regions.
    pub(super) write: f64,
    /// The time on the wall of the same.
    pub(super) write_wall: f64,
}

impl Floor {
    /// Measures what was imported into a deployment that nothing has open.
    pub(super) async fn measure(dir: &Path) -> Result<Self, BenchError> {
        let deployment = Deployment::open(dir)?;
        let home = deployment.homes(None).into_iter().next().ok_or(BenchError::Broken("a region"))?;
        let seal = seal(&home, &deployment.sealer(&home)).await?;
        let files: Vec<_> =
            deployment.stores().iter().map(|store| dir.join(store.region().as_str()).join("region.sqlite")).collect();
        drop((deployment, home));
        let (watch, before) = (Watch::start(), cpu_of(std::process::id())?);
        for file in files {
            copy(&file, &dir.join("floor.sqlite"))?;
        }
        Ok(Self { seal, write: cpu_of(std::process::id())? - before, write_wall: watch.secs() })
    }
}

/// The time for sealing every part, by a sample.
async fn seal(home: &Home, sealer: &Sealer) -> Result<f64, BenchError> {
    let (mut from, mut done, mut all, mut cpu) = (None, 0, 0, 0.0);
    loop {
        let page = home.own.users.scan(from, PAGE).await?;
        all += page.records.len();
        for record in page.records.iter().take(SAMPLE.saturating_sub(done)) {
            cpu += seal_again(sealer, record).await?;
            done += 1;
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(cpu * count(all) / count(done.max(1))),
        }
    }
}

/// The time for sealing a part as it was sealed.
async fn seal_again(sealer: &Sealer, record: &PartRecord) -> Result<f64, BenchError> {
    let live = record.live().ok_or(BenchError::Broken("a live part"))?;
    let (version, facts) = (record.version.clone(), live.facts.clone());
    let begun;
    match record.part {
        Part::Profile => {
            let plain: Identity = sealer.open(record).await?;
            begun = Watch::start();
            sealer.seal(record.id, version, facts, &plain, Attributes::new()).await?;
        }
        Part::Credentials => {
            let plain: Credentials = sealer.open(record).await?;
            begun = Watch::start();
            sealer.seal(record.id, version, facts, &plain, Attributes::new()).await?;
        }
    }
    Ok(begun.secs())
}

/// Writes the rows of a region into another file: sorted, in one transaction without a journal, synced once.
fn copy(from: &Path, to: &Path) -> Result<(), BenchError> {
    let target = Connection::open(to)?;
    target.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;",
    )?;
    target.execute("ATTACH ?1 AS source", [from.to_string_lossy()])?;
    target.execute_batch("BEGIN")?;
    for table in TABLES {
        let made = "SELECT sql FROM source.sqlite_master WHERE type = 'table' AND name = ?1";
        let made: String = target.query_row(made, [table], |row| row.get(0))?;
        target.execute_batch(&made)?;
        // A scan of a table is in the order of its key.
        target.execute_batch(&format!("INSERT INTO main.{table} SELECT * FROM source.{table}"))?;
    }
    target.execute_batch("COMMIT")?;
    drop(target);
    File::open(to).and_then(|file| file.sync_all()).map_err(io("the copy"))?;
    std::fs::remove_file(to).map_err(io("the copy"))
}
