//! Importing users with slow legacy hashes, which are stored as they are, into a region on disk, until the other region has
//! them too: the cost of the importer, the stores and the replication, beside its floor and OpenLDAP's `slapadd`.

mod floor;
mod slapadd;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use umoja_accounts::People;
use umoja_cli::Deployment;
use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_local::RegionStore;
use umoja_migrate::Row;
use umoja_migrate::formats::{self, Format, Options};
use umoja_migrate::import::{Entry, Hashing, Importer, Seen, Streak, run};
use umoja_runtime::backlog::CURSOR;
use umoja_runtime::bulk::Bulk;
use umoja_runtime::{Pump, PumpSettings, RegionPump};
use umoja_store::Home;
use umoja_store::secrets::Secrets;

use self::floor::Floor;
use crate::clock::{Watch, cpu_of};
use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, count};
use crate::stage::{Stage, profile, runtime, settle};

/// The most memory of an import and both regions, in MB.
const MEMORY: Limit = Limit::Under(300.0);
/// The rate at the end, as a share of the rate at the beginning.
const FLAT: Limit = Limit::AtLeast(0.9);
/// The time until both regions have the users, as a multiple of the time of `slapadd -q`.
const SLAPADD: Limit = Limit::AtMost(3.0);
/// The most changes by which the other region may be behind.
const BEHIND: Limit = Limit::AtMost(10_000.0);
/// How often it is read by how much the other region is behind.
const LOOK: Duration = Duration::from_millis(50);
/// The environment variable that names the directory in which OpenLDAP's packages are unpacked, if they are not installed.
const ROOT: &str = "SLAPD_ROOT";
/// Rows in progress: the default of `umoja import`.
const AT_ONCE: usize = 1024;

/// Imports this number of users from a file.
pub(crate) fn measure(report: &mut Report, dir: &Path, users: usize) -> Result<(), BenchError> {
    report
        .group("import", &format!("{users} users with bcrypt hashes, until two regions have them, {AT_ONCE} at once"));
    let stage = Stage::new(dir)?;
    let file = stage.path().join("users.ndjson");
    write(&file, users).map_err(io("the file to import"))?;
    forget_peak();
    // The rates of the beginning and of the end.
    let part = (users / 10).min(10_000);
    let watch = Watch::start();
    let before = cpu_of(std::process::id())?;
    let Imported { marks, read, behind } = runtime()?.block_on(import(&stage, &file, watch, [part, users - part]))?;
    let (secs, cpu) = (watch.secs(), cpu_of(std::process::id())? - before);
    let memory = peak_mb()?;
    let [first, last] = [marks[0], read - marks[1]].map(|secs| count(part) / secs);
    report.add("until both regions have all users", secs, "s");
    report.add("rate", count(users) / secs, "1/s");
    report.add(format!("rate of the first {part}"), first, "1/s");
    report.add(format!("rate of the last {part}"), last, "1/s");
    report.judge("rate at the end / at the beginning", last / first, "", FLAT);
    report.judge("the other region was behind by at most", behind, "changes", BEHIND);
    report.judge("memory at most", memory, "MB", MEMORY);
    let floor = runtime()?.block_on(Floor::measure(stage.path()))?;
    let all = floor.seal + floor.write;
    report.add("processor time, both regions", cpu, "s");
    report.add("floor: sealing the same parts", floor.seal, "s");
    report.add("floor: the same rows in both regions, sorted, one transaction", floor.write, "s");
    report.add("the same, on the wall", floor.write_wall, "s");
    report.add("processor time / floor", cpu / all, "");
    let root = std::env::var_os(ROOT).map_or_else(|| PathBuf::from("/"), PathBuf::from);
    match slapadd::measure(stage.path(), &root, users)? {
        Some(peer) => {
            report.add("`slapadd -q` of the same people, one side, offline", peer, "s");
            report.judge("until both regions have all users / `slapadd -q`", secs / peer, "", SLAPADD);
        }
        None => report.note("slapadd", "OpenLDAP is not installed (Debian: slapd), so nothing is beside the import"),
    }
    Ok(())
}

/// The times of an import, in seconds.
struct Imported {
    /// When these numbers of users were done.
    marks: [f64; 2],
    /// When all were.
    read: f64,
    /// The most changes by which the other region was behind.
    behind: f64,
}

