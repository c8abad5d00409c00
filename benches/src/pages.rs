//! Status pages that many persons keep open: what they cost the server, and how soon they show a change.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::sleep;
use umoja_cli::Client;

use crate::clock::Watch;
use crate::deliveries::{Provisioned, name, wait};
use crate::descriptors;
use crate::error::{BenchError, io, wrong_answer};
use crate::figure::{Limit, Report, count, percentile};
use crate::stage::runtime;

/// The most megabytes of 10,000 open pages.
const MEMORY_MB: f64 = 250.0;
/// The most milliseconds from the answer of a target until the page shows it, for 99 of 100 changes.
const SHOWN: Limit = Limit::Under(500.0);
/// The most pages that the server ends while they are measured.
const ENDED: Limit = Limit::AtMost(0.0);

/// The pages that are opened, or tickets that are asked for, at the same time.
const AT_ONCE: usize = 16;
/// The pages of one address. An address has 28,000 ports of its own on Linux.
const OF_ADDRESS: usize = 8_000;

/// One target on loopback, and a page for each user, half of them in each region.
pub(crate) fn measure(report: &mut Report, dir: &Path, pages: usize, quick: bool) -> Result<(), BenchError> {
    let (writes, pace, idle_secs) = if quick { (10, 10.0, 1_u8) } else { (600, 20.0, 10) };
    descriptors::allow(pages)?;
    let title = format!("{pages} status pages that are open, each of another user, in both regions of `umoja serve`");
    report.group("pages", &title);
    let room = (pages + descriptors::SPARE).to_string();
    let all = Provisioned::serving(dir, pages, 1, &["--max-connections", &room])?;
    runtime()?.block_on(async {
        all.made().await?;
        let client = all.stage.company().client(&all.stage.urls()[0])?;
        let tickets = stream::iter(0..pages).map(|page| ticket(&client, all.stage.id(page)));
        let tickets: Vec<String> = tickets.buffered(AT_ONCE).try_collect().await?;
        drop(client);
        let client = all.stage.company().client(&all.stage.urls()[0])?;
        // What was rung for before a change is delivered before it.
        all.firsts(&all.change(&client, "before", 1, pace).await?, 0..1).await?;
        sleep(Duration::from_secs(1)).await;

        let (before, watch) = (all.server.memory_mb()?, Watch::start());
        let opened = stream::iter(tickets.iter().enumerate()).map(|(page, ticket)| {
            let urls = all.stage.urls();
            open(page, &urls[page % urls.len()], ticket)
        });
        let bodies: Vec<Incoming> = opened.buffered(AT_ONCE).try_collect().await?;
        let screens: Vec<Arc<Screen>> = bodies.iter().map(|_| Arc::default()).collect();
        for (body, screen) in bodies.into_iter().zip(&screens) {
            tokio::spawn(follow(body, all.sink.watch(), Arc::clone(screen)));
        }
        wait("the first event of a page", || screens.iter().all(|screen| screen.seen().is_done)).await?;
        report.add("pages opened", count(pages) / watch.secs(), "1/s");
        let grown = all.server.memory_mb()? - before;
        let limit = Limit::Under(MEMORY_MB * count(pages) / 10_000.0);
        report.judge(format!("memory that {pages} open pages add"), grown, "MB", limit);
        report.add("memory of an open page", grown * 1000.0 / count(pages), "kB");

        let before = all.server.cpu_secs()?;
        sleep(Duration::from_secs(idle_secs.into())).await;
        let idle = (all.server.cpu_secs()? - before) * 1000.0 / f64::from(idle_secs);
        report.add("server CPU while nothing changes", idle, "ms/s");

        let sent = all.change(&client, "shown", writes.min(pages), pace).await?;
        let (mut since_write, mut since_answer) = (Vec::new(), Vec::new());
        all.firsts(&sent, 0..1).await?;
        let answered: Vec<f64> = sent.iter().filter_map(|(value, _)| all.sink.first(0, value)).collect();
        wait("a change at its page", || {
            answered.iter().zip(&screens).all(|(answered, screen)| screen.seen().at > *answered)
        })
        .await?;
        // Of several events about one change, the last one counts.
        sleep(Duration::from_secs(1)).await;
        for (((_, at), answered), screen) in sent.iter().zip(&answered).zip(&screens) {
            let shown = screen.seen().at;
            since_write.push((shown - at) * 1000.0);
            since_answer.push((shown - answered) * 1000.0);
        }
        report.add(format!("from a write to its page, {pace} writes/s: p99"), percentile(&since_write, 0.99), "ms");
        let name_of = |share: &str| format!("from the answer of the target to the page: {share}");
        report.add(name_of("p50"), percentile(&since_answer, 0.50), "ms");
        report.judge(name_of("p99"), percentile(&since_answer, 0.99), "ms", SHOWN);
        let ended = screens.iter().filter(|screen| screen.seen().has_ended).count();
        report.judge("pages that the server ended meanwhile", count(ended), "", ENDED);
        Ok::<_, BenchError>(())
    })?;
    all.server.stop()
}

