//! Backing up a deployment that is served: idle, and while others write.

use std::path::Path;
use std::process::Command;

use tokio::task::spawn_blocking;

use crate::clock::Watch;
use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, count};
use crate::replication::{Background, WRITES};
use crate::server::{Server, umoja};
use crate::stage::{Stage, runtime};

/// The most seconds of a backup of 100,000 users, idle and under load.
const LONGEST: Limit = Limit::Under(10.0);

/// A recipient whose identity does not exist any more.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// Backs up this number of users. Without the program `age` the backups are not encrypted, and a note says so.
pub(crate) fn measure(report: &mut Report, dir: &Path, users: usize) -> Result<(), BenchError> {
    report.group("backup", &format!("{users} users in two regions that are served"));
    let encrypts = Command::new("age").arg("--version").output().is_ok();
    if !encrypts {
        report.note("backup", "age is not installed, so the backups are not encrypted");
    }
    let stage = Stage::with_users(dir, users)?;
    let server = Server::start(stage.path(), stage.urls())?;
    let take = |name: &str| {
        let (file, dir) = (stage.path().join(name).display().to_string(), stage.path().display().to_string());
        let how = if encrypts { vec!["--recipient", RECIPIENT] } else { vec!["--plain"] };
        let how: Vec<String> = how.into_iter().map(str::to_owned).collect();
        move || {
            let watch = Watch::start();
            let words = ["backup", &file, "--dir", &dir, "--json"].into_iter().chain(how.iter().map(String::as_str));
            let said = umoja(&words.collect::<Vec<_>>())?;
            let bytes = said["bytes"].as_u64().ok_or(BenchError::Broken("the size of a backup"))?;
            Ok::<_, BenchError>((watch.secs(), bytes))
        }
    };
    let (idle, bytes) = take("idle")()?;
    let (loaded, writes) = runtime()?.block_on(async {
        let background = Background::start(&stage)?;
        let taken = spawn_blocking(take("loaded")).await.map_err(|_| BenchError::Broken("a backup"))?;
        let writes = background.stop().await?;
        Ok::<_, BenchError>((taken?.0, writes))
    })?;
    let mut judge = |name: String, secs: f64| match users {
        100_000 => report.judge(name, secs, "s", LONGEST),
        _ => report.add(name, secs, "s"),
    };
    judge("idle".to_owned(), idle);
    judge(format!("at {WRITES} writes/s"), loaded);
    report.add("writes of others meanwhile", count(writes) / loaded, "1/s");
    report.add("its size", count(usize::try_from(bytes).unwrap_or(usize::MAX)) / 1e6, "MB");
    let file = stage.path().join("idle");
    std::fs::remove_file(file).map_err(io("a backup"))?;
    server.stop()
}