/// A file of Auth0's form, about 900 bytes a user.
fn write(path: &Path, users: usize) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..users {
        let mut profile = profile(number);
        let custom = profile["custom"].take();
        let user = json!({
            "user_id": format!("auth0|{number:024x}"),
            "email": format!("user.{number}@example.com"),
            "email_verified": true,
            "name": profile["name"],
            "given_name": profile["given_name"],
            "family_name": profile["family_name"],
            "picture": profile["picture"],
            "user_metadata": { "address": profile["address"], "more": custom },
            "created_at": "2019-09-13T10:29:03.123Z",
            "password_hash": crate::hash::BCRYPT,
        });
        writeln!(file, "{user}")?;
    }
    file.flush()
}

/// Imports as `umoja import` does, with both regions being served by this process.
async fn import(stage: &Stage, file: &Path, watch: Watch, marks: [usize; 2]) -> Result<Imported, BenchError> {
    let deployment = Deployment::open(stage.path())?;
    let homes = deployment.homes(None);
    let pump_of = |(home, store): (&Home, &RegionStore)| {
        RegionPump::new(store.clone(), home.clone(), Arc::new(deployment.sealer(home)))
    };
    let pumps: Vec<_> = homes.iter().zip(deployment.stores()).map(pump_of).collect();
    let pump = Pump::start(pumps, PumpSettings::default());
    let (home, store) = homes.into_iter().zip(deployment.stores()).next().ok_or(BenchError::Broken("a region"))?;
    store.gather_writes();
    let bulk = Bulk::start(store.clone(), pump_of((&home, store)), Arc::clone(&home.clock), || true);
    let behind = Arc::new(AtomicU64::new(0));
    let looking = tokio::spawn(look(store.clone(), Arc::clone(&behind)));
    let sealer = Arc::new(deployment.sealer(&home));
    let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await?);
    let passwords = Passwords::new(Params::OWASP, EngineChoice::Auto, None)?;
    let company = Arc::new(stage.company().record().clone());
    let importer = Arc::new(Importer {
        people: People { home, sealer, secrets },
        hashing: Hashing::Threads(Arc::new(passwords)),
        keys: umoja_crypto::legacy::HashKeys::default(),
        company,
        dry_run: false,
        is_strict: false,
        streak: Streak::default(),
        site: None,
    });
    let options = Options::default();
    let source = BufReader::with_capacity(1 << 20, File::open(file).map_err(io("the file to import"))?);
    let entries = formats::read(Format::Auth0, source, &options).map_err(|_| BenchError::Broken("the file"))?;
    let entries =
        entries.map(|entry| entry.map(|formats::Entry { line, bytes_read, row }| Entry { line, bytes_read, row }));
    let (mut done, mut times) = (0, [0.0; 2]);
    let seen = |seen: Seen| {
        seen.outcome.map_err(|_| BenchError::Broken("a row"))?;
        done += 1;
        for (mark, time) in marks.iter().zip(&mut times) {
            if done == *mark {
                *time = watch.secs();
            }
        }
        Ok::<_, BenchError>(())
    };
    let row = |row: Row| {
        let importer = Arc::clone(&importer);
        let ready = bulk.ready();
        async move {
            ready.await;
            importer.row(&row).await
        }
    };
    run(entries, AT_ONCE, row, seen).await.map_err(|_| BenchError::Broken("an import"))?;
    let read = watch.secs();
    bulk.finish().await;
    settle(store).await?;
    looking.abort();
    pump.stop().await;
    let behind = u32::try_from(behind.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
    Ok(Imported { marks: times, read, behind: behind.into() })
}

/// Notes by how many changes the other region is behind at most.
async fn look(store: RegionStore, most: Arc<AtomicU64>) {
    loop {
        if let (Ok(newest), Ok(replicated)) = (store.newest_change(), store.cursor(CURSOR).await) {
            most.fetch_max(newest.saturating_sub(replicated), Ordering::Relaxed);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Resets the peak memory of this process.
fn forget_peak() {
    // If this fails, the figure is the peak of the whole run: more, never less.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_mb() -> Result<f64, BenchError> {
    let unreadable = BenchError::System("the memory of this process");
    let status = std::fs::read_to_string("/proc/self/status").map_err(|_| BenchError::System("this process"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok());
    kib.map(|kib| f64::from(kib) / 1024.0).ok_or(unreadable)
}
