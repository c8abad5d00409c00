//! The search: every state that three regions can get into, breadth first, so that what it finds wrong is shown by a
//! shortest way there.
//!
//! What is on its way is every version that was ever written: each may arrive in any region at any time, any number of
//! times, in any order, or never. So a delayed, repeated or reordered message is a choice of the search, and a lost one is
//! a choice not to deliver it. From each state it is also tried whether the copies that the regions hold are enough to
//! make them equal, as anti-entropy does when everything else was lost.
//!
//! A region's step depends on what it holds and on what arrives alone, so each distinct step is done once by the real
//! code and remembered; the search then works with numbers.

use std::collections::HashMap;

use umoja_schema::{PartRecord, Region, UserId};

use super::rules::{Held, Kind, REGIONS, Request, Rules, users};

const UNKNOWN: u32 = u32::MAX;

/// How far to search.
pub(super) struct Bounds {
    /// What was requested already, by region; none of it has arrived anywhere else.
    pub(super) start: &'static [(usize, Request)],
    /// The most versions that are written, those of the start included.
    pub(super) versions: usize,
    /// What a region's clock may show when it writes.
    pub(super) clocks: &'static [u64],
}

/// What was searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Searched {
    /// Distinct states of all regions and of what was written.
    pub(super) states: usize,
    /// Ways from one state to another, those that change nothing included.
    pub(super) steps: usize,
    /// States in which everything has arrived everywhere.
    pub(super) quiescent: usize,
    /// Distinct contents of one region.
    pub(super) contents: usize,
    /// Distinct copies.
    pub(super) copies: usize,
}

/// What does not hold, and how to get there.
#[derive(Debug)]
pub(super) struct Counterexample {
    pub(super) violated: String,
    pub(super) steps: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    regions: [u32; 3],
    /// A set of copies, by number.
    written: u32,
}

#[derive(Clone, Copy)]
enum Move {
    Deliver { to: usize, copy: u32 },
    Write { at: usize, request: u16 },
}

/// Searches everything.
pub(super) fn explore(rules: &dyn Rules, bounds: &Bounds) -> Result<Searched, Box<Counterexample>> {
    let mut search = Search::new(rules, bounds);
    match search.run(bounds) {
        Ok(()) => Ok(Searched {
            states: search.states.len(),
            contents: search.contents.len(),
            copies: search.copies.len(),
            ..search.searched
        }),
        Err((at, last, violated)) => {
            let mut steps: Vec<String> = last.into_iter().map(|last| search.describe(last)).collect();
            let mut at = at;
            while let Some((parent, step)) = search.came[at] {
                steps.push(search.describe(step));
                at = parent as usize;
            }
            steps.reverse();
            Err(Box::new(Counterexample { violated, steps }))
        }
    }
}

/// Where something does not hold: the state, the step from it, and what.
type Violation = (usize, Option<Move>, String);

/// The content after a request, and what is sent; nothing if the request does not apply.
type Wrote = Option<(u32, Vec<u32>)>;

struct Search<'a> {
    rules: &'a dyn Rules,
    regions: [Region; 3],
    requests: Vec<Request>,
    contents: Vec<Held>,
    content_numbers: HashMap<Vec<u8>, u32>,
    /// The copies that a content consists of, by user.
    stored: Vec<[Option<u32>; 2]>,
    copies: Vec<PartRecord>,
    copy_numbers: HashMap<Vec<u8>, u32>,
    sets: Vec<Vec<u32>>,
    set_numbers: HashMap<Vec<u32>, u32>,
    /// By content and copy: the content after the copy has arrived.
    arrived: Vec<Vec<u32>>,
    /// By region, content and request: the content after the request, and what is sent.
    written: [Vec<Vec<Option<Wrote>>>; 3],
    states: Vec<State>,
    numbers: HashMap<State, u32>,
    came: Vec<Option<(u32, Move)>>,
    searched: Searched,
}

impl<'a> Search<'a> {
    fn new(rules: &'a dyn Rules, bounds: &Bounds) -> Self {
        let mut requests = Vec::new();
        for user in 0..2 {
            for kind in Kind::ALL {
                requests.extend(bounds.clocks.iter().map(|clock| Request { user, kind, clock: *clock }));
            }
        }
        Self {
            rules,
            regions: REGIONS.map(|name| name.parse().unwrap()),
            requests,
            contents: Vec::new(),
            content_numbers: HashMap::new(),
            stored: Vec::new(),
            copies: Vec::new(),
            copy_numbers: HashMap::new(),
            sets: Vec::new(),
            set_numbers: HashMap::new(),
            arrived: Vec::new(),
            written: Default::default(),
            states: Vec::new(),
            numbers: HashMap::new(),
            came: Vec::new(),
            searched: Searched::default(),
        }
    }

