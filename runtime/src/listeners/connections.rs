//! The open connections of a process: how many there are, which of them wait for their client, and which one is closed
//! if there are too many.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::limits::Limits;

/// The open connections of all ports of a process.
#[derive(Debug, Default)]
pub(super) struct Connections {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts ids and the moments at which a connection began to wait, so that their order needs no clock.
    turns: u64,
    /// The bytes of all bodies.
    bytes: usize,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    address: IpAddr,
    /// Since when the connection waits for its client; `None` while its request is being answered.
    waits_since: Option<u64>,
    bytes: usize,
    close: Arc<Notify>,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Admits a connection, and closes another one if there is no room. `None` if every other one is being answered.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let (address, mut state) = (network(address), self.lock());
        if let Some(most) = self.limits.per_address.filter(|_| !address.is_loopback()) {
            let own = |open: &Open| open.address == address;
            if state.open.values().filter(|open| own(open)).count() >= most && !state.close_one(own) {
                return None;
            }
        }
        if state.open.len() >= self.limits.connections && !state.close_of_busiest() {
            return None;
        }
        let (id, close) = (state.turn(), Arc::new(Notify::new()));
        state.open.insert(id, Open { address, waits_since: Some(id), bytes: 0, close: Arc::clone(&close) });
        Some(Admitted { all: Arc::clone(self), id, close })
    }

    /// Closes a connection that waits for its client. False if none does.
    pub(super) fn make_room(&self) -> bool {
        self.lock().close_of_busiest()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Closes the connection that waits longest of the address with the most waiting connections, so that one client
    /// with many connections displaces only its own.
    fn close_of_busiest(&mut self) -> bool {
        let mut waiting = BTreeMap::<IpAddr, usize>::new();
        for open in self.open.values().filter(|open| open.waits_since.is_some()) {
            *waiting.entry(open.address).or_default() += 1;
        }
        let busiest = waiting.into_iter().max_by_key(|(_, count)| *count);
        busiest.is_some_and(|(address, _)| self.close_one(|open| open.address == address))
    }

    /// Closes the connection that waits longest of some.
    fn close_one(&mut self, is_meant: impl Fn(&Open) -> bool) -> bool {
        let meant = self.open.iter().filter(|(_, open)| is_meant(open));
        let longest = meant.filter_map(|(id, open)| Some((open.waits_since?, *id))).min();
        longest.is_some_and(|(_, id)| self.close(id))
    }

    fn close(&mut self, id: u64) -> bool {
        let Some(closed) = self.remove(id) else { return false };
        closed.close.notify_one();
        true
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let removed = self.open.remove(&id)?;
        self.bytes -= removed.bytes;
        Some(removed)
    }
}

/// An open connection. Dropping it makes room for another one.
#[derive(Debug)]
pub(super) struct Admitted {
    all: Arc<Connections>,
    id: u64,
    close: Arc<Notify>,
}

impl Admitted {
    pub(super) fn limits(&self) -> &Limits {
        &self.all.limits
    }

    /// Ends once the connection has to be closed.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// The client has sent its request.
    pub(super) fn works(&self) {
        if let Some(open) = self.all.lock().open.get_mut(&self.id) {
            open.waits_since = None;
        }
    }

    /// The request is answered: its body is no longer in memory, and the client's next request is awaited.
    pub(super) fn waits(&self) {
        let mut state = self.all.lock();
        let turn = state.turn();
        let Some(open) = state.open.get_mut(&self.id) else { return };
        open.waits_since = Some(turn);
        let bytes = std::mem::take(&mut open.bytes);
        state.bytes -= bytes;
    }

    /// Since when the connection waits for its client: a number that is different each time.
    pub(super) fn waits_since(&self) -> Option<u64> {
        self.all.lock().open.get(&self.id)?.waits_since
    }

    /// Counts bytes of a body. If all bodies are too large together, the connection is closed that has sent most of an
    /// incomplete one. False if there is no room, or this connection was closed.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        let mut state = self.all.lock();
        while state.bytes.saturating_add(bytes) > self.all.limits.body_bytes {
            let incomplete = state.open.iter().filter(|(_, open)| open.waits_since.is_some());
            let largest = incomplete.max_by_key(|(_, open)| open.bytes).map(|(id, open)| (*id, open.bytes));
            match largest {
                Some((id, held)) if id != self.id && held > 0 => state.close(id),
                _ => return false,
            };
        }
        let Some(open) = state.open.get_mut(&self.id) else { return false };
        open.bytes += bytes;
        state.bytes += bytes;
        true
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.all.lock().remove(self.id);
    }
}

/// What one client has: an IPv4 address, or an IPv6 /64 network (RFC 6177 section 2: a site has at least that).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn connections(limits: Limits) -> Arc<Connections> {
        Arc::new(Connections::new(limits))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_closed(one: &Admitted) -> bool {
        one.closed().now_or_never().is_some()
    }

    #[test]
    fn a_client_with_many_connections_displaces_its_own() {
        let all = connections(Limits { connections: 4, ..Limits::default() });
        let other = all.admit(address("192.0.2.1")).unwrap();
        let many: Vec<_> = (0..6).map(|_| all.admit(address("192.0.2.2")).unwrap()).collect();
        let closed: Vec<_> = many.iter().map(is_closed).collect();
        assert_eq!(closed, [true, true, true, false, false, false]);
        assert!(!is_closed(&other));
    }

    #[test]
    fn a_connection_that_is_being_answered_is_not_closed() {
        let all = connections(Limits { connections: 2, ..Limits::default() });
        let [works, waits] = [(); 2].map(|()| all.admit(address("::1")).unwrap());
        works.works();
        let next = all.admit(address("::1")).unwrap();
        assert!(!is_closed(&works) && is_closed(&waits));
        next.works();
        assert!(all.admit(address("::1")).is_none() && !all.make_room());
        works.waits();
        assert!(all.admit(address("::1")).is_some() && is_closed(&works));
    }

    #[test]
    fn connections_of_an_address_are_limited_except_those_of_this_machine() {
        let all = connections(Limits { per_address: Some(1), ..Limits::default() });
        for (one, other, closes) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.2", "::ffff:192.0.2.2", true),
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("127.0.0.1", "127.0.0.1", false),
            ("::1", "::1", false),
        ] {
            let first = all.admit(address(one)).unwrap();
            let _second = all.admit(address(other)).unwrap();
            assert_eq!(is_closed(&first), closes, "{one} {other}");
        }
    }

    #[test]
    fn the_largest_incomplete_body_makes_room_for_others() {
        let all = connections(Limits { body_bytes: 100, ..Limits::default() });
        let [large, small, last] = [(); 3].map(|()| all.admit(address("::1")).unwrap());
        assert!(large.takes(60) && small.takes(30));
        assert!(last.takes(20));
        assert!(is_closed(&large) && !is_closed(&small) && !large.takes(1));
        small.works();
        last.works();
        assert!(!last.takes(51), "a body that is complete is not closed");
        small.waits();
        assert!(last.takes(80) && !last.takes(1));
        drop(last);
        assert_eq!(all.lock().bytes, 0);
    }
}
