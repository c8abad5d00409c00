//! `umoja webhook`, and a served deployment that posts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::source::{fails, world};
use crate::support::{client, done, eventually, json as ask, path, run, text};

/// A company's receiver on this machine: the bodies that it was posted, and the status of its answers.
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Value>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (received, status) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::new(Mutex::new(200)));
        let (kept, answer) = (Arc::clone(&received), Arc::clone(&status));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_ok() {
                    kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                    let status = *answer.lock().unwrap();
                    let _ = write!(stream, "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n");
                }
            }
        });
        Self { url, received, status }
    }

    fn types(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

fn add(dir: &str, url: &str, more: &[&str]) -> Value {
    ask(&[&["webhook", "add", "soko-crm", "--company", "soko", "--url", url, "--dir", dir], more].concat())
}

fn listed(dir: &str) -> Value {
    let list = ask(&["webhook", "list", "--dir", dir]);
    list["webhooks"].as_array().unwrap().iter().find(|webhook| webhook["id"] == "soko-crm").cloned().unwrap_or_default()
}

const URL: &str = "https://crm.soko.example/hook";

#[test]
fn the_secret_of_a_webhook_is_shown_once_and_not_stored() {
    let (world, dir) = world();
    let added = add(&dir, URL, &[]);
    let secret = added["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap().to_owned();
    assert_eq!((&added["home"], &added["url"]), (&json!("eu-west-1"), &json!(URL)));
    for region in ["eu-west-1", "af-south-1"] {
        let stored = std::fs::read(world.file("d").join(region).join("region.sqlite")).unwrap();
        let has = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has(&secret), "{region}");
    }
    let list = done(&["webhook", "list", "--dir", &dir]) + &listed(&dir).to_string();
    assert!(!list.contains(&secret) && list.contains(URL), "{list}");
    let file = world.file("next.json");
    let rotated = ask(&["webhook", "rotate", "soko-crm", "--dir", &dir, "--out", path(&file)]);
    assert!(rotated.get("secret").is_none(), "{rotated}");
    let issued: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_ne!(issued["secret"], added["secret"]);
    let secrets = listed(&dir)["secrets"].as_array().unwrap().clone();
    assert!(secrets.len() == 2 && secrets[0]["ends_at"].is_u64() && secrets[1]["ends_at"].is_null(), "{secrets:?}");
    fails(&["webhook", "rotate", "soko-crm", "--dir", &dir, "--out", path(&file)], "name another file");
}

#[test]
fn a_secret_signs_until_its_promised_end_however_often_another_is_made() {
    let (_world, dir) = world();
    add(&dir, URL, &[]);
    for live in 2..=5 {
        ask(&["webhook", "rotate", "soko-crm", "--dir", &dir]);
        assert_eq!(listed(&dir)["secrets"].as_array().unwrap().len(), live);
    }
    fails(&["webhook", "rotate", "soko-crm", "--dir", &dir], "which is the most");
    assert_eq!(listed(&dir)["secrets"].as_array().unwrap().len(), 5);
    ask(&["webhook", "rotate", "soko-crm", "--overlap-secs", "0", "--dir", &dir]);
    assert_eq!(listed(&dir)["secrets"].as_array().unwrap().len(), 1);
}

#[test]
fn what_no_webhook_can_be_is_rejected() {
    let (_world, dir) = world();
    let add_fails = |company: &str, url: &str, words: &str| {
        fails(&["webhook", "add", "soko-crm", "--company", company, "--url", url, "--dir", &dir], words)
    };
    for url in
        ["http://crm.soko.example/", "ftp://x", "https://u:p@crm.soko.example/", "https://crm.soko.example/?key=1"]
    {
        add_fails("soko", url, "https://HOST/PATH");
    }
    add_fails("unknown", URL, "there is no company");
    done(&["company", "add", "shop", "--dir", &dir, "--scopes", "users:lookup"]);
    add_fails("shop", URL, "events:list");
    add(&dir, URL, &[]);
    add_fails("soko", URL, "exists already");
    fails(&["webhook", "rotate", "other", "--dir", &dir], "there is no webhook other");
    fails(&["webhook", "move", "soko-crm", "--to", "us-east-1", "--dir", &dir], "not a region");
    fails(&["webhook", "remove", "soko-crm", "--dir", &dir], "is not paused");
    done(&["webhook", "pause", "soko-crm", "--dir", &dir]);
    assert_eq!(listed(&dir)["state"], "paused");
    done(&["webhook", "remove", "soko-crm", "--dir", &dir]);
    assert_eq!(listed(&dir), Value::Null);
    add(&dir, URL, &["--since", "2026-01-01"]);
    assert_eq!((&listed(&dir)["state"], &listed(&dir)["from"]), (&json!("on"), &json!(1_767_225_600)));
}

#[test]
fn a_webhook_on_this_machine_is_tried_as_it_is() {
    let (_world, dir) = world();
    let receiver = Receiver::start();
    let add_here = ["webhook", "add", "soko-crm", "--company", "soko", "--url", &receiver.url, "--dir", &dir];
    fails(&add_here, "give --outbound-loopback to this command and to `umoja serve`");
    add(&dir, &receiver.url, &["--outbound-loopback"]);
    fails(&["webhook", "set", "soko-crm", "--url", "https://localhost/", "--dir", &dir], "--outbound-loopback");
    let private = ["webhook", "set", "soko-crm", "--outbound-loopback", "--url", "https://10.0.0.1/", "--dir", &dir];
    fails(&private, "never called");
    let tested = ask(&["webhook", "test", "soko-crm", "--dir", &dir]);
    assert_eq!((&tested["status"], receiver.types()), (&json!(200), vec!["umoja.webhook.test".to_owned()]));
    *receiver.status.lock().unwrap() = 401;
    let output = run(&["webhook", "test", "soko-crm", "--outbound-loopback", "--dir", &dir]);
    assert!(output.status.code() == Some(1) && text(&output.stdout).contains("status 401"), "{}", text(&output.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_served_deployment_posts_what_changes() {
    let world = crate::support::World::new();
    let (soko, dir) = (world.company("soko"), world.deployment());
    let receiver = Receiver::start();
    add(&dir, &receiver.url, &["--outbound-loopback"]);
    let served = world.serve_with(&["--outbound-loopback"]);
    let register = async |n: u32| {
        let body = json!({ "email": format!("ada{n}@example.com"), "email_verified": true });
        let answer = client(&served.urls[1], &soko).call("register", body).await.unwrap();
        assert_eq!(answer.status, 201);
    };
    register(1).await;
    eventually("the event of another region", async || {
        receiver.types().contains(&"umoja.user.registered".to_owned()).then_some(())
    })
    .await;
    *receiver.status.lock().unwrap() = 410;
    register(2).await;
    eventually("the webhook is off", async || (listed(&dir)["state"] == "off").then_some(())).await;
    let doctor = run(&["doctor", "--dir", &dir]);
    assert!(text(&doctor.stdout).contains("answered 410"), "{}", text(&doctor.stdout));
    let status = run(&["status", "--fast", "--dir", &dir]);
    let said = text(&status.stdout);
    assert!(said.contains("webhooks: 1 off") && said.contains("answered 410"), "{said}");
    *receiver.status.lock().unwrap() = 200;
    let before = receiver.types().len();
    done(&["webhook", "resume", "soko-crm", "--dir", &dir]);
    eventually("the event again", async || (receiver.types().len() > before).then_some(())).await;
    eventually("nothing waits", async || (listed(&dir)["events"]["waiting"] == 0).then_some(())).await;
    let log = std::fs::read_to_string(world.log()).unwrap();
    assert!(!log.contains("ada1") && !log.contains("whsec_"));
}
