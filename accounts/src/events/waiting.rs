//! The requests of a process that wait for an event: few enough that they cost little, and few enough of each company
//! that others find no place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use umoja_schema::CompanyId;

/// The most waiting requests of a process.
const MAX: usize = 256;
/// The most waiting requests of a company.
const MAX_OF_COMPANY: usize = 32;

/// The requests that wait for an event.
#[derive(Debug, Clone, Default)]
pub struct Waiting(Arc<Mutex<BTreeMap<CompanyId, usize>>>);

/// The place of a waiting request, which is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    all: Waiting,
    company: CompanyId,
}

impl Waiting {
    /// A place for a request; `None` if too many wait.
    pub fn enter(&self, company: &CompanyId) -> Option<Place> {
        let mut all = self.counts();
        let (total, own) = (all.values().sum::<usize>(), all.get(company).copied().unwrap_or(0));
        if total >= MAX || own >= MAX_OF_COMPANY {
            return None;
        }
        all.insert(company.clone(), own + 1);
        Some(Place { all: self.clone(), company: company.clone() })
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<CompanyId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.counts();
        match all.get_mut(&self.company) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = all.remove(&self.company),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_leaves_places_for_others_and_gives_its_own_back() {
        let waiting = Waiting::default();
        let company = |n: usize| format!("company-{n}").parse::<CompanyId>().unwrap();
        let of = |n| (0..MAX).map_while(|_| waiting.enter(&company(n))).collect::<Vec<_>>();
        let held: Vec<_> = (0..=MAX / MAX_OF_COMPANY).map(of).collect();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), MAX);
        assert_eq!(held[0].len(), MAX_OF_COMPANY);
        assert!(waiting.enter(&company(99)).is_none());
        drop(held);
        assert!(waiting.counts().is_empty());
        assert_eq!(of(0).len(), MAX_OF_COMPANY);
    }
}