    fn run(&mut self, bounds: &Bounds) -> Result<(), Violation> {
        let nothing = self.content(&Held::nothing());
        let (mut regions, mut written) = ([nothing; 3], Vec::new());
        for (at, request) in bounds.start {
            let request = self.requests.iter().position(|known| known == request).expect("a request of the search");
            let (next, sent) = self.write(*at, regions[*at], request).expect("a request that applies");
            regions[*at] = next;
            written.extend(sent);
        }
        let written = self.set(written);
        self.reach(State { regions, written }, None);
        let mut at = 0;
        while at < self.states.len() {
            self.check(self.states[at]).map_err(|violated| (at, None, violated))?;
            self.leave(at, bounds)?;
            at += 1;
        }
        Ok(())
    }

    /// Goes every way that leads out of a state.
    fn leave(&mut self, at: usize, bounds: &Bounds) -> Result<(), Violation> {
        let state = self.states[at];
        let copies = self.sets[state.written as usize].clone();
        let came = |step| Some((u32::try_from(at).expect("fewer than four thousand million states"), step));
        for to in 0..3 {
            for copy in copies.iter().copied() {
                let step = Move::Deliver { to, copy };
                let next = self.arrive(state.regions[to], copy).map_err(|violated| (at, Some(step), violated))?;
                let mut regions = state.regions;
                regions[to] = next;
                self.reach(State { regions, ..state }, came(step));
            }
            if copies.len() >= bounds.versions {
                continue;
            }
            for request in 0..self.requests.len() {
                let Some((next, sent)) = self.write(to, state.regions[to], request) else { continue };
                let step = Move::Write { at: to, request: u16::try_from(request).unwrap() };
                let mut all = copies.clone();
                all.extend(sent);
                all.sort_unstable();
                let written = self.set(all);
                let mut regions = state.regions;
                regions[to] = next;
                self.reach(State { regions, written }, came(step));
            }
        }
        Ok(())
    }

    fn reach(&mut self, state: State, came: Option<(u32, Move)>) {
        self.searched.steps += 1;
        let number = u32::try_from(self.states.len()).expect("fewer than four thousand million states");
        if let std::collections::hash_map::Entry::Vacant(entry) = self.numbers.entry(state) {
            entry.insert(number);
            self.states.push(state);
            self.came.push(came);
        }
    }

    /// What has to hold of all regions together.
    fn check(&mut self, state: State) -> Result<(), String> {
        for content in state.regions {
            self.check_content(content)?;
        }
        let copies = self.sets[state.written as usize].clone();
        let mut quiescent = true;
        for content in state.regions {
            for copy in &copies {
                quiescent &= self.arrive(content, *copy)? == content;
            }
        }
        if quiescent {
            self.searched.quiescent += 1;
            self.check_equal(state.regions, &copies).map_err(|what| format!("when everything has arrived, {what}"))?;
        }
        let healed = self.heal(state.regions)?;
        self.check_equal(healed, &copies).map_err(|what| format!("after anti-entropy, {what}"))
    }

    /// All regions hold the same; so the winner and every root are the same too. And nothing that was written is lost, and
    /// nobody who was erased is back.
    fn check_equal(&self, regions: [u32; 3], copies: &[u32]) -> Result<(), String> {
        if regions.iter().any(|content| *content != regions[0]) {
            return Err("regions differ".into());
        }
        let held = &self.contents[regions[0] as usize];
        for copy in copies.iter().map(|copy| &self.copies[*copy as usize]) {
            let stored = held.parts.get(&copy.id).map(|record| &record.version);
            if stored < Some(&copy.version) {
                return Err(format!("the write {} is lost", copy.version));
            }
        }
        Ok(())
    }

