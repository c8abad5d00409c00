//! The search visits every state that three regions can reach, breadth first, so that it shows a violation by a
//! shortest path to it.
//!
//! Every version that was ever written is in flight: each may arrive in any region at any time, any number of times, in
//! any order, or never. So a delayed, repeated or reordered message is a choice of the search, and a lost one is a
//! choice not to deliver it. From each state the search also checks whether the versions that the regions hold are
//! enough to make the regions equal, as anti-entropy does when all messages were lost.
//!
//! A region's step depends only on the region's content and on the arriving version. So the real code does each
//! distinct step once, and the search stores the result and then works with numbers.

use std::collections::HashMap;

use umoja_schema::{PartRecord, Region, UserId};

use super::rules::{Held, Kind, REGIONS, Request, Rules, users};

const UNKNOWN: u32 = u32::MAX;

/// The bounds of a search.
#[derive(Debug)]
pub struct Bounds {
    /// The requests already done, by region. None of their versions has arrived in another region.
    pub start: &'static [(usize, Request)],
    /// The maximum number of versions that are written, including those of the start.
    pub versions: usize,
    /// The times that a region's clock may show when it writes.
    pub clocks: &'static [u64],
}

/// The size of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Searched {
    /// Distinct states of all regions and of the written versions.
    pub states: usize,
    /// Transitions from one state to another, including those without a change.
    pub steps: usize,
    /// States in which every version has arrived in every region.
    pub quiescent: usize,
    /// Distinct contents of one region.
    pub contents: usize,
    /// Distinct versions.
    pub copies: usize,
}

/// A violated rule and the steps to it.
#[derive(Debug)]
pub struct Counterexample {
    pub violated: String,
    pub steps: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    regions: [u32; 3],
    /// A set of versions, by number.
    written: u32,
}

#[derive(Clone, Copy)]
enum Move {
    Deliver { to: usize, copy: u32 },
    Write { at: usize, request: u16 },
}

/// Searches every state.
pub fn explore(rules: &dyn Rules, bounds: &Bounds) -> Result<Searched, Box<Counterexample>> {
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

/// A violation: the state, the step from it, and the violated rule.
type Violation = (usize, Option<Move>, String);

/// The content after a request and the versions that it sends. `None` if the request does not apply.
type Wrote = Option<(u32, Vec<u32>)>;

struct Search<'a> {
    rules: &'a dyn Rules,
    regions: [Region; 3],
    requests: Vec<Request>,
    contents: Vec<Held>,
    content_numbers: HashMap<Vec<u8>, u32>,
    /// The versions that a content consists of, by user.
    stored: Vec<[Option<u32>; 2]>,
    copies: Vec<PartRecord>,
    copy_numbers: HashMap<Vec<u8>, u32>,
    sets: Vec<Vec<u32>>,
    set_numbers: HashMap<Vec<u32>, u32>,
    /// By content and version: the content after the version has arrived.
    arrived: Vec<Vec<u32>>,
    /// By region, content and request: the content after the request and the versions that it sends.
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
        let empty = self.content(&Held::empty());
        let (mut regions, mut written) = ([empty; 3], Vec::new());
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

    /// Takes every step that leads out of a state.
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

    /// Checks the rules about all regions together.
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
            self.check_equal(state.regions, &copies).map_err(|what| format!("after all messages arrived, {what}"))?;
        }
        let healed = self.heal(state.regions)?;
        self.check_equal(healed, &copies).map_err(|what| format!("after anti-entropy, {what}"))
    }

    /// All regions are equal, so the winner and every primary account are equal too. No written version is lost, and no
    /// erased user is back.
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

    /// Checks the rules about one region at any time, once for each distinct content.
    fn check_content(&self, content: u32) -> Result<(), String> {
        let held = &self.contents[content as usize];
        let rebuilt = held.rebuilt();
        if rebuilt.ownerships != held.ownerships {
            return Err("the ownerships differ from a rebuild from the users".into());
        }
        if rebuilt.linked_accounts != held.linked_accounts {
            return Err("the linked accounts differ from a rebuild from the users".into());
        }
        if held.parts.values().any(|record| record.version.erased != record.live().is_none()) {
            return Err("a live part is under a tombstone".into());
        }
        let is_live = |id: UserId| held.parts.get(&id).is_some_and(|record| record.live().is_some());
        let [one, other] = users();
        for (from, to) in [(one, other), (other, one)] {
            let primary = self.rules.primary(held, from);
            if primary.is_some() != is_live(from) {
                return Err("a live user has no primary account".into());
            }
            if is_live(from) && is_live(to) && held.pointer(from) == Some(to) && primary != self.rules.primary(held, to)
            {
                return Err("one person has two primary accounts".into());
            }
        }
        Ok(())
    }

    /// The contents after every region has sent its versions to the others, until no region changes.
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

    /// The content of a region after a version has arrived.
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
            return Err("a repeated message changed the region".into());
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
