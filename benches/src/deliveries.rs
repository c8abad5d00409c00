//! Accounts at targets: how fast they are made, how soon a change is sent, and what targets cost a login and each other.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use umoja_cli::Client;

use crate::error::{BenchError, io, wrong_answer};
use crate::figure::{Limit, Report, count, percentile};
use crate::http_load::{Load, Operation, Slice};
use crate::server::{Server, umoja};
use crate::sink::{Out, Sink};
use crate::stage::Stage;

/// The least number of accounts that are made in a second.
const MADE: Limit = Limit::AtLeast(500.0);
/// The most milliseconds from a write until 99 of 100 were sent the first time.
const FIRST: Limit = Limit::AtMost(300.0);
/// The most calls for users who did not change.
const UNCHANGED: Limit = Limit::AtMost(0.0);
/// How much slower a login may be beside many targets.
const LOGIN: Limit = Limit::AtMost(1.03);
/// How much later the others may get a change while one target is out.
const BESIDE: Limit = Limit::AtMost(1.10);
/// The most changes that the target that was out never gets.
const LOST: Limit = Limit::AtMost(0.0);

/// The time between two looks at what has arrived, and the most of them.
const AGAIN: Duration = Duration::from_millis(20);
const PATIENCE: usize = 50 * 1_200;

/// Targets on loopback, which say yes to everything.
pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let (targets, users) = if quick { (3, 12) } else { (50, 100) };
    let title = format!("accounts at SCIM targets on loopback, of `umoja serve`; many targets are {targets}");
    report.group("deliveries", &title);
    one(report, dir, quick)?;
    many(report, dir, (targets, users), quick)?;
    logins(report, dir, targets, quick)
}

/// A served deployment with targets.
pub(crate) struct Provisioned {
    pub(crate) stage: Stage,
    pub(crate) sink: Sink,
    pub(crate) server: Server,
    targets: usize,
}

impl Provisioned {
    fn new(dir: &Path, users: usize, targets: usize) -> Result<Self, BenchError> {
        Self::serving(dir, users, targets, &[])
    }

    /// A deployment whose server has more options.
    pub(crate) fn serving(dir: &Path, users: usize, targets: usize, options: &[&str]) -> Result<Self, BenchError> {
        let (stage, sink) = (Stage::with_users(dir, users)?, Sink::start()?);
        let path = stage.path().display().to_string();
        for number in 0..targets {
            let (id, url) = (name(number), sink.url(number));
            let words = ["target", "add", &id, "--company", "bench", "--kind", "scim", "--url", &url];
            umoja(&[&words[..], &["--outbound-loopback", "--rate", "1000000", "--dir", &path, "--json"]].concat())?;
            // The users are older than the target.
            umoja(&["target", "provision", &id, "--all", "--dir", &path, "--json"])?;
        }
        let options = [&["--outbound-loopback"], options].concat();
        let server = Server::start_with(stage.path(), stage.urls(), &options)?;
        Ok(Self { stage, sink, server, targets })
    }

    /// Waits until every target has an account for every user. Returns how many were made in a second.
    pub(crate) async fn made(&self) -> Result<f64, BenchError> {
        let all = self.stage.users() * self.targets;
        wait("accounts", || self.sink.made().len() >= all).await?;
        let made = self.sink.made();
        let (first, last) = (percentile(&made, 0.0), percentile(&made, 1.0));
        Ok(count(all) / (last - first).max(f64::EPSILON))
    }

    /// Changes one user after the other at a pace. Returns what each was given, and when.
    pub(crate) async fn change(
        &self,
        client: &Client,
        called: &str,
        writes: usize,
        pace: f64,
    ) -> Result<Vec<(String, f64)>, BenchError> {
        let (began, mut sent) = (self.sink.now(), Vec::new());
        for number in 0..writes {
            let late = self.sink.now() - began - count(number) / pace;
            sleep(Duration::try_from_secs_f64(-late).unwrap_or_default()).await;
            let (value, at) = (format!("{called} {number}"), self.sink.now());
            let body = json!({ "id": self.stage.id(number), "set": { "profile": { "nickname": value } } });
            let answer = client.call("update", body).await?;
            if answer.status != 200 {
                return Err(wrong_answer("update", answer.status, &answer.body));
            }
            sent.push((value, at));
        }
        Ok(sent)
    }

    /// The milliseconds from each change until each of these targets was sent it.
    pub(crate) async fn firsts(
        &self,
        sent: &[(String, f64)],
        targets: std::ops::Range<usize>,
    ) -> Result<Vec<f64>, BenchError> {
        let mut took_ms = Vec::new();
        for (value, at) in sent {
            wait("a change", || targets.clone().all(|target| self.sink.first(target, value).is_some())).await?;
            let firsts = targets.clone().filter_map(|target| self.sink.first(target, value));
            took_ms.extend(firsts.map(|first| (first - at) * 1000.0));
        }
        Ok(took_ms)
    }
}

/// The id of a target.
pub(crate) fn name(number: usize) -> String {
    format!("bench-{number}")
}

/// Waits until something is there.
pub(crate) async fn wait(what: &'static str, is_there: impl Fn() -> bool) -> Result<(), BenchError> {
    for _ in 0..PATIENCE {
        if is_there() {
            return Ok(());
        }
        sleep(AGAIN).await;
    }
    Err(BenchError::Late(what))
}

fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io("a thread to run on"))
}

/// One target: the rate, the time until the first attempt, and users who did not change.
fn one(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let (users, writes, pace) = if quick { (20, 10, 10.0) } else { (4_000, 1_000, 20.0) };
    let all = Provisioned::new(dir, users, 1)?;
    let runtime = runtime()?;
    let before = all.server.cpu_secs()?;
    let rate = runtime.block_on(all.made())?;
    report.judge("accounts made at one target", rate, "1/s", MADE);
    report.add("server CPU of an account", (all.server.cpu_secs()? - before) * 1e6 / count(users), "us");
    let client = all.stage.company().client(&all.stage.urls()[0])?;
    let took_ms = runtime.block_on(async {
        let sent = all.change(&client, "one", writes, pace).await?;
        all.firsts(&sent, 0..1).await
    })?;
    report.add(format!("from a write to its first attempt, {pace} writes/s: p50"), percentile(&took_ms, 0.50), "ms");
    let name_of = format!("from a write to its first attempt, {pace} writes/s: p99");
    report.judge(name_of, percentile(&took_ms, 0.99), "ms", FIRST);

    let (calls, path) = (all.sink.calls(), all.stage.path().display().to_string());
    umoja(&["target", "provision", &name(0), "--all", "--dir", &path, "--json"])?;
    // What was rung for before a change is delivered before it.
    let sent = runtime.block_on(async {
        let sent = all.change(&client, "after", 1, pace).await?;
        all.firsts(&sent, 0..1).await?;
        sleep(Duration::from_secs(1)).await;
        Ok::<_, BenchError>(sent.len())
    })?;
    report.judge("calls for users who did not change", count(all.sink.calls() - calls - sent), "", UNCHANGED);
    all.server.stop()
}

/// Many targets, of which one is out for a while.
fn many(report: &mut Report, dir: &Path, (targets, users): (usize, usize), quick: bool) -> Result<(), BenchError> {
    let (writes, pace, out) = if quick { (3, 4.0, Out::Unavailable) } else { (100, 4.0, Out::Silent) };
    let all = Provisioned::new(dir, users, targets)?;
    let runtime = runtime()?;
    let client = all.stage.company().client(&all.stage.urls()[0])?;
    let (before, beside, lost) = runtime.block_on(async {
        all.made().await?;
        let sent = all.change(&client, "before", writes, pace).await?;
        let before = all.firsts(&sent, 1..targets).await?;
        all.sink.set_out(Some((0, out)));
        let sent = all.change(&client, "beside", writes, pace).await?;
        let beside = all.firsts(&sent, 1..targets).await?;
        all.sink.set_out(None);
        // An error says what is missing.
        let lost = match all.firsts(&sent, 0..1).await {
            Ok(_) => 0,
            Err(_) => sent.iter().filter(|(value, _)| !all.sink.targets_of(value).contains(&0)).count(),
        };
        Ok::<_, BenchError>((before, beside, lost))
    })?;
    let [before, beside] = [before, beside].map(|took_ms| percentile(&took_ms, 0.99));
    report.add(format!("to each of {targets} targets, {pace} writes/s: p99"), before, "ms");
    report.add(format!("to {} targets while one is out: p99", targets - 1), beside, "ms");
    report.judge("one target out: p99 of the others beside that of before", beside / before, "", BESIDE);
    report.judge("changes that the target that was out never gets", count(lost), "", LOST);
    all.server.stop()
}

/// Logins of a deployment without targets and of one with many, in turns.
fn logins(report: &mut Report, dir: &Path, targets: usize, quick: bool) -> Result<(), BenchError> {
    let (users, rounds, each) = if quick { (8, 1, 4) } else { (100, 60, 32) };
    let deployments = [Provisioned::new(dir, users, 0)?, Provisioned::new(dir, users, targets)?];
    let runtime = runtime()?;
    for deployment in &deployments {
        runtime.block_on(wait("accounts", || deployment.sink.made().len() >= users * deployment.targets))?;
    }
    let mut sides = Vec::new();
    for deployment in &deployments {
        let mut load = Load::new(&deployment.stage, &deployment.server)?;
        let mut connections = load.connect(1)?;
        load.slice(Operation::Authenticate, &mut connections, each)?;
        sides.push((load, connections, Slice::default()));
    }
    for _ in 0..rounds {
        for (load, connections, all) in &mut sides {
            all.extend(load.slice(Operation::Authenticate, connections, each)?);
        }
    }
    let figures = |share: f64| sides.iter().map(|(.., all)| all.volley.percentile(share)).collect::<Vec<_>>();
    let (p50, p99) = (figures(0.50), figures(0.99));
    for (number, of) in [0, targets].into_iter().enumerate() {
        report.add(format!("authenticate with {of} targets: p50"), p50[number], "ms");
        report.add(format!("authenticate with {of} targets: p99"), p99[number], "ms");
    }
    report.add(format!("authenticate, p50 with {targets} targets / with none"), p50[1] / p50[0], "");
    report.judge(format!("authenticate, p99 with {targets} targets / with none"), p99[1] / p99[0], "", LOGIN);
    drop(sides);
    deployments.into_iter().try_for_each(|deployment| deployment.server.stop())
}
