//! Rules with one deliberate bug each, to prove that the search finds it.

use umoja_schema::{PartRecord, Region, UserId};

use super::rules::{Held, Product, Request, Rules};

/// The bugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Of two writes with the same HLC timestamp, the one that arrived first stays.
    NoTieBreak,
    /// An erasure has no precedence: the later HLC timestamp wins.
    ErasedNotFirst,
    /// Every arriving version is written.
    LastArrivalWins,
    /// The item of an identifier keeps the best owner that it has seen and drops the others.
    OwnersNotRecomputed,
    /// A pointer that was removed or replaced by a tombstone stays in the table of linked accounts.
    LinkedAccountsOnlyGrow,
    /// The primary account of a cycle is the last user on the way through it.
    CycleWithoutRule,
}

/// The product's rules with one bug.
pub struct Broken(pub How);

impl Rules for Broken {
    fn copy(&self, held: &Held, incoming: &PartRecord) -> Held {
        let stored = held.parts.get(&incoming.id).map(|stored| &stored.version);
        let take = stored.map(|stored| match self.0 {
            How::NoTieBreak => (incoming.version.erased, incoming.version.hlc) > (stored.erased, stored.hlc),
            How::ErasedNotFirst => (incoming.version.hlc, &incoming.version.origin) > (stored.hlc, &stored.origin),
            How::LastArrivalWins => incoming.version != *stored,
            _ => incoming.version > *stored,
        });
        let after = match take {
            Some(false) => held.clone(),
            Some(true) => Product.copy(&without(held, incoming.id), incoming),
            None => Product.copy(held, incoming),
        };
        self.derived(held, after)
    }

    fn write(&self, region: &Region, held: &Held, request: Request) -> Option<(Held, Vec<PartRecord>)> {
        let (after, sent) = Product.write(region, held, request)?;
        Some((self.derived(held, after), sent))
    }

    fn primary(&self, held: &Held, start: UserId) -> Option<UserId> {
        if self.0 != How::CycleWithoutRule {
            return Product.primary(held, start);
        }
        let is_live = |id: &UserId| held.parts.get(id).is_some_and(|record| record.live().is_some());
        let mut at = is_live(&start).then_some(start)?;
        while let Some(next) = held.pointer(at).filter(|next| *next != start && is_live(next)) {
            at = next;
        }
        Some(at)
    }
}

impl Broken {
    fn derived(&self, before: &Held, mut after: Held) -> Held {
        match self.0 {
            How::OwnersNotRecomputed => {
                let best = after.ownerships.winner().map(|(id, ownership)| (id, ownership.clone()));
                after.ownerships.owners = best.into_iter().collect();
            }
            How::LinkedAccountsOnlyGrow => after.linked_accounts.extend(&before.linked_accounts),
            _ => {}
        }
        after
    }
}

fn without(held: &Held, user: UserId) -> Held {
    let mut parts = held.parts.clone();
    parts.remove(&user);
    Held { parts, ..held.clone() }.rebuilt()
}
