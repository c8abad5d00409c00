//! Durable queues in a region's file, with the behaviour of SQS's standard queues and a redrive policy.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use umoja_schema::{Message, Millis};
use umoja_store::ports::{Clock, Delivery, Queue, QueueDepth, StoreError};

use crate::codec::{int, uint};
use crate::engine::{Engine, Fault, Tx};

/// The most messages that one call receives (SQS's limit).
const MAX_RECEIVED: usize = 10;
/// The longest delay of a new message (SQS's limit).
const MAX_DELAY_SECS: u32 = 900;
/// The most messages that one call turns into dead letters.
const MAX_MOVED: usize = 100;

/// One queue of a region. A clone is another handle on the same queue.
///
/// Messages are received in the order in which they became visible. Dead letters stay until an operator sends them back
/// or discards them. A receipt is valid until the message is received again; an invalid one has no effect.
#[derive(Clone)]
pub struct LocalQueue {
    name: Arc<str>,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    max_receives: u32,
}

impl std::fmt::Debug for LocalQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalQueue").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError> {
        if delay_secs > MAX_DELAY_SECS {
            return Err(StoreError::Rejected(format!("a delay over {MAX_DELAY_SECS} s")));
        }
        let now = self.clock.now();
        let (name, body, visible_at) = (Arc::clone(&self.name), message.to_text(), after(now, delay_secs));
        self.write(move |tx| insert(tx, &name, &body, int(now.0), visible_at)).await
    }

    async fn receive(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        let now = self.clock.now();
        let max = max.min(MAX_RECEIVED);
        // Most polls find no message, and then need no transaction.
        if max == 0 || !self.has_visible(now)? {
            return Ok(Vec::new());
        }
        let (name, max_receives) = (Arc::clone(&self.name), self.max_receives);
        self.write(move |tx| {
            let Some(queue) = queue_number(tx, &name)? else { return Ok(Vec::new()) };
            let candidates = visible(tx, queue, int(now.0), max + MAX_MOVED)?;
            let (mut deliveries, mut moved) = (Vec::new(), 0);
            for (number, received) in candidates {
                if received >= max_receives {
                    if moved < MAX_MOVED {
                        move_to_dead_letters(tx, queue, number, int(now.0))?;
                        moved += 1;
                    }
                } else if deliveries.len() < max {
                    deliveries.push(deliver(tx, queue, number, after(now, visibility_secs))?);
                } else {
                    break;
                }
            }
            Ok(deliveries)
        })
        .await
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        let (number, received) = parse(receipt)?;
        let name = Arc::clone(&self.name);
        self.write(move |tx| {
            let Some(queue) = queue_number(tx, &name)? else { return Ok(()) };
            let deleted = tx
                .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND number = ?2 AND received = ?3")?
                .execute(params![queue, number, received])?;
            if deleted > 0 {
                tx.prepare_cached("UPDATE queues SET live = live - 1 WHERE queue = ?1")?.execute([queue])?;
            }
            Ok(())
        })
        .await
    }

    async fn release(&self, receipt: &str, delay_secs: u32) -> Result<(), StoreError> {
        let (number, received) = parse(receipt)?;
        let (name, visible_at) = (Arc::clone(&self.name), after(self.clock.now(), delay_secs));
        self.write(move |tx| {
            let Some(queue) = queue_number(tx, &name)? else { return Ok(()) };
            tx.prepare_cached(
                "UPDATE messages SET visible_at = ?4, in_flight = 0
                 WHERE queue = ?1 AND number = ?2 AND received = ?3 AND in_flight = 1",
            )?
            .execute(params![queue, number, received, visible_at])?;
            Ok(())
        })
        .await
    }

    async fn receive_dead(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        let (name, now, max) = (Arc::clone(&self.name), self.clock.now(), max.min(MAX_RECEIVED));
        self.write(move |tx| {
            let Some(queue) = queue_number(tx, &name)? else { return Ok(Vec::new()) };
            let dead = visible_dead(tx, queue, int(now.0), max)?;
            let mut take = tx.prepare_cached(
                "INSERT INTO dead_letters_hidden (queue, number, visible_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (queue, number) DO UPDATE SET visible_at = ?3",
            )?;
            for (number, _) in &dead {
                take.execute(params![queue, number, after(now, visibility_secs)])?;
            }
            Ok(dead.into_iter().map(|(_, letter)| letter).collect())
        })
        .await
    }

    async fn redrive(&self, dead: &Delivery) -> Result<(), StoreError> {
        let (name, now, body) = (Arc::clone(&self.name), int(self.clock.now().0), dead.text.clone());
        let number = parse_dead(&dead.receipt)?;
        self.write(move |tx| {
            let Some(queue) = queue_number(tx, &name)? else { return Ok(()) };
            if discard(tx, queue, number)? {
                insert(tx, &name, &body, now, now)?;
            }
            Ok(())
        })
        .await
    }

    async fn release_dead(&self, receipt: &str) -> Result<(), StoreError> {
        let (name, number) = (Arc::clone(&self.name), parse_dead(receipt)?);
        self.write(move |tx| match queue_number(tx, &name)? {
            Some(queue) => unhide(tx, queue, number),
            None => Ok(()),
        })
        .await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        let now = int(self.clock.now().0);
        self.engine.read("queue", |connection| {
            let counted: Option<(i64, i64, i64)> = connection
                .prepare_cached("SELECT queue, live, dead FROM queues WHERE name = ?1")?
                .query_row([&*self.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((queue, live, dead)) = counted else { return Ok(QueueDepth::default()) };
            // Counts only messages in flight, whose number the consumers limit.
            let in_flight: i64 = connection
                .prepare_cached("SELECT count(*) FROM messages WHERE queue = ?1 AND in_flight = 1 AND visible_at > ?2")?
                .query_row(params![queue, now], |row| row.get(0))?;
            Ok(QueueDepth { waiting: uint(live - in_flight), in_flight: uint(in_flight), dead: uint(dead) })
        })
    }
}

impl LocalQueue {
    pub(crate) fn new(name: &str, engine: Arc<Engine>, clock: Arc<dyn Clock>, max_receives: u32) -> Self {
        Self { name: name.into(), engine, clock, max_receives }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn has_visible(&self, now: Millis) -> Result<bool, StoreError> {
        self.engine.read("queue", |connection| {
            let mut select = connection.prepare_cached(
                "SELECT 1 FROM messages
                 WHERE queue = (SELECT queue FROM queues WHERE name = ?1) AND visible_at <= ?2 LIMIT 1",
            )?;
            Ok(select.exists(params![&*self.name, int(now.0)])?)
        })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.engine.write("queue", work).await
    }
}

fn after(now: Millis, secs: u32) -> i64 {
    int(now.plus(u64::from(secs) * 1000).0)
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn queue_number(tx: &Tx<'_>, name: &str) -> Result<Option<i64>, Fault> {
    Ok(tx.prepare_cached("SELECT queue FROM queues WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()?)
}

fn insert(tx: &Tx<'_>, name: &str, body: &str, now: i64, visible_at: i64) -> Result<(), Fault> {
    let (queue, number): (i64, i64) = tx
        .prepare_cached(
            "INSERT INTO queues (name, sent, live) VALUES (?1, 1, 1)
             ON CONFLICT (name) DO UPDATE SET sent = sent + 1, live = live + 1 RETURNING queue, sent",
        )?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    tx.prepare_cached(
        "INSERT INTO messages (queue, number, visible_at, received, in_flight, sent_at, body)
         VALUES (?1, ?2, ?3, 0, 0, ?4, ?5)",
    )?
    .execute(params![queue, number, visible_at, now, body])?;
    Ok(())
}

fn visible(tx: &Tx<'_>, queue: i64, now: i64, limit: usize) -> Result<Vec<(i64, u32)>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT number, received FROM messages
         WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, number LIMIT ?3",
    )?;
    let rows = select.query_map(params![queue, now, most(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn deliver(tx: &Tx<'_>, queue: i64, number: i64, visible_at: i64) -> Result<Delivery, Fault> {
    let mut update = tx.prepare_cached(
        "UPDATE messages SET received = received + 1, in_flight = 1, visible_at = ?3
         WHERE queue = ?1 AND number = ?2 RETURNING body, received",
    )?;
    Ok(update.query_row(params![queue, number, visible_at], |row| {
        let received = row.get(1)?;
        Ok(Delivery { text: row.get(0)?, receipt: format!("{number}.{received}"), received })
    })?)
}

fn move_to_dead_letters(tx: &Tx<'_>, queue: i64, number: i64, now: i64) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO dead_letters (queue, number, received, sent_at, died_at, body)
         SELECT queue, number, received, sent_at, ?3, body FROM messages WHERE queue = ?1 AND number = ?2",
    )?
    .execute(params![queue, number, now])?;
    tx.prepare_cached("DELETE FROM messages WHERE queue = ?1 AND number = ?2")?.execute([queue, number])?;
    tx.prepare_cached("UPDATE queues SET live = live - 1, dead = dead + 1 WHERE queue = ?1")?.execute([queue])?;
    Ok(())
}

/// The oldest visible dead letters.
fn visible_dead(tx: &Tx<'_>, queue: i64, now: i64, limit: usize) -> Result<Vec<(i64, Delivery)>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT number, body, received FROM dead_letters
         WHERE queue = ?1 AND NOT EXISTS (
             SELECT 1 FROM dead_letters_hidden AS hidden
             WHERE hidden.queue = ?1 AND hidden.number = dead_letters.number AND hidden.visible_at > ?2)
         ORDER BY number LIMIT ?3",
    )?;
    let rows = select.query_map(params![queue, now, most(limit)], |row| {
        let number: i64 = row.get(0)?;
        Ok((number, Delivery { text: row.get(1)?, receipt: number.to_string(), received: row.get(2)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn unhide(tx: &Tx<'_>, queue: i64, number: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM dead_letters_hidden WHERE queue = ?1 AND number = ?2")?.execute([queue, number])?;
    Ok(())
}

/// True if it was there.
fn discard(tx: &Tx<'_>, queue: i64, number: i64) -> Result<bool, Fault> {
    unhide(tx, queue, number)?;
    let removed =
        tx.prepare_cached("DELETE FROM dead_letters WHERE queue = ?1 AND number = ?2")?.execute([queue, number])?;
    if removed > 0 {
        tx.prepare_cached("UPDATE queues SET dead = dead - 1 WHERE queue = ?1")?.execute([queue])?;
    }
    Ok(removed > 0)
}

fn parse(receipt: &str) -> Result<(i64, i64), StoreError> {
    let parsed =
        receipt.split_once('.').and_then(|(number, received)| Some((number.parse().ok()?, received.parse().ok()?)));
    parsed.ok_or_else(unknown_receipt)
}

/// The receipt of a dead letter is its number, which no other message of the queue ever gets.
fn parse_dead(receipt: &str) -> Result<i64, StoreError> {
    receipt.parse().map_err(|_| unknown_receipt())
}

fn unknown_receipt() -> StoreError {
    StoreError::Rejected("a receipt that no queue issued".into())
}

#[cfg(test)]
mod tests;
