//! A source that feeds the deployment: how soon and how often its events are accepted, and how fast their users are
//! made in both regions.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::sleep;
use umoja_cli::Client;

use crate::clock::Watch;
use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, count};
use crate::load::{Connections, Volley, send};
use crate::server::{Server, umoja};
use crate::stage::{Stage, profile};

/// The most milliseconds until 99 of 100 events are acknowledged, at [`PACE`].
const P99: Limit = Limit::AtMost(50.0);
/// The least number of accepted events in a second, one in a request.
const ACCEPTED: Limit = Limit::AtLeast(1_000.0);
/// The least number of users in a second that are made and can be read in both regions.
const MADE: Limit = Limit::AtLeast(300.0);
/// Events in a second when their latency is measured: of a company that gains 8 million users a day.
const PACE: f64 = 100.0;
/// Simultaneous requests.
const CONNECTIONS: usize = 16;
/// Events in one body, as a log stream posts them.
const BATCH: usize = 100;
/// The time between two reads of a user that is not made yet.
const AGAIN: Duration = Duration::from_millis(5);

/// A source of the kind generic, whose events say which user is new.
pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    report.group("ingest", "events of a source to `umoja serve`, until both regions have their users");
    let stage = Stage::new(dir)?;
    let source = Source::add(&stage)?;
    let server = Server::start(stage.path(), stage.urls())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(io("a thread to run on"))?;
    let measured = runtime.block_on(Measured::new(&stage, &server, &source, report, quick).all());
    measured?;
    server.stop()
}

/// What its requests need of a source.
struct Source {
    path: String,
    api_key: String,
}

impl Source {
    /// Adds it as an operator does.
    fn add(stage: &Stage) -> Result<Self, BenchError> {
        let mapping = stage.path().join("mapping.json");
        std::fs::write(&mapping, mapping_of_events().to_string()).map_err(io("the mapping of the source"))?;
        let dir = stage.path().display().to_string();
        let mapping = mapping.display().to_string();
        let words = ["source", "add", "bench-crm", "--company", "bench", "--kind", "generic", "--mapping", &mapping];
        let issued = umoja(&[&words[..], &["--dir", &dir, "--json"]].concat())?;
        let api_key = issued["api_key"].as_str().ok_or(BenchError::Broken("the key of the source"))?;
        Ok(Self { path: "/v1/sources/bench-crm/events".to_owned(), api_key: api_key.to_owned() })
    }

    fn request(&self, url: &str, body: &Value) -> Result<Request<Full<Bytes>>, BenchError> {
        Request::post(&self.path)
            .header(header::HOST, url.trim_start_matches("http://"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-api-key", &self.api_key)
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|_| BenchError::Broken("a request"))
    }
}

fn mapping_of_events() -> Value {
    json!({
        "external_id": "user", "email": "email", "email_verified": "verified",
        "profile": {
            "name": "name", "given_name": "given_name", "family_name": "family_name", "picture": "picture",
            "birthdate": "birthdate", "locale": "locale",
        },
        "events": { "id": "id", "time": { "from": "time", "unit": "milliseconds" }, "type": "type", "state": ["created"] },
    })
}

fn event(number: usize) -> Value {
    let mut event = profile(number);
    event["id"] = json!(format!("event-{number}"));
    event["type"] = json!("created");
    event["time"] = json!(1_700_000_000_000_u64 + number as u64);
    event["user"] = json!(subject(number));
    event["email"] = json!(format!("user.{number}@example.com"));
    event["verified"] = json!(true);
    event
}

fn subject(number: usize) -> String {
    format!("crm-{number}")
}

/// The measurements, one after the other.
struct Measured<'m> {
    stage: &'m Stage,
    server: &'m Server,
    source: &'m Source,
    report: &'m mut Report,
    quick: bool,
    /// The number of users so far.
    users: usize,
}

/// A number of events, each about a new user.
struct Made {
    /// Their requests.
    volley: Volley,
    /// From the first request until both regions had the last user, in seconds.
    secs: f64,
    /// The server's processor time meanwhile, in seconds.
    cpu_secs: f64,
}

impl<'m> Measured<'m> {
    fn new(stage: &'m Stage, server: &'m Server, source: &'m Source, report: &'m mut Report, quick: bool) -> Self {
        Self { stage, server, source, report, quick, users: 0 }
    }

