//! Turns at foreign systems, where several processes deliver: one at a time works for a system, so that its rate, its breaker
//! and the limit of removals hold over all of them.
//!
//! A turn is a checkpoint of the region. Who finds it taken leaves a mark there, and who has it looks again before it goes.
//! So what became due is delivered by one of them, and none waits for another. A turn whose process is killed ends by its time.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use umoja_schema::Millis;
use umoja_store::Home;
use umoja_store::ports::StoreError;

/// The longest turn, in milliseconds: longer than a function may run. One that ends later was taken by a clock that was ahead.
const LONGEST_MS: u64 = 16 * 60_000;
/// How often a checkpoint is read again that others write.
const ROUNDS: usize = 16;

/// What the checkpoint of a system says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    /// Until when a process has the turn. 0: none has it.
    until: Millis,
    /// Which process.
    holder: String,
    /// How many found it taken.
    rings: u64,
    /// What each process leaves for the next one.
    #[serde(default)]
    kept: Value,
}

/// The turn of this process.
#[derive(Debug)]
pub(crate) struct Turn {
    name: String,
    stored: Stored,
}

/// How a turn went on.
#[derive(Debug)]
pub(crate) enum After {
    /// Something became due meanwhile, and the turn stays here.
    Goes(Turn),
    /// It is over.
    Ended,
}

impl Turn {
    /// Takes the turn at a system until this time. `None` if another process has it, which learns that something is due.
    ///
    /// # Errors
    /// If the checkpoints fail.
    pub(crate) async fn take(home: &Home, system: &str, until: Millis) -> Result<Option<Self>, StoreError> {
        let name = format!("turn/{system}");
        for _ in 0..ROUNDS {
            let before = home.checkpoints.checkpoint(&name).await?;
            let stored: Stored =
                before.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
            let now = home.clock.now();
            let is_taken = now < stored.until && stored.until.since(now) <= LONGEST_MS;
            let next = if is_taken {
                Stored { rings: stored.rings.saturating_add(1), ..stored }
            } else {
                let holder = u128::from_be_bytes(home.entropy.array());
                Stored { until, holder: format!("{holder:032x}"), rings: 0, kept: stored.kept }
            };
            if home.checkpoints.replace_checkpoint(&name, before.as_deref(), &bytes(&next)).await? {
                return Ok((!is_taken).then_some(Self { name, stored: next }));
            }
        }
        Err(StoreError::Throttled("a turn that is taken very often".to_owned()))
    }

    /// What the process that had the turn before kept.
    pub(crate) const fn kept(&self) -> &Value {
        &self.stored.kept
    }

    /// Ends the turn, and keeps something for the next one. With `may_go_on`, it stays here if something became due
    /// meanwhile.
    ///
    /// # Errors
    /// If the checkpoints fail. The turn then ends by its time.
    pub(crate) async fn end(self, home: &Home, kept: Value, may_go_on: bool) -> Result<After, StoreError> {
        for _ in 0..ROUNDS {
            let before = home.checkpoints.checkpoint(&self.name).await?;
            let stored: Option<Stored> = before.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
            // Its time was over, and another process has it.
            let Some(stored) = stored.filter(|stored| stored.holder == self.stored.holder) else {
                return Ok(After::Ended);
            };
            let continues = may_go_on && stored.rings > self.stored.rings;
            let until = if continues { stored.until } else { Millis(0) };
            let next = Stored { until, kept: kept.clone(), ..stored };
            if home.checkpoints.replace_checkpoint(&self.name, before.as_deref(), &bytes(&next)).await? {
                return Ok(if continues { After::Goes(Self { stored: next, ..self }) } else { After::Ended });
            }
        }
        Err(StoreError::Throttled("a turn that is taken very often".to_owned()))
    }
}

fn bytes(stored: &Stored) -> Vec<u8> {
    serde_json::to_vec(stored).unwrap_or_default()
}
