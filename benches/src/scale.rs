//! Rates, memory and start with few and with many users.

use std::path::Path;

use crate::clock::{Watch, pause};
use crate::error::BenchError;
use crate::figure::{Limit, Report, count};
use crate::http_load::{Load, Operation};
use crate::server::Server;
use crate::stage::Stage;

/// The most seconds from the start of the process until `/readyz` answers 200.
const READY: Limit = Limit::AtMost(2.0);
/// The most memory of an idle server, in MB.
const IDLE: Limit = Limit::Under(100.0);
/// Connections of the load.
const CONNECTIONS: usize = 16;

/// The same steps with each number of users: start, load, kill, start.
pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    report.group("scale", &format!("rates with {CONNECTIONS} connections, memory and start"));
    let sizes = if quick { [20, 100] } else { [1_000, 100_000] };
    let mut stage = Stage::new(dir)?;
    for users in sizes {
        let before = stage.users();
        let watch = Watch::start();
        stage.grow(users)?;
        let registered = count(users - before) / watch.secs();
        report.add(format!("{users} users: registered and copied, without hashing"), registered, "1/s");
        with_users(report, &stage, quick)?;
    }
    Ok(())
}

fn with_users(report: &mut Report, stage: &Stage, quick: bool) -> Result<(), BenchError> {
    let users = stage.users();
    let server = Server::start(stage.path(), stage.urls())?;
    report.judge(format!("{users} users: ready after the start"), server.ready_secs(), "s", READY);
    pause(if quick { 100 } else { 5_000 });
    report.judge(format!("{users} users: memory, idle"), server.memory_mb()?, "MB", IDLE);
    let mut load = Load::new(stage, &server)?;
    let (slices, requests) = if quick { (1, 20) } else { (15, 4_000) };
    for (operation, requests) in [(Operation::Lookup, requests), (Operation::Update, requests / 4)] {
        let all = load.slices(operation, CONNECTIONS, slices, requests)?;
        report.add(format!("{users} users: {}, rate", operation.name()), all.volley.rate(), "1/s");
        report.add(format!("{users} users: {}, server CPU", operation.name()), all.cpu_us(), "us");
    }
    report.add(format!("{users} users: memory after the load"), server.memory_mb()?, "MB");
    // Immediately after writes, so that the server has to recover.
    server.kill()?;
    let server = Server::start(stage.path(), stage.urls())?;
    report.judge(format!("{users} users: ready after kill -9 and a start"), server.ready_secs(), "s", READY);
    server.stop()
}
