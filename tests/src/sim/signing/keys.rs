//! The keys that sign, and what each region has read and signed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;

use umoja_crypto::{Algorithm, SigningKey};
use umoja_schema::{Millis, OidcAlgorithm, OidcKey, OidcKeySet};
use umoja_store::oidc_keys::OidcKeys;
use umoja_store::ports::Clock as _;
use umoja_store::secrets::SealedFor;

use crate::world::{World, WorldRegion};

/// Keys for all runs, because making them takes longer than a run.
static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    let make = |algorithm| SigningKey::generate(algorithm).expect("a key is made");
    (0..8).map(|_| make(Algorithm::Es256)).chain((0..2).map(|_| make(Algorithm::Rs256))).collect()
});

/// The keys of a region, and when they were read.
pub(in crate::sim) type Read = (Millis, Rc<OidcKeys>);

/// What each region has read, and what it has signed.
pub(in crate::sim) struct Signers {
    pub(in crate::sim) read: Vec<RefCell<Option<Read>>>,
    pub(in crate::sim) tokens: RefCell<Vec<(String, Millis)>>,
}

/// The key of a number, made at a time.
pub(in crate::sim) fn key(region: &WorldRegion, number: usize, at: Millis) -> OidcKey {
    let key = &KEYS[number];
    let sealed = region.secrets().seal_oidc(SealedFor::Key, &*region.home.entropy, key.private_key_der());
    OidcKey { kid: key.kid().to_owned(), public: key.jwk(), sealed: Some(sealed), created_at: at, retired_at: None }
}

impl Signers {
    /// Regions with keys of which the next ones have been published for long.
    pub(super) async fn new(world: &World, is_on: bool) -> Self {
        let signers =
            Self { read: world.regions.iter().map(|_| RefCell::default()).collect(), tokens: RefCell::default() };
        if is_on {
            for (algorithm, first) in [(OidcAlgorithm::Es256, 0), (OidcAlgorithm::Rs256, 8)] {
                let made = |number| key(&world.regions[0], number, Millis(world.clock.now().0 - 8 * Millis::DAY_MS));
                put(world, &OidcKeySet::new(algorithm, made(first), made(first + 1))).await;
            }
        }
        signers
    }
}

impl Signers {
    /// A token that a region has signed, and when it ends.
    pub(in crate::sim) fn keep(&self, token: String, ends: Millis) {
        self.tokens.borrow_mut().push((token, ends));
    }
}

async fn put(world: &World, keys: &OidcKeySet) {
    let document = serde_json::to_value(keys).expect("keys are JSON");
    for region in &world.regions {
        let stored = region.tables.registry.put_setting(&OidcKeySet::setting(&keys.id), &document).await;
        stored.expect("settings can be written");
    }
}
