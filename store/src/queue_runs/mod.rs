//! Queues whose messages each ask for one thing: received in chunks and processed concurrently.

mod messages;
mod runs;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, StreamExt as _};
use umoja_schema::Message;

pub use self::messages::Unfit;
use self::messages::{Place, block, delete, postpone, quarantine, receive, release};
use self::runs::CHUNKS;
pub use self::runs::{CONCURRENT, Ended, VISIBILITY_SECS, concurrent};
use crate::Home;
use crate::ports::{Delivery, Queue, StoreError};

/// The result for a message.
#[derive(Debug)]
pub enum Served {
    /// The work is done.
    Done,
    /// There is nothing left to do.
    Overtaken,
    /// A dependency does not respond. Try again after a growing delay.
    Later,
    /// An operator has to act first. Try again after the longest delay.
    Blocked,
    /// An operator has to act first, and what keeps the work sends the message again then. It is deleted.
    Waits,
    /// The own table or the peer does not respond, so the run ends. Try again after a growing delay.
    Stopped(Ended),
    /// Not attempted, because the run ends.
    Skipped,
    /// The attempt failed. The message becomes a dead letter if that does not change.
    Failed,
    /// It can never be processed. The text says why.
    Quarantined(&'static str),
}

/// The result for a message when the own table failed.
pub fn own_failed(error: &StoreError) -> Served {
    tracing::warn!(%error, "the own table failed");
    if error.is_transient() { Served::Stopped(Ended::OwnDown) } else { Served::Failed }
}

/// Why a message of another queue is quarantined.
pub const WRONG_QUEUE: &str = "the message belongs in another queue";

/// A queue, and what processes its messages.
pub trait Serve: Sync {
    /// The queue's name.
    fn name(&self) -> String;

    /// The queue.
    fn queue(&self) -> &dyn Queue;

    /// The key by which an operator finds the users of a quarantined message.
    ///
    /// # Errors
    /// Why the message does not belong in this queue.
    fn key(&self, message: &Message) -> Result<String, &'static str>;

    /// Whether what the messages need responds: why the run ends at once, or `None`.
    fn outage(&self) -> impl Future<Output = Option<Ended>> + Send {
        std::future::ready(None)
    }

    /// Does the work of a message, once for all messages that ask for it.
    fn serve(&self, message: &Message) -> impl Future<Output = Served> + Send;
}

/// How many messages had which result.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages received.
    pub received: usize,
    /// Units of work that were done, not messages.
    pub done: usize,
    /// Messages for which there was nothing left to do.
    pub overtaken: usize,
    /// Messages that repeat another message of the run.
    pub coalesced: usize,
    /// Messages released for later, or deleted because their work is asked for again later.
    pub postponed: usize,
    /// Messages that can never be processed and are now quarantined.
    pub quarantined: usize,
}

/// Processes the messages of a queue, up to the limit of one run.
pub async fn serve<S: Serve>(home: &Home, served: &S) -> (Tally, Ended) {
    let mut tally = Tally::default();
    let ended = run(home, served, &mut tally).await;
    (tally, ended)
}

async fn run<S: Serve>(home: &Home, served: &S, tally: &mut Tally) -> Ended {
    if let Err(error) = home.own.users.probe().await {
        tracing::warn!(%error, "the own table does not respond");
        return Ended::OwnDown;
    }
    if let Some(ended) = served.outage().await {
        return ended;
    }
    for _ in 0..CHUNKS {
        let deliveries = match receive(served.queue(), home.own.users.at_once()).await {
            Ok(deliveries) if deliveries.is_empty() => return Ended::Empty,
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::warn!(queue = served.name(), %error, "a queue does not respond");
                return Ended::QueueDown;
            }
        };
        if let Some(ended) = chunk(home, served, deliveries, tally).await {
            return ended;
        }
    }
    Ended::Bounded
}

/// Reads a message and checks that it belongs in the queue.
fn read<S: Serve>(served: &S, text: &str) -> Result<Message, Unfit> {
    let message = Unfit::read(text)?;
    served.key(&message).map_err(Unfit::Unreadable)?;
    Ok(message)
}

/// Does the work of a message, unless that of another has ended the run.
async fn attempt<S: Serve>(served: &S, message: &Message, ends: &AtomicBool) -> Served {
    if ends.load(Ordering::Relaxed) {
        return Served::Skipped;
    }
    let result = served.serve(message).await;
    if matches!(result, Served::Stopped(_)) {
        ends.store(true, Ordering::Relaxed);
    }
    result
}

async fn chunk<S: Serve>(home: &Home, served: &S, deliveries: Vec<Delivery>, tally: &mut Tally) -> Option<Ended> {
    let (queue, entropy) = (served.queue(), &*home.entropy);
    let place = |key: String| Place { table: served.name(), key };
    let mut asked: BTreeMap<Message, Vec<Delivery>> = BTreeMap::new();
    tally.received += deliveries.len();
    for delivery in deliveries {
        match read(served, &delivery.text) {
            Ok(message) => asked.entry(message).or_default().push(delivery),
            Err(Unfit::Newer) => {
                release(queue, &[delivery], entropy).await;
                tally.postponed += 1;
            }
            Err(Unfit::Unreadable(reason)) => {
                tally.quarantined += quarantine(home, queue, place("?".to_owned()), reason, &[delivery]).await;
            }
        }
    }
    let ends = AtomicBool::new(false);
    let all: Vec<_> =
        asked.iter().map(|(message, deliveries)| finished(home, served, message, deliveries, &ends)).collect();
    let mut all = stream::iter(all).buffered(concurrent(&home.own));
    let mut ended = None;
    while let Some(Finished { result, messages, quarantined }) = all.next().await {
        match result {
            Served::Done => tally.done += 1,
            Served::Overtaken => tally.overtaken += messages,
            Served::Quarantined(_) => tally.quarantined += quarantined,
            Served::Stopped(why) => {
                tally.postponed += messages;
                ended = ended.or(Some(why));
            }
            _ => tally.postponed += messages,
        }
        tally.coalesced += messages - 1;
    }
    ended
}

/// What became of the messages that ask for one thing.
struct Finished {
    result: Served,
    messages: usize,
    quarantined: usize,
}

/// Does the work of a message, and then deletes, releases or quarantines all messages that ask for it.
async fn finished<S: Serve>(
    home: &Home,
    served: &S,
    message: &Message,
    deliveries: &[Delivery],
    ends: &AtomicBool,
) -> Finished {
    let (queue, entropy) = (served.queue(), &*home.entropy);
    let result = attempt(served, message, ends).await;
    let mut quarantined = 0;
    match &result {
        Served::Done | Served::Overtaken | Served::Waits => delete(queue, deliveries).await,
        Served::Later | Served::Stopped(_) | Served::Skipped => postpone(queue, deliveries, message, entropy).await,
        Served::Blocked => block(queue, deliveries, message, entropy).await,
        Served::Failed => release(queue, deliveries, entropy).await,
        Served::Quarantined(reason) => {
            let place = Place { table: served.name(), key: served.key(message).unwrap_or_default() };
            quarantined = quarantine(home, queue, place, reason, deliveries).await;
        }
    }
    Finished { result, messages: deliveries.len(), quarantined }
}
