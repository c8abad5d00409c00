//! Rules with one thing wrong, to see that the search finds it.

use umoja_schema::{PartRecord, Region, UserId};

use super::rules::{Held, Product, Request, Rules};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Of two writes with one stamp, whichever came first stays.
    NoTieBreak,
    /// An erasure is a write like any other: the later stamp wins.
    ErasedNotFirst,
    /// Whatever arrives is written.
    LastArrivalWins,
    /// The item of an identifier keeps the best claimant that it has seen, and forgets the others.
    ClaimsNotRecomputed,
    /// A pointer that is taken back, or replaced by a tombstone, stays in the table of members.
    MembersOnlyGrow,
    /// The root of a cycle is whoever one comes to last.
    CycleWithoutRule,
}

/// The product's rules but for one.
pub(super) struct Broken(pub(super) How);

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

    fn root(&self, held: &Held, start: UserId) -> Option<UserId> {
        if self.0 != How::CycleWithoutRule {
            return Product.root(held, start);
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
            How::ClaimsNotRecomputed => {
                let best = after.claims.winner().map(|(id, claim)| (id, claim.clone()));
                after.claims.claimants = best.into_iter().collect();
            }
            How::MembersOnlyGrow => after.members.extend(&before.members),
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
