//! `umoja serve` limits the requests of sources.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{World, done, json as ask};

/// More requests than the limit lets through while this test runs.
const MOST: usize = 1_000;

/// The whole answer to a request.
fn answer(url: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "{request}\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_lowercase()
}

#[test]
fn a_served_region_limits_events_and_scim_in_the_form_of_each() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    done(&["company", "limit", "soko", "1", "--dir", &dir]);
    let key = |id: &str, kind: &str| {
        let source = ask(&["source", "add", id, "--company", "soko", "--kind", kind, "--dir", &dir]);
        source["api_key"].as_str().unwrap().to_owned()
    };
    let (okta, scim) = (key("soko-okta", "okta"), key("soko-scim", "scim"));
    let served = world.serve();
    let hook =
        format!("GET /v1/sources/soko-okta/events HTTP/1.1\r\nx-api-key: {okta}\r\nx-okta-verification-challenge: a");
    let users = format!("GET /scim/v2/soko/Users HTTP/1.1\r\nauthorization: Bearer {scim}");
    for (request, media_type) in [(hook, "application/problem+json"), (users, "application/scim+json")] {
        let mut accepted = 0;
        let rejected = loop {
            let answer = answer(&served.urls[0], &request);
            if !answer.starts_with("http/1.1 200") {
                break answer;
            }
            accepted += 1;
            assert!(accepted < MOST, "no request is rejected");
        };
        assert!(accepted >= 10 && rejected.starts_with("http/1.1 429"), "{accepted}: {rejected}");
        assert!(rejected.contains("retry-after: ") && rejected.contains(media_type), "{rejected}");
    }
}
