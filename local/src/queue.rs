//! Durable queues in a region's file, with the behaviour of SQS's standard queues and a redrive policy.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, params};
use umoja_schema::{Message, Millis};
use umoja_store::ports::{Clock, Delivery, Queue, QueueDepth, StoreError};

use crate::cell::Cell;
use crate::codec::{int, uint};
use crate::engine::{Engine, Fault, Tx, readable};

/// The most messages that one call receives. (Of SQS, 10.)
const MAX_RECEIVED: usize = 512;
/// The longest delay of a new message (SQS's limit).
const MAX_DELAY_SECS: u32 = 900;
/// The most messages that one call turns into dead letters.
const MAX_MOVED: usize = 100;
/// The longest time for which a message can be hidden (SQS's limit). A time further ahead, or one that is no number, is
/// damaged, and would hide the message for ever.
const MAX_HIDDEN_SECS: u32 = 12 * 3600;
/// No number of a message reaches this.
const MAX_NUMBER: i64 = 1 << 62;

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
            reveal(tx, queue, now)?;
            let candidates = visible(tx, queue, int(now.0), max + MAX_MOVED)?;
            let (mut deliveries, mut moved) = (Vec::new(), 0);
            for (number, received) in candidates {
                let is_dead = received.is_none_or(|received| received >= max_receives);
                if !is_dead && deliveries.len() >= max {
                    break;
                }
                // What cannot be read will not be readable next time either, and must not hide the messages behind it.
                let delivery = match number.number().filter(|_| !is_dead) {
                    Some(number) => readable(deliver(tx, queue, number, after(now, visibility_secs)))?,
                    None => None,
                };
                match delivery {
                    Some(delivery) => deliveries.push(delivery),
                    None if moved < MAX_MOVED => {
                        move_to_dead_letters(tx, queue, &number, int(now.0))?;
                        moved += 1;
                    }
                    None => {}
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
            if deleted > 0 { count(tx, queue, -1, 0) } else { Ok(()) }
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
            let dead = visible_dead(tx, queue, now, max)?;
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
            let mut select = connection.prepare_cached("SELECT queue, live, dead FROM queues WHERE name = ?1")?;
            let mut rows = select.query([&*self.name])?;
            let Some(row) = rows.next()? else { return Ok(QueueDepth::default()) };
            let queue: i64 = row.get(0)?;
            let counted = |column, counts: &str| match row.get_ref(column)?.as_i64() {
                Ok(count) if count >= 0 => Ok::<i64, Fault>(count),
                // The count is damaged.
                _ => Ok(connection.prepare_cached(counts)?.query_row([queue], |row| row.get(0))?),
            };
            let live = counted(1, "SELECT count(*) FROM messages WHERE queue = ?1")?;
            let dead = counted(2, "SELECT count(*) FROM dead_letters WHERE queue = ?1")?;
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
            let mut hidden = connection.prepare_cached(
                "SELECT 1 FROM messages
                 WHERE queue = (SELECT queue FROM queues WHERE name = ?1) AND visible_at > ?2 LIMIT 1",
            )?;
            let latest = after(now, MAX_HIDDEN_SECS);
            Ok(select.exists(params![&*self.name, int(now.0)])? || hidden.exists(params![&*self.name, latest])?)
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
    let queue: i64 = tx
        .prepare_cached(
            "INSERT INTO queues (name) VALUES (?1) ON CONFLICT (name) DO UPDATE SET name = ?1 RETURNING queue",
        )?
        .query_row([name], |row| row.get(0))?;
    let number = new_number(tx, queue)?;
    tx.change_one(
        "INSERT INTO messages (queue, number, visible_at, received, in_flight, sent_at, body)
         VALUES (?1, ?2, ?3, 0, 0, ?4, ?5)",
        params![queue, number, visible_at, now, body],
    )?;
    count(tx, queue, 1, 0)
}

/// A number that no other message of the queue has had.
fn new_number(tx: &Tx<'_>, queue: i64) -> Result<i64, Fault> {
    let mut select = tx.prepare_cached("SELECT sent FROM queues WHERE queue = ?1")?;
    let sent: Option<i64> = readable(select.query_row([queue], |row| row.get(0)).map_err(Fault::from))?;
    let mut last = sent.filter(|sent| (0..MAX_NUMBER).contains(sent)).unwrap_or(0);
    // The count is behind the messages only if it is damaged.
    for numbers in [
        "SELECT max(number) FROM messages WHERE queue = ?1 AND number < ?2",
        "SELECT max(number) FROM dead_letters WHERE queue = ?1 AND number < ?2",
    ] {
        let newest: Option<i64> = tx.prepare_cached(numbers)?.query_row([queue, MAX_NUMBER], |row| row.get(0))?;
        last = last.max(newest.unwrap_or(0));
    }
    let number = last + 1;
    tx.change_one("UPDATE queues SET sent = ?2 WHERE queue = ?1", [queue, number])?;
    Ok(number)
}

/// Changes the counts of a queue after its messages. A damaged count is counted again.
fn count(tx: &Tx<'_>, queue: i64, live: i64, dead: i64) -> Result<(), Fault> {
    tx.change_one(
        "UPDATE queues SET
            live = CASE WHEN typeof(live) = 'integer' AND live >= 0 THEN live + ?2
                ELSE (SELECT count(*) FROM messages WHERE queue = ?1) END,
            dead = CASE WHEN typeof(dead) = 'integer' AND dead >= 0 THEN dead + ?3
                ELSE (SELECT count(*) FROM dead_letters WHERE queue = ?1) END
         WHERE queue = ?1",
        [queue, live, dead],
    )
}

/// Makes messages visible that are hidden until a damaged time. In SQLite's order, a text or a blob is behind every number.
fn reveal(tx: &Tx<'_>, queue: i64, now: Millis) -> Result<(), Fault> {
    let update = "UPDATE messages SET visible_at = ?2, in_flight = 0 WHERE queue = ?1 AND number IN
        (SELECT number FROM messages WHERE queue = ?1 AND visible_at > ?3 LIMIT ?4)";
    let limit = int(MAX_MOVED as u64);
    tx.prepare_cached(update)?.execute([queue, int(now.0), after(now, MAX_HIDDEN_SECS), limit])?;
    Ok(())
}

/// The number of each visible message, and how often it was received, if that can be read.
fn visible(tx: &Tx<'_>, queue: i64, now: i64, limit: usize) -> Result<Vec<(Cell, Option<u32>)>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT number, received FROM messages
         WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, number LIMIT ?3",
    )?;
    let (mut rows, mut found) = (select.query(params![queue, now, most(limit)])?, Vec::new());
    while let Some(row) = rows.next()? {
        let received = row.get_ref(1)?.as_i64().ok().and_then(|received| u32::try_from(received).ok());
        found.push((row.get_ref(0)?.into(), received));
    }
    Ok(found)
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

fn move_to_dead_letters(tx: &Tx<'_>, queue: i64, message: &Cell, now: i64) -> Result<(), Fault> {
    let number = match message.number() {
        Some(number) => number,
        None => new_number(tx, queue)?,
    };
    tx.change_one(
        "INSERT OR REPLACE INTO dead_letters (queue, number, received, sent_at, died_at, body)
         SELECT queue, ?4, received, sent_at, ?3, body FROM messages WHERE queue = ?1 AND number = ?2",
        params![queue, message, now, number],
    )?;
    tx.change_one("DELETE FROM messages WHERE queue = ?1 AND number = ?2", params![queue, message])?;
    count(tx, queue, -1, 1)
}

/// The oldest visible dead letters.
fn visible_dead(tx: &Tx<'_>, queue: i64, now: Millis, limit: usize) -> Result<Vec<(i64, Delivery)>, Fault> {
    let mut select = tx.prepare_cached(
        "SELECT number, body, received FROM dead_letters
         WHERE queue = ?1 AND NOT EXISTS (
             SELECT 1 FROM dead_letters_hidden AS hidden
             WHERE hidden.queue = ?1 AND hidden.number = dead_letters.number
             AND hidden.visible_at > ?2 AND hidden.visible_at <= ?3)
         ORDER BY number LIMIT ?4",
    )?;
    let latest = after(now, MAX_HIDDEN_SECS);
    let (mut rows, mut found) = (select.query(params![queue, int(now.0), latest, most(limit)])?, Vec::new());
    while let Some(row) = rows.next()? {
        let text = text_of(row.get_ref(1)?);
        let received = row.get_ref(2)?.as_i64().ok().and_then(|received| u32::try_from(received).ok());
        found.push((Cell::from(row.get_ref(0)?), text, received.unwrap_or(0)));
    }
    let numbered = found.into_iter().map(|(letter, text, received)| {
        let number = match letter.number() {
            Some(number) => number,
            None => renumber(tx, queue, &letter)?,
        };
        Ok((number, Delivery { text, receipt: number.to_string(), received }))
    });
    numbered.collect()
}

/// Gives a dead letter a number, which is its receipt.
fn renumber(tx: &Tx<'_>, queue: i64, letter: &Cell) -> Result<i64, Fault> {
    let number = new_number(tx, queue)?;
    let update = "UPDATE dead_letters SET number = ?3 WHERE queue = ?1 AND number = ?2";
    tx.change_one(update, params![queue, letter, number])?;
    Ok(number)
}

/// The text of a dead letter, as far as there is one. No reader takes what is no message for one.
fn text_of(body: ValueRef<'_>) -> String {
    match body {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => String::new(),
    }
}

fn unhide(tx: &Tx<'_>, queue: i64, number: i64) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM dead_letters_hidden WHERE queue = ?1 AND number = ?2")?.execute([queue, number])?;
    Ok(())
}

/// True if it was there.
fn discard(tx: &Tx<'_>, queue: i64, number: i64) -> Result<bool, Fault> {
    unhide(tx, queue, number)?;
    let removed =
        tx.change_unless("DELETE FROM dead_letters WHERE queue = ?1 AND number = ?2", [queue, number], || {
            let mut select = tx.prepare_cached("SELECT 1 FROM dead_letters WHERE queue = ?1 AND number = ?2")?;
            Ok(!select.exists([queue, number])?)
        })?;
    if removed {
        count(tx, queue, 0, -1)?;
    }
    Ok(removed)
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
