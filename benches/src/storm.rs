//! A storm of logins: one company sends several times the logins that can be hashed, and another one a few.
//!
//! The server has one core to itself and the load the other, so that neither affects the other's figures. Requests are
//! sent at their times whether or not the earlier ones were answered, and their answers are timed from then.

use std::path::Path;

use futures_util::future::try_join_all;
use http_body_util::BodyExt as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::json;

use crate::clock::Watch;
use crate::company::{Caller, Shot};
use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, count, percentile};
use crate::floor::REJECTS;
use crate::floors;
use crate::hash::PASSWORD;
use crate::http_load::{Load, Operation};
use crate::load::Connections;
use crate::server::Server;
use crate::stage::Stage;

/// Enough users that no two logins of one user wait at the same time. The attempts of few users would lock each other
/// out.
const USERS: usize = 1_000;
/// The rates of the storms, as multiples of the rate that can be hashed.
const STORMS: [f64; 3] = [1.0, 2.0, 5.0];
/// The other company's logins in a second.
const CALM_RATE: f64 = 5.0;
/// Connections of the storm: more than the requests in progress in a region that rejects in time.
const CONNECTIONS: usize = 512;
/// The duration of each storm, in seconds. Requests are signed before, and are valid for a minute.
const LASTS_SECS: f64 = 20.0;

/// The least rate of right answers under five times as many requests, as a share of the best rate.
const GOODPUT: Limit = Limit::AtLeast(0.95);
/// The most milliseconds of an answer to the storm.
const ANSWERED: Limit = Limit::AtMost(2_000.0);
/// The most milliseconds of an answer to the other company.
const CALM: Limit = Limit::AtMost(500.0);
/// The most memory that the storms add to that of one hash, in MB: 528 connections with their requests in progress.
const MEMORY: Limit = Limit::AtMost(64.0);

/// The outcome of a request: when it was answered, how long after it was due, in seconds, and with which status.
struct Answered {
    at: f64,
    took: f64,
    status: u16,
}

pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let this = Pid::from_raw(0);
    let cores = sched_getaffinity(this).map_err(|_| BenchError::System("the cores to run on"))?;
    let measured = storms(report, dir, quick);
    let _ = sched_setaffinity(this, &cores);
    measured
}

