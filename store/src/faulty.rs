//! Faults on demand: wrappers around ports that lose requests, lose answers, throttle, or are down.
//!
//! Used in simulations and in `umoja demo`, which shows an outage without causing one.

mod attempts;
mod due;
mod tables;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use umoja_crypto::DataKey;
use umoja_schema::{BlindIndex, IdentifierItem, Item, Key, Message, Millis, Part, PartRecord, Region, UserId, Version};

use crate::RegionPorts;
use crate::ports::{
    Begun, Checkpoints, Commit, Delivery, EncryptionContext, Etag, IdentifierPage, KeyAdded, KeyRemoved, Keys,
    KeysError, LinkedAccountPage, Outcome, Page, Parts, Queue, QueueDepth, Requests, StoreError, Strays,
    SuperfluousPointer, Users, Writes,
};

/// The fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No fault.
    None,
    /// The request never arrives.
    RequestLost,
    /// The request takes effect, but its answer never arrives.
    AnswerLost,
    /// The request is rejected because of too many requests.
    Throttled,
}

/// The state of one service (a table, a KMS key, a queue), shared by its wrappers.
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    down: bool,
    pausing: bool,
    next: VecDeque<Fault>,
    calls: BTreeMap<&'static str, u64>,
    met: Met,
}

/// The number of calls for each fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// Calls while the service was down.
    pub down: u64,
    /// Requests that never arrived.
    pub requests_lost: u64,
    /// Answers that never arrived.
    pub answers_lost: u64,
    /// Requests that were rejected because of too many requests.
    pub throttled: u64,
}

impl Faults {
    /// Takes the service down, or brings it back.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// Makes each call yield once before it is done and once after it, so that a test can drop the caller at either
    /// point, and so that callers overtake one another.
    pub fn set_pausing(&self, pausing: bool) {
        self.state().pausing = pausing;
    }

    /// The faults of the next calls, one for each call. Later calls have no fault.
    pub fn then(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().next.extend(faults);
    }

    /// Ends every fault and cancels the planned ones.
    pub fn heal(&self) {
        let mut state = self.state();
        state.down = false;
        state.next.clear();
    }

    /// The number of calls for each fault since the service was created.
    pub fn met(&self) -> Met {
        self.state().met
    }

    /// How often each operation was called, failed calls included.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.state().calls.clone()
    }

    /// Resets the counters.
    pub fn reset_calls(&self) {
        self.state().calls.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meet(&self, operation: &'static str) -> Fault {
        let mut state = self.state();
        *state.calls.entry(operation).or_default() += 1;
        if state.down {
            state.met.down += 1;
            return Fault::RequestLost;
        }
        let fault = state.next.pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::None => {}
            Fault::RequestLost => state.met.requests_lost += 1,
            Fault::AnswerLost => state.met.answers_lost += 1,
            Fault::Throttled => state.met.throttled += 1,
        }
        fault
    }

    async fn call<T, E: Failure>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        self.give_way().await;
        let result = match self.meet(operation) {
            Fault::None => call.await,
            Fault::RequestLost => Err(E::unavailable(operation)),
            Fault::Throttled => Err(E::throttled(operation)),
            Fault::AnswerLost => match call.await {
                Ok(_) => Err(E::unavailable(operation)),
                Err(error) => Err(error),
            },
        };
        self.give_way().await;
        result
    }

    async fn give_way(&self) {
        let mut give_way = self.state().pausing;
        std::future::poll_fn(|context| {
            if std::mem::take(&mut give_way) {
                context.waker().wake_by_ref();
                return std::task::Poll::Pending;
            }
            std::task::Poll::Ready(())
        })
        .await;
    }
}

trait Failure {
    fn unavailable(operation: &str) -> Self;
    fn throttled(operation: &str) -> Self;
}

impl Failure for StoreError {
    fn unavailable(operation: &str) -> Self {
        Self::Unavailable(operation.to_owned())
    }

    fn throttled(operation: &str) -> Self {
        Self::Throttled(operation.to_owned())
    }
}

impl Failure for KeysError {
    fn unavailable(_: &str) -> Self {
        Self::Unavailable
    }

    fn throttled(_: &str) -> Self {
        Self::Throttled
    }
}

/// A port with faults.
pub struct Faulty<P: ?Sized> {
    inner: Arc<P>,
    faults: Arc<Faults>,
}

impl<P: ?Sized> Faulty<P> {
    /// Wraps a port.
    pub fn new(inner: Arc<P>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

/// The ports of a region, with faults of its tables and its queue of events, and of its KMS key.
pub fn faulty_region(ports: &RegionPorts, tables: &Arc<Faults>, keys: &Arc<Faults>) -> RegionPorts {
    RegionPorts {
        name: ports.name.clone(),
        users: Arc::new(Faulty::new(Arc::clone(&ports.users), Arc::clone(tables))),
        logs: Arc::new(Faulty::new(Arc::clone(&ports.logs), Arc::clone(tables))),
        items: Arc::new(Faulty::new(Arc::clone(&ports.items), Arc::clone(tables))),
        inbox: Arc::new(Faulty::new(Arc::clone(&ports.inbox), Arc::clone(tables))),
        ingest: Arc::new(Faulty::new(Arc::clone(&ports.ingest), Arc::clone(tables))),
        requests: Arc::new(Faulty::new(Arc::clone(&ports.requests), Arc::clone(tables))),
        tables: ports.tables,
        keys: Arc::new(Faulty::new(Arc::clone(&ports.keys), Arc::clone(keys))),
        proof_keys: Arc::clone(&ports.proof_keys),
    }
}

#[async_trait]
impl Users for Faulty<dyn Users> {
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError> {
        self.faults.call("part", self.inner.part(id, part)).await
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        self.faults.call("parts", self.inner.parts(id)).await
    }

    async fn ownerships(&self, indexes: &[BlindIndex]) -> Result<Vec<IdentifierItem>, StoreError> {
        self.faults.call("ownerships", self.inner.ownerships(indexes)).await
    }

    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        self.faults.call("linked_accounts", self.inner.linked_accounts(id)).await
    }

    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        self.faults.call("commit", self.inner.commit(writes)).await
    }

    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError> {
        self.faults.call("derive", self.inner.derive(id, profile, writes)).await
    }

    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        replaced: Option<&[u8]>,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError> {
        let added = self.inner.add_wrapped_key(id, part, version, region, replaced, wrapped);
        self.faults.call("add_wrapped_key", added).await
    }

    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError> {
        self.faults.call("remove_wrapped_key", self.inner.remove_wrapped_key(id, part, version, region)).await
    }

