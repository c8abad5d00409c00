//! Importing users with slow legacy hashes, which are stored as they are, into a region on disk: the cost of the
//! importer and the store.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use umoja_accounts::People;
use umoja_cli::Deployment;
use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_migrate::Row;
use umoja_migrate::formats::{self, Format, Options};
use umoja_migrate::import::{Entry, Hashing, Importer, Seen, run};
use umoja_store::secrets::Secrets;

use crate::clock::Watch;
use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, count};
use crate::stage::{Stage, profile, runtime};

/// The most time for 100,000 users, in seconds.
const LONGEST: Limit = Limit::AtMost(20.0);
/// The most memory of an import, in MB.
const MEMORY: Limit = Limit::Under(200.0);
/// Rows in progress: the default of `umoja import`.
const AT_ONCE: usize = 256;
/// bcrypt of cost 10: a slow hash, stored as it is.
const BCRYPT: &str = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// Imports this number of users from a file.
pub(crate) fn measure(report: &mut Report, dir: &Path, users: usize) -> Result<(), BenchError> {
    report.group("import", &format!("{users} users with bcrypt hashes into a region on disk, {AT_ONCE} at once"));
    let stage = Stage::new(dir)?;
    let file = stage.path().join("users.ndjson");
    write(&file, users).map_err(io("the file to import"))?;
    forget_peak();
    // The rates of the beginning and of the end.
    let part = (users / 10).min(10_000);
    let watch = Watch::start();
    let times = runtime()?.block_on(import(&stage, &file, watch, [part, users - part]))?;
    let secs = watch.secs();
    let [first, last] = [times[0], secs - times[1]].map(|secs| count(part) / secs);
    let limit = (users == 100_000).then_some(LONGEST);
    match limit {
        Some(limit) => report.judge("all", secs, "s", limit),
        None => report.add("all", secs, "s"),
    }
    report.add("rate", count(users) / secs, "1/s");
    report.add(format!("rate of the first {part}"), first, "1/s");
    report.add(format!("rate of the last {part}"), last, "1/s");
    report.judge("memory at most", peak_mb()?, "MB", MEMORY);
    Ok(())
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
            "password_hash": BCRYPT,
        });
        writeln!(file, "{user}")?;
    }
    file.flush()
}

/// Returns the seconds at which each of these numbers of users was done.
async fn import(stage: &Stage, file: &Path, watch: Watch, marks: [usize; 2]) -> Result<[f64; 2], BenchError> {
    let deployment = Deployment::open(stage.path())?;
    let home = deployment.homes(None).into_iter().next().ok_or(BenchError::Broken("a region"))?;
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
        async move { importer.row(&row).await }
    };
    run(entries, AT_ONCE, row, seen).await.map_err(|_| BenchError::Broken("an import"))?;
    Ok(times)
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
