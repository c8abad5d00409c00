//! Each region's API instance: it has the secrets that it read last, or is closed until it can read them.
//!
//! A real instance works with settings that are at most a minute old, and rejects requests when it cannot read newer
//! ones. A command that changes settings waits for longer than that. In a run, an instance reads its settings in a step
//! of the plan, and a change of settings waits until every instance has read them or is closed, and until all work
//! under older settings has ended.

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

/// A region as the operator reaches it: its settings are unreachable when its tables are.
pub(super) fn with_settings(region: &WorldRegion) -> Home {
    let registry: Arc<dyn Registry> = Arc::clone(&region.tables.registry);
    Home { registry: Arc::new(Faulty::new(registry, Arc::clone(&region.faults.tables))), ..region.home.clone() }
}

impl Fleet {
    /// The current instance of a region, which the caller holds until the answer has arrived. A closed instance reads
    /// its settings first. `None` if it cannot.
    pub(super) async fn instance(&self, at: usize) -> Option<Rc<Endpoint>> {
        if self.instances.slots[at].borrow().endpoint.is_none() {
            self.reload(at).await;
        }
        self.instances.slots[at].borrow().endpoint.clone()
    }

    /// A region's API for a caller that has read the public keys of any region: only the keys that all publish are
    /// certain.
    pub(super) fn published(&self, endpoint: &Endpoint) -> Endpoint {
        let slots: Vec<_> = self.instances.slots.iter().map(|slot| slot.borrow()).collect();
        let mut seen = endpoint.clone();
        seen.jwks.retain(|(kid, _)| {
            let publishes = |other: &Rc<Endpoint>| other.jwks.iter().any(|(published, _)| published == kid);
            slots.iter().filter_map(|slot| slot.endpoint.as_ref()).all(publishes)
        });
        seen
    }

    /// A region's instance reads its settings. If it cannot, it continues with its current ones and this returns false.
    pub(super) async fn reload(&self, at: usize) -> bool {
        let reading = self.instances.readings.get() + 1;
        self.instances.readings.set(reading);
        let region = self.region(at);
        let loaded = Secrets::load(&*with_settings(region).registry, region.sealer.ring()).await;
        let Ok(secrets) = loaded.map(Arc::new) else { return false };
        self.learn(&secrets);
        let slot = &mut *self.instances.slots[at].borrow_mut();
        // Another task may have begun to read the settings later, but finished earlier.
        if slot.reading < reading {
            let names: Vec<_> = self.world().regions.iter().map(|region| region.name.clone()).collect();
            let (home, sealer) = (region.home.clone(), Arc::clone(&region.sealer));
            let with = (Arc::clone(&self.deployment.hasher), Arc::clone(&self.deployment.mail));
            let endpoint = Rc::new(endpoint(home, sealer, Arc::clone(&secrets), with, &names));
            self.instances.used.borrow_mut().push((reading, Rc::downgrade(&endpoint)));
            *slot = Slot { endpoint: Some(endpoint), secrets: Some(secrets), reading };
        }
        true
    }

    /// Waits until no instance works with settings that were read before now. An instance that cannot read them is
    /// closed.
    pub(super) async fn wait_for_settings(&self) {
        let begun = self.instances.readings.get();
        for at in 0..self.instances.slots.len() {
            self.reload(at).await;
            let slot = &mut *self.instances.slots[at].borrow_mut();
            if slot.reading <= begun {
                *slot = Slot { endpoint: None, secrets: None, reading: begun };
            }
        }
        let is_busy = |(reading, used): &(u64, Weak<Endpoint>)| *reading <= begun && used.strong_count() > 0;
        while self.instances.used.borrow().iter().any(is_busy) {
            killed_after(1, std::future::pending::<()>()).await;
        }
    }

    /// Records the indexes of identifiers under other keys.
    pub(super) fn learn(&self, secrets: &Secrets) {
        let aliases = identifiers(secrets).into_iter().zip(&self.instances.names);
        let aliases = aliases.flat_map(|(indexes, name)| indexes.into_iter().map(|index| (index, *name)));
        self.history.borrow_mut().aliases.extend(aliases);
    }
}
