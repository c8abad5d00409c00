use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

/// Look-ups that say when they begin, and end when a test says what they find.
struct Held {
    resolver: Resolver,
    begun: UnboundedReceiver<String>,
    finds: Sender<Vec<IpAddr>>,
}

fn held(at_once: usize) -> Held {
    let ((begins, begun), (finds, found)) = (unbounded_channel(), channel());
    let found: Mutex<Receiver<Vec<IpAddr>>> = Mutex::new(found);
    let lookup = move |host: &str| {
        begins.send(host.to_owned()).unwrap();
        let found = found.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap();
        assert!(!found.contains(&UNEXPECTED), "a look-up that panics");
        found
    };
    Held { resolver: Resolver::new(Arc::new(lookup), at_once), begun, finds }
}

const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const UNEXPECTED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
const UNRESOLVED: OutboundError = OutboundError::Unavailable("its name is not resolved");

/// Waits for a name, and gives up at once.
async fn give_up(resolver: &Resolver, host: &str) {
    tokio::select! {
        biased;
        found = resolver.resolve(host, 443) => panic!("it has no answer yet: {found:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn an_address_is_not_looked_up() {
    let mut held = held(1);
    for text in ["203.0.113.7", "::1"] {
        let address = SocketAddr::new(text.parse().unwrap(), 443);
        assert_eq!(held.resolver.resolve(text, 443).await, Ok(vec![address]));
    }
    assert!(held.begun.try_recv().is_err());
}

#[tokio::test]
async fn callers_that_want_one_name_wait_for_one_look_up() {
    let mut held = held(8);
    for _ in 0..20 {
        give_up(&held.resolver, "a.example").await;
    }
    assert_eq!(held.begun.recv().await.as_deref(), Some("a.example"));
    let (first, second, ()) =
        tokio::join!(held.resolver.resolve("a.example", 443), held.resolver.resolve("a.example", 8443), async {
            held.finds.send(vec![IP]).unwrap();
        });
    assert_eq!((first, second), (Ok(vec![SocketAddr::new(IP, 443)]), Ok(vec![SocketAddr::new(IP, 8443)])));
    assert!(held.begun.try_recv().is_err(), "one look-up for all");
}

#[tokio::test]
async fn a_look_up_that_no_call_waits_for_keeps_its_thread_until_it_ends() {
    let mut held = held(1);
    give_up(&held.resolver, "a.example").await;
    assert_eq!(held.begun.recv().await.as_deref(), Some("a.example"));
    give_up(&held.resolver, "b.example").await;
    assert!(held.begun.try_recv().is_err(), "there is one thread");
    held.finds.send(vec![]).unwrap();
    held.finds.send(vec![IP]).unwrap();
    assert_eq!(held.resolver.resolve("b.example", 443).await, Ok(vec![SocketAddr::new(IP, 443)]));
    assert_eq!(held.begun.recv().await.as_deref(), Some("b.example"));
}

#[tokio::test]
async fn a_name_without_an_address_is_looked_up_again_by_the_next_caller() {
    let held = held(1);
    held.finds.send(vec![]).unwrap();
    assert_eq!(held.resolver.resolve("a.example", 443).await, Err(UNRESOLVED));
    // A caller may still meet the look-up that just ended.
    held.finds.send(vec![IP]).unwrap();
    while held.resolver.resolve("a.example", 443).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_look_up_that_panics_gives_its_thread_back() {
    let held = held(1);
    held.finds.send(vec![UNEXPECTED]).unwrap();
    assert_eq!(held.resolver.resolve("a.example", 443).await, Err(UNRESOLVED));
    held.finds.send(vec![IP]).unwrap();
    assert_eq!(held.resolver.resolve("b.example", 443).await, Ok(vec![SocketAddr::new(IP, 443)]));
}
