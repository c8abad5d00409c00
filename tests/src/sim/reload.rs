//! Each region's API as it runs: with the secrets that it read last, or closed until it can read any.
//!
//! A real instance works with settings that are a minute old at most, and answers nothing when it cannot read newer ones;
//! who changes settings waits for longer than that. In a run an instance reads its settings when a step says so, and
//! whoever changes them waits until every instance has read them or is closed, and until what was begun under older
//! ones is over.

use std::rc::{Rc, Weak};
use std::sync::Arc;

use umoja_store::Home;
use umoja_store::faulty::Faulty;
use umoja_store::ports::Registry;
use umoja_store::secrets::Secrets;

use super::fleet::Fleet;
use super::instance::{Slot, identifiers};
use crate::caller::Endpoint;
use crate::deployment::endpoint;
use crate::world::{WorldRegion, killed_after};

/// A region as an operator reaches it: its settings are out when its tables are.
pub(super) fn with_settings(region: &WorldRegion) -> Home {
    let registry: Arc<dyn Registry> = Arc::clone(&region.tables.registry);
    Home { registry: Arc::new(Faulty::new(registry, Arc::clone(&region.faults.tables))), ..region.home.clone() }
}

impl Fleet {
    /// What serves a region now, and is held until the answer is there. One that is closed reads its settings first;
    /// nothing if it cannot.
    pub(super) async fn instance(&self, at: usize) -> Option<Rc<Endpoint>> {
        if self.instances.slots[at].borrow().endpoint.is_none() {
            self.reload(at).await;
        }
        self.instances.slots[at].borrow().endpoint.clone()
    }

    /// A region's API as somebody sees it who has read the public keys of any region: only what all publish is certain.
    pub(super) fn published(&self, endpoint: &Endpoint) -> Endpoint {
        let slots: Vec<_> = self.instances.slots.iter().map(|slot| slot.borrow()).collect();
        let mut seen = endpoint.clone();
        seen.jwks.retain(|(kid, _)| {
            let publishes = |other: &Rc<Endpoint>| other.jwks.iter().any(|(published, _)| published == kid);
            slots.iter().filter_map(|slot| slot.endpoint.as_ref()).all(publishes)
        });
        seen
    }

    /// A region's instance reads its settings. False, and it goes on with those that it has, if it cannot.
    pub(super) async fn reload(&self, at: usize) -> bool {
        let reading = self.instances.readings.get() + 1;
        self.instances.readings.set(reading);
        let region = self.region(at);
        let loaded = Secrets::load(&*with_settings(region).registry, region.sealer.ring()).await;
        let Ok(secrets) = loaded.map(Arc::new) else { return false };
        self.learn(&secrets);
        let slot = &mut *self.instances.slots[at].borrow_mut();
        // Somebody else may have begun to read them later, and been faster.
        if slot.reading < reading {
            let names: Vec<_> = self.world().regions.iter().map(|region| region.name.clone()).collect();
            let (home, sealer) = (region.home.clone(), Arc::clone(&region.sealer));
            let hasher = Arc::clone(&self.deployment.hasher);
            let endpoint = Rc::new(endpoint(home, sealer, secrets, hasher, &names));
            self.instances.used.borrow_mut().push((reading, Rc::downgrade(&endpoint)));
            *slot = Slot { endpoint: Some(endpoint), reading };
        }
        true
    }

    /// Waits until nobody works with settings that were read before now: who cannot read them is closed until it can.
    pub(super) async fn wait_for_settings(&self) {
        let begun = self.instances.readings.get();
        for at in 0..self.instances.slots.len() {
            self.reload(at).await;
            let slot = &mut *self.instances.slots[at].borrow_mut();
            if slot.reading <= begun {
                *slot = Slot { endpoint: None, reading: begun };
            }
        }
        let is_busy = |(reading, used): &(u64, Weak<Endpoint>)| *reading <= begun && used.strong_count() > 0;
        while self.instances.used.borrow().iter().any(is_busy) {
            killed_after(1, std::future::pending::<()>()).await;
        }
    }

    /// Notes what identifiers are indexed by under other keys.
    pub(super) fn learn(&self, secrets: &Secrets) {
        let aliases = identifiers(secrets).into_iter().zip(&self.instances.names);
        let aliases = aliases.flat_map(|(indexes, name)| indexes.into_iter().map(|index| (index, *name)));
        self.history.borrow_mut().aliases.extend(aliases);
    }
}