fn storms(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let secs = if quick { 1.0 } else { LASTS_SECS };
    report.group("storm", &format!("logins to `umoja serve` on one core, {USERS} users; load on another"));
    let stage = Stage::with_users(dir, USERS)?;
    let calm = Caller::new("calm")?;
    stage.admit(&calm)?;
    // A child process runs on the cores of its parent.
    run_on(0);
    let server = Server::start(stage.path(), stage.urls())?;
    run_on(1);
    let mut load = Load::new(&stage, &server)?;
    let closed = load.slices(Operation::Authenticate, 16, if quick { 1 } else { 8 }, if quick { 16 } else { 100 })?;
    let capacity = closed.volley.rate();
    report.add("rate with 16 connections", capacity, "1/s");
    run_on(0);
    let (floor, floor_url) = floors::start(&stage, &load)?;
    run_on(1);
    let memory = server.peak_memory_mb()?;
    report.add("memory before", memory, "MB");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(io("a thread to run on"))?;
    let mut best = capacity;
    for times in STORMS {
        let storm = shots(&stage, stage.company(), times * capacity, secs)?;
        let few = shots(&stage, &calm, CALM_RATE, secs)?;
        let url = &stage.urls()[0];
        let cpu_secs = server.cpu_secs()?;
        let (storm, few) = runtime.block_on(async {
            let (mut many, mut other) = (Connections::open(url, CONNECTIONS).await?, Connections::open(url, 16).await?);
            let watch = Watch::start();
            tokio::try_join!(fire(&mut many, storm, watch), fire(&mut other, few, watch))
        })?;
        let cpu_us = (server.cpu_secs()? - cpu_secs) * 1e6;
        let name = format!("{times} x that");
        let right = |answers: &[Answered]| answers.iter().filter(|answer| answer.status == 200).count();
        // The first two seconds fill the queue, and the last ones empty it.
        let steady = |answers: &[Answered]| {
            answers.iter().filter(|answer| answer.status == 200 && answer.at >= secs * 0.2 && answer.at < secs).count()
        };
        let goodput = count(steady(&storm) + steady(&few)) / (secs * 0.8);
        best = best.max(goodput);
        let took = |answers: &[Answered]| {
            answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.took * 1000.0).collect::<Vec<_>>()
        };
        let rejected = |answers: &[Answered]| answers.iter().filter(|answer| answer.status == 503).count();
        if storm.iter().chain(&few).any(|answer| !matches!(answer.status, 200 | 503)) {
            return Err(BenchError::Broken("an answer of the storm"));
        }
        report.add(format!("{name}: right answers"), goodput, "1/s");
        report.add(format!("{name}: rejected"), count(rejected(&storm)) / count(storm.len()), "");
        report.judge(format!("{name}: p99 of right answers"), percentile(&took(&storm), 0.99), "ms", ANSWERED);
        report.judge(format!("{name}: p99 of the other company"), percentile(&took(&few), 0.99), "ms", CALM);
        report.add(format!("{name}: the other company's right answers"), count(right(&few)) / count(few.len()), "");
        if times >= 5.0 {
            report.judge(format!("{name}: right answers / the best rate"), goodput / best, "", GOODPUT);
            let rejections = count(rejected(&storm)).max(1.0);
            let cost = (cpu_us - count(right(&storm) + right(&few)) * closed.cpu_us()) / rejections;
            // The same connections send as much to a bare server, which rejects all of it.
            let mut shots = shots(&stage, stage.company(), times * capacity, secs)?;
            for (_, shot) in &mut shots {
                *shot.request.uri_mut() = http::Uri::from_static(REJECTS);
            }
            let (sent, cpu_secs) = (count(shots.len()), floor.cpu_secs()?);
            runtime.block_on(async {
                let mut many = Connections::open(&floor_url, CONNECTIONS).await?;
                fire(&mut many, shots, Watch::start()).await
            })?;
            let least = (floor.cpu_secs()? - cpu_secs) * 1e6 / sent;
            report.add(format!("{name}: server CPU of a rejection"), cost, "us");
            report.add(format!("{name}: floor, CPU of a rejection by a bare server"), least, "us");
            // What the core has left for logins if each rejection costs the floor.
            let left = (1.0 - least * 1e-6 * rejections / secs) * 1e6 / closed.cpu_us();
            report.add(format!("{name}: floor, right answers beside such rejections / the best rate"), left / best, "");
        }
    }
    report.judge("memory that the storms added", server.peak_memory_mb()? - memory, "MB", MEMORY);
    floor.stop()?;
    server.stop()
}

/// Pins this thread, and processes that it starts, to one core; without effect if there is no such core.
fn run_on(core: usize) {
    let mut set = CpuSet::new();
    let _ = set.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
}

/// Signed logins with the times at which they are due.
fn shots(stage: &Stage, company: &Caller, rate: f64, secs: f64) -> Result<Vec<(f64, Shot)>, BenchError> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
    let many = (rate * secs) as usize;
    (0..many)
        .map(|number| {
            let body = json!({ "email": stage.email(number.wrapping_mul(7919)), "password": PASSWORD });
            Ok((count(number) / rate, company.shot(&stage.urls()[0], "authenticate", body)?))
        })
        .collect()
}

async fn fire(
    connections: &mut Connections,
    shots: Vec<(f64, Shot)>,
    watch: Watch,
) -> Result<Vec<Answered>, BenchError> {
    let shots = std::cell::RefCell::new(shots.into_iter());
    let drained = connections.senders().map(async |sender| {
        let mut answers = Vec::new();
        loop {
            let next = shots.borrow_mut().next();
            let Some((due, Shot { request, .. })) = next else { return Ok::<_, BenchError>(answers) };
            watch.until(due).await;
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            body.collect().await?;
            let at = watch.secs();
            answers.push(Answered { at, took: at - due, status: head.status.as_u16() });
        }
    });
    Ok(try_join_all(drained).await?.into_iter().flatten().collect())
}
