//! `umoja serve` among clients that send too little, too much or too slowly, and on a machine without room.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::json;

use crate::support::{Served, World, client, limited, text, until};

const HALF: &str = "POST /v1/users/lookup HTTP/1.1\r\nhost: x\r\n";

/// A connection on which `sent` was sent.
fn connection(url: &str, sent: &str) -> TcpStream {
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    connection.write_all(sent.as_bytes()).unwrap();
    connection
}

/// What the server sends until it closes the connection.
fn rest(mut connection: TcpStream) -> String {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = connection.read_to_end(&mut rest);
    text(&rest)
}

fn stop(mut served: Served) {
    assert!(Command::new("kill").args(["-TERM", &served.child.id().to_string()]).status().unwrap().success());
    assert_eq!(until("the end", || served.child.try_wait().unwrap()).code(), Some(0));
}

#[tokio::test]
async fn slow_clients_are_closed_and_others_answered() {
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve_with(&["--client-timeout-secs", "1"]);
    let url = &served.urls[0];
    let idle = connection(url, "");
    let header = connection(url, HALF);
    let body = format!("{HALF}content-type: application/jwt\r\ncontent-length: 100\r\n\r\nabc");
    let body = connection(url, &body);
    let kept = connection(url, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    let answer = client(url, &company).call("lookup", json!({ "username": "amina" })).await.unwrap();
    assert_eq!(answer.status, 404);
    for one in [idle, header] {
        let said = rest(one);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
    let said = rest(body);
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("request-id: "), "{said}");
    assert!(rest(kept).starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn half_requests_neither_use_up_descriptors_nor_delay_the_end() {
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve_limited("-n 256", &[]);
    let half: Vec<_> = (0..230).map(|_| connection(&served.urls[0], HALF)).collect();
    for url in &served.urls {
        let answer = client(url, &company).call("register", json!({ "email": "amina@example.com" })).await.unwrap();
        assert!([201, 409].contains(&answer.status), "{:?}", answer.code());
    }
    stop(served);
    drop(half);
}

#[tokio::test]
async fn headers_without_end_are_rejected() {
    let world = World::new();
    let served = world.serve();
    let long = format!("{HALF}x: {}", "x".repeat(64 * 1024));
    assert!(rest(connection(&served.urls[0], &long)).starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_full_disk_still_answers_look_ups() {
    const FULL: &str = "-f 4000";
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve_limited(FULL, &[]);
    let here = client(&served.urls[0], &company);
    let mut last = None;
    for n in 0..400 {
        let answer = here.call("register", json!({ "username": format!("amina-{n}") })).await.unwrap();
        if answer.status != 201 {
            last = Some((n, answer.status));
            break;
        }
    }
    let (registered, status) = last.expect("the limit was not reached");
    assert_eq!(status, 503);
    assert!(registered > 0, "the limit was reached at once");
    for _ in 0..3 {
        let found = here.call("lookup", json!({ "username": "amina-0" })).await.unwrap();
        assert_eq!(found.status, 200, "{:?}", found.code());
    }
    assert_eq!(here.get("/readyz").await.unwrap().status, 200, "reads are answered");
    let status = limited("-f 600").args(["status", "--fast", "--dir", &world.deployment()]).output().unwrap();
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stdout).contains("1 MiB cannot be written"), "{}", text(&status.stdout));
    stop(served);
}