/// A ticket of a user for the target.
async fn ticket(client: &Client, user: &str) -> Result<String, BenchError> {
    let answer = client.call("provision", json!({ "id": user, "targets": [name(0)] })).await?;
    let ticket = answer.body.pointer("/provisioning/ticket").and_then(Value::as_str);
    ticket.map(str::to_owned).ok_or_else(|| wrong_answer("provision", answer.status, &answer.body))
}

/// Opens the events of a ticket in a region, as a browser does that has its cookie.
async fn open(page: usize, url: &str, ticket: &str) -> Result<Incoming, BenchError> {
    let host = url.trim_start_matches("http://");
    let to: SocketAddr = host.parse().map_err(|_| BenchError::Broken("the address of a region"))?;
    let own = u8::try_from(1 + page / OF_ADDRESS).map_err(|_| BenchError::Broken("the number of pages"))?;
    let socket = TcpSocket::new_v4().map_err(io("a connection"))?;
    socket.bind((Ipv4Addr::new(127, 0, 0, own), 0).into()).map_err(io("a connection's own address"))?;
    let connection = socket.connect(to).await.map_err(io("a connection"))?;
    let (mut sender, connection) = handshake(TokioIo::new(connection)).await?;
    // The body reports its end.
    tokio::spawn(connection);
    let request = Request::get("/s/events")
        .header(header::HOST, host)
        .header(header::ACCEPT, "text/event-stream")
        .header(header::COOKIE, format!("umoja_status={ticket}"))
        .body(Empty::<Bytes>::new())
        .map_err(|_| BenchError::Broken("a request"))?;
    let response = sender.send_request(request).await?;
    match response.status().as_u16() {
        200 => Ok(response.into_body()),
        status => Err(wrong_answer("the events of a page", status, &Value::Null)),
    }
}

/// What a page shows.
#[derive(Default)]
struct Screen(Mutex<Seen>);

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// When the last event came.
    at: f64,
    is_done: bool,
    has_ended: bool,
}

/// What a page needs of an account.
#[derive(Deserialize)]
struct Account {
    state: String,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> Seen {
        *self.lock()
    }

    fn take(&self, event: &str, at: f64) {
        let data = event.lines().find_map(|line| line.strip_prefix("data: "));
        let accounts = data.and_then(|data| serde_json::from_str::<Vec<Account>>(data).ok());
        if let Some(accounts) = accounts {
            let is_done = accounts.iter().all(|account| account.state == "done");
            *self.lock() = Seen { at, is_done, has_ended: false };
        }
    }
}

/// Shows the events of a page until it ends.
async fn follow(mut body: Incoming, watch: Watch, screen: Arc<Screen>) {
    let mut text = String::new();
    while let Some(Ok(frame)) = body.frame().await {
        let at = watch.secs();
        text.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[][..], |bytes| bytes)));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            screen.take(&event, at);
        }
    }
    screen.lock().has_ended = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_the_accounts_of_the_last_event() {
        let screen = Screen::default();
        screen.take("retry: 2000\n\n", 1.0);
        assert!(!screen.seen().is_done && screen.seen().at.abs() < f64::EPSILON);
        for (state, is_done) in [("pending", false), ("done", true)] {
            screen.take(&format!("event: accounts\nid: a.1\ndata: [{{\"state\":\"{state}\"}}]\n\n"), 2.0);
            assert_eq!(screen.seen().is_done, is_done);
        }
        screen.take(": beat\n\n", 3.0);
        assert!((screen.seen().at - 2.0).abs() < f64::EPSILON);
    }
}