    async fn all(mut self) -> Result<(), BenchError> {
        let url = self.stage.urls()[0].clone();
        let mut connections = Connections::open(&url, CONNECTIONS).await?;
        let (warm, paced, single, batched) = if self.quick { (4, 20, 40, 200) } else { (200, 2_000, 6_000, 6_000) };
        self.made(warm, 1, None, &mut connections).await?;

        let made = self.made(paced, 1, Some(PACE), &mut connections).await?;
        self.report.add(format!("acknowledged at {PACE} events/s: p50"), made.volley.percentile(0.50), "ms");
        self.report.judge(format!("acknowledged at {PACE} events/s: p99"), made.volley.percentile(0.99), "ms", P99);
        self.report.add("server CPU of an event and its user, both regions", made.cpu_secs * 1e6 / count(paced), "us");

        let made = self.made(single, 1, None, &mut connections).await?;
        self.report.judge("accepted, one in a request", made.volley.rate(), "1/s", ACCEPTED);
        self.report.judge("users made in both regions meanwhile", count(single) / made.secs, "1/s", MADE);

        let made = self.made(batched, BATCH, None, &mut connections).await?;
        self.report.add(format!("accepted, {BATCH} in a body"), count(batched) / made.volley.secs, "1/s");
        self.report.add("users made in both regions meanwhile, of bodies", count(batched) / made.secs, "1/s");
        Ok(())
    }

    /// Posts events about new users, and waits until both regions have all of them.
    async fn made(
        &mut self,
        users: usize,
        batch: usize,
        pace: Option<f64>,
        connections: &mut Connections,
    ) -> Result<Made, BenchError> {
        let url = &self.stage.urls()[0];
        let numbers: Vec<usize> = (self.users..self.users + users).collect();
        self.users += users;
        let bodies = numbers.chunks(batch).map(|numbers| match numbers {
            [number] => event(*number),
            numbers => numbers.iter().copied().map(event).collect(),
        });
        let requests = bodies.map(|body| self.source.request(url, &body)).collect::<Result<Vec<_>, _>>()?;
        let (cpu, watch) = (self.server.cpu_secs()?, Watch::start());
        let volley = if let Some(pace) = pace {
            at_pace(connections, requests, pace).await?
        } else {
            let requests = requests.into_iter().map(|request| (request, ())).collect();
            connections.fire_for(f64::INFINITY, requests).await?.0
        };
        let clients = self.stage.urls().iter().map(|url| self.stage.company().client(url));
        let clients = clients.collect::<Result<Vec<_>, _>>()?;
        // While the last user is missing, the others are not looked for.
        let mut made = Made { volley, secs: 0.0, cpu_secs: 0.0 };
        for (step, number) in numbers.iter().rev().enumerate() {
            let mut had_to_wait = false;
            for client in &clients {
                had_to_wait |= wait_for(client, *number).await?;
            }
            if had_to_wait || step == 0 {
                (made.secs, made.cpu_secs) = (watch.secs(), self.server.cpu_secs()? - cpu);
            }
        }
        Ok(made)
    }
}

/// Sends each request at its time, whatever became of those before. A late one counts from its time on.
async fn at_pace(
    connections: &mut Connections,
    requests: Vec<Request<Full<Bytes>>>,
    pace: f64,
) -> Result<Volley, BenchError> {
    let mut shares: Vec<Vec<_>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
    for (number, request) in requests.into_iter().enumerate() {
        shares[number % CONNECTIONS].push((count(number) / pace, request));
    }
    let watch = Watch::start();
    let sent = connections.senders().zip(shares).map(async |(sender, share)| {
        let mut took_ms = Vec::new();
        for (due, request) in share {
            watch.until(due).await;
            let late_ms = (watch.secs() - due).max(0.0) * 1000.0;
            took_ms.push(send(sender, request).await?.0 + late_ms);
        }
        Ok::<_, BenchError>(took_ms)
    });
    let took_ms = try_join_all(sent).await?.concat();
    Ok(Volley { took_ms, secs: watch.secs() })
}

/// Waits until a region has a user. True if it did not have it at once.
async fn wait_for(client: &Client, number: usize) -> Result<bool, BenchError> {
    let mut had_to_wait = false;
    loop {
        let answer = client.call("lookup", json!({ "external_id": subject(number) })).await?;
        match answer.status {
            200 => return Ok(had_to_wait),
            404 => sleep(AGAIN).await,
            status => {
                return Err(BenchError::Answer { what: "lookup".into(), status, body: answer.body.to_string() });
            }
        }
        had_to_wait = true;
    }
}