    /// What has to hold of one region at any time. Looked at once for each distinct content.
    fn check_content(&self, content: u32) -> Result<(), String> {
        let held = &self.contents[content as usize];
        let rebuilt = held.rebuilt();
        if rebuilt.claims != held.claims {
            return Err("the claims are not what a rebuild from the users gives".into());
        }
        if rebuilt.members != held.members {
            return Err("the members are not what a rebuild from the users gives".into());
        }
        if held.parts.values().any(|record| record.version.erased != record.live().is_none()) {
            return Err("something is live under a tombstone".into());
        }
        let is_live = |id: UserId| held.parts.get(&id).is_some_and(|record| record.live().is_some());
        let [one, other] = users();
        for (from, to) in [(one, other), (other, one)] {
            let root = self.rules.root(held, from);
            if root.is_some() != is_live(from) {
                return Err("a live user has no root".into());
            }
            if is_live(from) && is_live(to) && held.pointer(from) == Some(to) && root != self.rules.root(held, to) {
                return Err("one person has two roots".into());
            }
        }
        Ok(())
    }

    /// What the regions hold after each has given the others what it holds, until nothing changes.
    fn heal(&mut self, mut regions: [u32; 3]) -> Result<[u32; 3], String> {
        loop {
            let before = regions;
            for from in 0..3 {
                for copy in self.stored[regions[from] as usize].into_iter().flatten() {
                    for region in &mut regions {
                        *region = self.arrive(*region, copy)?;
                    }
                }
            }
            if regions == before {
                return Ok(regions);
            }
        }
    }

    /// What a region holds after a copy has arrived.
    fn arrive(&mut self, content: u32, copy: u32) -> Result<u32, String> {
        let known = self.arrived[content as usize].get(copy as usize).copied().unwrap_or(UNKNOWN);
        if known != UNKNOWN {
            return Ok(known);
        }
        let (held, incoming) = (self.contents[content as usize].clone(), self.copies[copy as usize].clone());
        let after = self.rules.copy(&held, &incoming);
        for (id, before) in &held.parts {
            if after.parts.get(id).map(|record| &record.version) < Some(&before.version) {
                return Err(format!("a region went back from {}", before.version));
            }
        }
        let next = self.content(&after);
        let row = &mut self.arrived[content as usize];
        row.resize(row.len().max(copy as usize + 1), UNKNOWN);
        row[copy as usize] = next;
        if self.arrive(next, copy)? != next {
            return Err("a repeated message changed something".into());
        }
        Ok(next)
    }

    fn write(&mut self, at: usize, content: u32, request: usize) -> Wrote {
        let rows = &mut self.written[at];
        rows.resize(rows.len().max(content as usize + 1), Vec::new());
        let row = &mut rows[content as usize];
        row.resize(self.requests.len(), None);
        if let Some(known) = &row[request] {
            return known.clone();
        }
        let held = self.contents[content as usize].clone();
        let wrote = self.rules.write(&self.regions[at], &held, self.requests[request]);
        let wrote = wrote.map(|(after, sent)| {
            (self.content(&after), sent.iter().map(|record| self.copy(record)).collect::<Vec<_>>())
        });
        self.written[at][content as usize][request] = Some(wrote.clone());
        wrote
    }

    fn content(&mut self, held: &Held) -> u32 {
        let key = held.key();
        if let Some(number) = self.content_numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(self.contents.len()).unwrap();
        let stored = users().map(|id| held.parts.get(&id).map(|record| self.copy(record)));
        self.content_numbers.insert(key, number);
        self.contents.push(held.clone());
        self.stored.push(stored);
        self.arrived.push(Vec::new());
        number
    }

    fn copy(&mut self, record: &PartRecord) -> u32 {
        let key = serde_json::to_vec(&record.to_item()).unwrap();
        let number = u32::try_from(self.copies.len()).unwrap();
        let copies = &mut self.copies;
        *self.copy_numbers.entry(key).or_insert_with(|| {
            copies.push(record.clone());
            number
        })
    }

    fn set(&mut self, copies: Vec<u32>) -> u32 {
        let number = u32::try_from(self.sets.len()).unwrap();
        let sets = &mut self.sets;
        *self.set_numbers.entry(copies).or_insert_with_key(|copies| {
            sets.push(copies.clone());
            number
        })
    }

    fn describe(&self, step: Move) -> String {
        match step {
            Move::Deliver { to, copy } => {
                let record = &self.copies[copy as usize];
                let user = users().iter().position(|id| *id == record.id).unwrap();
                format!("{} of user {user} arrives in {}", record.version, REGIONS[to])
            }
            Move::Write { at, request } => {
                let Request { user, kind, clock } = self.requests[usize::from(request)];
                format!("{}: {kind:?} of user {user} at {clock}", REGIONS[at])
            }
        }
    }
}
