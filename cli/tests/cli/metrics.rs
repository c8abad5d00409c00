//! What a serving process exposes to monitoring: its metrics and the ids of requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use umoja_runtime::exporter::name;
use umoja_schema::names::metric::{self, Metric, Program};

use crate::support::{World, client, eventually, run, text};

/// Sends a request to `http://host:port/path` and returns the raw answer, with its head in lower case.
fn exchange(method: &str, url: &str, body: &str) -> (String, String) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/jwt\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

fn scrape(url: &str) -> String {
    let (head, body) = exchange("GET", url, "");
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    body
}

fn of(wanted: &str) -> &'static Metric {
    metric::ALL.iter().find(|metric| metric.name == wanted).unwrap()
}

/// The value of a metric without labels.
fn value(scraped: &str, wanted: &str) -> String {
    let name = name(of(wanted));
    let line = scraped.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {scraped}")).to_owned()
}

#[tokio::test]
async fn failed_logins_are_counted_in_the_metrics() {
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve_with(&["--metrics", "127.0.0.1:0"]);
    let url = served.metrics.clone().unwrap();
    let scraped = scrape(&url);
    assert_eq!(value(&scraped, metric::LOGIN_FAILURES), "0");
    let here = client(&served.urls[0], &company);
    let registered = here.call("register", json!({ "username": "ada", "password": "ada waters cacti" })).await.unwrap();
    assert_eq!(registered.status, 201);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let guess = json!({ "username": "ada", "password": "ada feeds geese" });
        statuses.push(here.call("authenticate", guess).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
    let scraped = scrape(&url);
    assert_eq!(value(&scraped, metric::LOGIN_FAILURES), "5");
    assert_eq!(value(&scraped, metric::LOCKED_IDENTIFIERS), "1");
    assert!(!scraped.contains("soko") && !scraped.contains("ada"), "{scraped}");
}

#[tokio::test]
async fn every_metric_is_exported_with_its_description() {
    let world = World::new();
    let company = world.company("soko");
    // Only an issuer has clients to inform of logouts.
    let served = world.serve_with(&["--metrics", "127.0.0.1:0", "--issuer-port", "0"]);
    let url = served.metrics.clone().unwrap();
    client(&served.urls[0], &company).call("register", json!({ "username": "ada" })).await.unwrap();
    let recorded = metric::recorded_by(&[Program::Api, Program::Background, Program::Directory]);
    eventually("every metric", async || {
        let scraped = scrape(&url);
        let shows = |metric: &Metric| {
            let name = name(metric);
            scraped.contains(&format!("# HELP {name} {}\n", metric.help)) && scraped.contains(&format!("\n{name}"))
        };
        // The gauges of the regions are set one region after the other.
        let queue = "umoja_queued_messages{region=\"eu-west-1\",queue=\"keys\",state=\"waiting\"} 0";
        (recorded.iter().all(shows) && scraped.contains(queue)).then_some(())
    })
    .await;
}

#[test]
fn metrics_are_off_by_default_and_need_tls_if_public() {
    let world = World::new();
    assert_eq!(world.serve().metrics, None);
    let open = run(&["serve", "--dir", &world.deployment(), "--metrics", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("--behind-tls"));
}

#[test]
fn answers_and_logs_have_the_same_request_id() {
    let world = World::new();
    let served = world.serve_with(&["--log-format", "json"]);
    let (head, _) = exchange("POST", &format!("{}/v1/users/lookup", served.urls[0]), "no token");
    assert!(head.starts_with("http/1.1 400"), "{head}");
    let id = head.lines().find_map(|line| line.strip_prefix("request-id: ")).unwrap();
    let log = std::fs::read_to_string(world.log()).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let about: Vec<_> = lines.filter(|line| line["span"]["request_id"] == id).collect();
    assert!(about.iter().any(|line| line["message"] == "a request was not accepted"), "{log}");
}