    async fn etag(&self, key: &Key) -> Result<Option<Etag>, StoreError> {
        self.faults.call("etag", self.inner.etag(key)).await
    }

    async fn replace(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError> {
        self.faults.call("replace", self.inner.replace(item, etag)).await
    }

    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError> {
        self.faults.call("scan", self.inner.scan(after, limit)).await
    }

    async fn scan_identifiers(&self, after: Option<String>, limit: usize) -> Result<IdentifierPage, StoreError> {
        self.faults.call("scan_identifiers", self.inner.scan_identifiers(after, limit)).await
    }

    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError> {
        self.faults.call("scan_linked_accounts", self.inner.scan_linked_accounts(after, limit)).await
    }

    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError> {
        self.faults.call("drop_unreadable_identifier", self.inner.drop_unreadable_identifier(index)).await
    }

    async fn drop_pointers(&self, superfluous: &[SuperfluousPointer]) -> Result<u64, StoreError> {
        self.faults.call("drop_pointers", self.inner.drop_pointers(superfluous)).await
    }

    async fn drop_strays(&self, strays: &Strays) -> Result<u64, StoreError> {
        self.faults.call("drop_strays", self.inner.drop_strays(strays)).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.faults.call("probe", self.inner.probe()).await
    }
}

#[async_trait]
impl Checkpoints for Faulty<dyn Checkpoints> {
    async fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.faults.call("checkpoint", self.inner.checkpoint(name)).await
    }

    async fn put_checkpoint(&self, name: &str, state: &[u8]) -> Result<(), StoreError> {
        self.faults.call("put_checkpoint", self.inner.put_checkpoint(name, state)).await
    }

    async fn replace_checkpoint(&self, name: &str, expected: Option<&[u8]>, state: &[u8]) -> Result<bool, StoreError> {
        self.faults.call("replace_checkpoint", self.inner.replace_checkpoint(name, expected, state)).await
    }
}

#[async_trait]
impl Keys for Faulty<dyn Keys> {
    async fn generate(&self, context: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError> {
        self.faults.call("generate", self.inner.generate(context)).await
    }

    async fn wrap(&self, key: &DataKey, context: &EncryptionContext) -> Result<Vec<u8>, KeysError> {
        self.faults.call("wrap", self.inner.wrap(key, context)).await
    }

    async fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DataKey, KeysError> {
        self.faults.call("unwrap", self.inner.unwrap(wrapped, context)).await
    }

    async fn probe(&self) -> Result<(), KeysError> {
        self.faults.call("probe", self.inner.probe()).await
    }
}

#[async_trait]
impl Queue for Faulty<dyn Queue> {
    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError> {
        self.faults.call("send", self.inner.send(message, delay_secs)).await
    }

    async fn receive(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        self.faults.call("receive", self.inner.receive(max, visibility_secs)).await
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        self.faults.call("delete", self.inner.delete(receipt)).await
    }

    async fn release(&self, receipt: &str, delay_secs: u32) -> Result<(), StoreError> {
        self.faults.call("release", self.inner.release(receipt, delay_secs)).await
    }

    async fn receive_dead(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        self.faults.call("receive_dead", self.inner.receive_dead(max, visibility_secs)).await
    }

    async fn redrive(&self, dead: &Delivery) -> Result<(), StoreError> {
        self.faults.call("redrive", self.inner.redrive(dead)).await
    }

    async fn release_dead(&self, receipt: &str) -> Result<(), StoreError> {
        self.faults.call("release_dead", self.inner.release_dead(receipt)).await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.faults.call("depth", self.inner.depth()).await
    }
}

#[async_trait]
impl Requests for Faulty<dyn Requests> {
    async fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> Result<bool, StoreError> {
        self.faults.call("first_use", self.inner.first_use(hash, now, expires_at)).await
    }

    async fn begin(
        &self,
        key: &[u8; 32],
        outcome: Outcome,
        now: Millis,
        expires_at: Millis,
    ) -> Result<Begun, StoreError> {
        self.faults.call("begin", self.inner.begin(key, outcome, now, expires_at)).await
    }

    async fn finish(&self, key: &[u8; 32], outcome: &Outcome, expires_at: Millis) -> Result<(), StoreError> {
        self.faults.call("finish", self.inner.finish(key, outcome, expires_at)).await
    }

    async fn withdraw(&self, key: &[u8; 32], outcome: &Outcome, now: Millis) -> Result<(), StoreError> {
        self.faults.call("withdraw", self.inner.withdraw(key, outcome, now)).await
    }
}
