//! The time from a write in one region until it is readable in another.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};
use umoja_cli::Client;

use crate::clock::Watch;
use crate::error::{BenchError, io, wrong_answer};
use crate::figure::{Limit, Report, count, percentile};
use crate::server::Server;
use crate::stage::Stage;

/// Writes in a second, under load.
pub(crate) const WRITES: u32 = 200;
/// The most milliseconds until 99 of 100 writes are readable under load.
const P99: Limit = Limit::Under(50.0);
/// The time between two reads of the reader.
const AGAIN: Duration = Duration::from_micros(250);

/// Probes one write after the other: idle, and during other writes.
pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let users = if quick { 20 } else { 1_000 };
    report.group("replication", "from a write in one region until it can be read in the other");
    let stage = Stage::with_users(dir, users)?;
    let server = Server::start(stage.path(), stage.urls())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(io("a thread to run on"))?;
    let probes = if quick { 3 } else { 600 };
    let secs = runtime.block_on(async {
        let idle = probe(&stage, probes, Duration::from_millis(10)).await?;
        let background = Background::start(&stage)?;
        let watch = Watch::start();
        let loaded = probe(&stage, probes, Duration::from_millis(50)).await?;
        let rate = count(background.stop().await?) / watch.secs();
        Ok::<_, BenchError>((idle, loaded, rate))
    });
    let (idle, loaded, rate) = secs?;
    add(report, "idle", &idle, None);
    report.add("writes of others meanwhile", rate, "1/s");
    add(report, &format!("at {WRITES} writes/s"), &loaded, Some(P99));
    server.stop()
}

/// The times of one probe, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Probe {
    /// From sending the write to the answer that shows it in the other region.
    from_start: f64,
    /// The same, from the answer to the write.
    from_answer: f64,
}

fn add(report: &mut Report, when: &str, probes: &[Probe], limit: Option<Limit>) {
    let all = |field: fn(&Probe) -> f64| probes.iter().map(field).collect::<Vec<_>>();
    let (start, answer) = (all(|probe| probe.from_start), all(|probe| probe.from_answer));
    report.add(format!("{when}, from the write's start: p50"), percentile(&start, 0.50), "ms");
    let (name, p99) = (format!("{when}, from the write's start: p99"), percentile(&start, 0.99));
    match limit {
        Some(limit) => report.judge(name, p99, "ms", limit),
        None => report.add(name, p99, "ms"),
    }
    report.add(format!("{when}, from the write's answer: p50"), percentile(&answer, 0.50), "ms");
    report.add(format!("{when}, from the write's answer: p99"), percentile(&answer, 0.99), "ms");
}

async fn probe(stage: &Stage, probes: usize, pause: Duration) -> Result<Vec<Probe>, BenchError> {
    let here = stage.company().client(&stage.urls()[0])?;
    let there = stage.company().client(&stage.urls()[1])?;
    let mut done = Vec::new();
    for number in 0..probes {
        // The first users are the probes', the others the background's.
        let id = stage.id(number % (stage.users() / 2));
        let watch = Watch::start();
        let answer = here.call("update", update(id, &format!("probe {number}"))).await?;
        let version = answer.body.pointer("/user/version").and_then(Value::as_str);
        let version = version.ok_or_else(|| wrong_answer("update", answer.status, &answer.body))?;
        let answered = watch.secs();
        let lookup = json!({ "id": id, "min_version": version });
        loop {
            let answer = there.call("lookup", lookup.clone()).await?;
            match answer.status {
                200 => break,
                503 => sleep(AGAIN).await,
                status => return Err(wrong_answer("lookup", status, &answer.body)),
            }
        }
        let end = watch.secs();
        done.push(Probe { from_start: end * 1000.0, from_answer: (end - answered) * 1000.0 });
        sleep(pause).await;
    }
    Ok(done)
}

fn update(id: &str, nickname: &str) -> Value {
    json!({ "id": id, "set": { "profile": { "nickname": nickname } } })
}

/// Writes at a fixed pace, regardless of the answers, until it is stopped.
pub(crate) struct Background {
    done: Arc<AtomicUsize>,
    task: JoinHandle<Result<(), BenchError>>,
}

impl Background {
    pub(crate) fn start(stage: &Stage) -> Result<Self, BenchError> {
        let client: Arc<Client> = Arc::new(stage.company().client(&stage.urls()[0])?);
        let ids: Vec<String> = (stage.users() / 2..stage.users()).map(|number| stage.id(number).to_owned()).collect();
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&done);
        let task = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_secs(1) / WRITES);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut writes = JoinSet::new();
            for (number, id) in ids.iter().cycle().enumerate() {
                ticks.tick().await;
                let body = update(id, &format!("other {number}"));
                let (client, counter) = (Arc::clone(&client), Arc::clone(&counter));
                writes.spawn(async move {
                    let path = "/v1/users/update";
                    let raw = client.post(path, client.sign(path, body, None).token.into()).await?;
                    if raw.status != 200 {
                        return Err(wrong_answer("update", raw.status, &Value::Null));
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                });
                while let Some(ended) = writes.try_join_next() {
                    ended.map_err(|_| BenchError::Broken("a write"))??;
                }
            }
            Ok(())
        });
        Ok(Self { done, task })
    }

    /// The number of answered writes.
    pub(crate) async fn stop(self) -> Result<usize, BenchError> {
        if self.task.is_finished() {
            self.task.await.map_err(|_| BenchError::Broken("a write"))??;
            return Err(BenchError::Broken("the writing in the background"));
        }
        self.task.abort();
        Ok(self.done.load(Ordering::Relaxed))
    }
}
