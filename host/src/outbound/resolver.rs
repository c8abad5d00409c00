//! Look-ups of names, on threads of their own.
//!
//! The resolver of the operating system blocks its thread until it gives up, and nothing can stop it: a time-out ends the
//! wait of a caller, not the look-up. The threads of the runtime that may block hash passwords, so a slow name server of
//! one company must not get any of them. Here, a name has at most one thread, and all names together a limited number.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use umoja_store::ports::OutboundError;

/// The most look-ups that are under way at a time.
const AT_ONCE: usize = 32;

/// Looks a name up, and blocks until it is known. Without an address, the name is not resolved.
type Lookup = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// What a look-up has found, once it has ended.
type Found = watch::Receiver<Option<Vec<IpAddr>>>;

type UnderWay = Arc<Mutex<BTreeMap<String, Found>>>;

/// Resolves names.
pub(crate) struct Resolver {
    lookup: Arc<Lookup>,
    threads: Arc<Semaphore>,
    under_way: UnderWay,
}

/// A look-up that is under way. It ends with its thread, also if that panics.
struct Ends {
    host: String,
    under_way: UnderWay,
    _thread: OwnedSemaphorePermit,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.host);
    }
}

impl Default for Resolver {
    /// Asks the operating system.
    fn default() -> Self {
        let ask = |host: &str| {
            let found = (host, 0).to_socket_addrs();
            found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
        };
        Self::new(Arc::new(ask), AT_ONCE)
    }
}

impl Resolver {
    /// Looks names up by `lookup`, at most `at_once` at a time.
    pub(crate) fn new(lookup: Arc<Lookup>, at_once: usize) -> Self {
        Self { lookup, threads: Arc::new(Semaphore::new(at_once)), under_way: Arc::default() }
    }

    /// The addresses of a host, at least one. Waits without an end: the caller limits the time. A look-up that no caller
    /// waits for keeps its thread until it ends.
    ///
    /// # Errors
    /// If the name has no address.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let mut found = match self.known(host) {
            Some(found) => found,
            None => self.begin(host).await?,
        };
        // An error: the thread of the look-up panicked.
        let found = found.wait_for(Option::is_some).await.ok().and_then(|found| found.clone()).unwrap_or_default();
        if found.is_empty() {
            return Err(OutboundError::Unavailable("its name is not resolved"));
        }
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// The look-up of this host that is under way.
    fn known(&self, host: &str) -> Option<Found> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// Begins a look-up once there is a thread for it, unless another caller has begun it meanwhile.
    async fn begin(&self, host: &str) -> Result<Found, OutboundError> {
        const NONE: OutboundError = OutboundError::Unavailable("its name cannot be looked up");
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| NONE)?;
        let (said, found) = watch::channel(None);
        {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = under_way.get(host) {
                return Ok(found.clone());
            }
            under_way.insert(host.to_owned(), found.clone());
        }
        let ends = Ends { host: host.to_owned(), under_way: Arc::clone(&self.under_way), _thread: thread };
        let lookup = Arc::clone(&self.lookup);
        let work = move || {
            said.send_replace(Some(lookup(&ends.host)));
            drop(ends);
        };
        let thread = std::thread::Builder::new().name("umoja-resolver".into());
        thread.spawn(work).map(|_| found).map_err(|_| NONE)
    }
}

#[cfg(test)]
mod tests;
