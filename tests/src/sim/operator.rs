//! Operators who rotate keys, a step at a time, as the commands do: `umoja rotate index-key`, `umoja rotate signing-key` and
//! `umoja rewrap`. Whatever stops them, the command is run again.

use std::collections::BTreeSet;
use std::sync::Arc;

use umoja_reconciler::{Rewrite, RewriteReport, Rule as Behind};
use umoja_schema::{Part, PartRecord};
use umoja_store::Home;
use umoja_store::deployment::SETTINGS_WAIT_SECS;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Clock as _, EncryptionContext, KeysError, StoreError};
use umoja_store::rotation::{IndexStep, SigningStep};
use umoja_store::seal::Sealer;
use umoja_store::secrets::{Secrets, SecretsDocument, SecretsError};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};

use super::fleet::Fleet;
use super::history::{Attempt, Secret};
use super::instance::with_settings;
use super::plan::Work;
use super::rules::Rule;

/// Who is not done after so many commands, with nothing out of order, never will be.
const MAX_COMMANDS: usize = 12;

/// Why a command stopped before its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("{0:?}")]
    Shared(#[from] SharedSecretsError),
    #[error("{0:?}")]
    Secrets(#[from] SecretsError),
    #[error("{0:?}")]
    Store(#[from] StoreError),
    #[error("{0:?}")]
    Keys(#[from] KeysError),
}

impl Stopped {
    /// True if it may go better the next time.
    fn may_pass(&self, alone: bool) -> bool {
        match self {
            Self::Shared(SharedSecretsError::Region { source, .. } | SharedSecretsError::Secrets(source))
            | Self::Secrets(source) => match source {
                SecretsError::Store(error) => error.is_transient(),
                SecretsError::Absent | SecretsError::Malformed => false,
                SecretsError::Keys(_) | SecretsError::RegionMissing(_) | SecretsError::NotWrapped { .. } => true,
            },
            Self::Store(error) => error.is_transient(),
            // A request that was lost looks like it.
            Self::Shared(SharedSecretsError::Changing(_)) | Self::Keys(_) => true,
            Self::Shared(SharedSecretsError::Different(_)) => !alone,
            Self::Shared(SharedSecretsError::HashKey(_)) => false,
        }
    }
}

/// The regions as an operator reaches them.
struct Reached {
    homes: Vec<Home>,
    sealers: Vec<Sealer>,
}

impl Reached {
    fn ring(&self) -> KeyRing {
        KeyRing::new(&self.homes[0], PEER_WRAP_BUDGET_MS)
    }

    fn shared(&self) -> SharedSecrets<'_> {
        SharedSecrets::new(&self.homes, self.ring())
    }

    async fn pass(&self, rule: Behind<'_>) -> Result<RewriteReport, StoreError> {
        let mut pass = Rewrite::new(rule, self.homes.iter().zip(&self.sealers));
        while pass.step().await? {}
        Ok(pass.report().clone())
    }
}

impl Fleet {
    fn reached(&self) -> Reached {
        let homes: Vec<Home> = self.world().regions.iter().map(with_settings).collect();
        let sealer = |home: &Home| Sealer::new(KeyRing::new(home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy));
        Reached { sealers: homes.iter().map(sealer).collect(), homes }
    }

    /// A command, until one more step is done or it cannot go on. `alone` if nothing else happens meanwhile.
    pub(super) async fn operate(&self, at: usize, work: Work, alone: bool) {
        let reached = self.reached();
        let done = match work {
            Work::IndexKey => self.rotate_index(&reached, alone).await,
            Work::SigningKey => self.rotate_signing(&reached, alone).await,
            Work::Rewrap => self.rewrap(at, &reached, alone).await,
        };
        if let Err(stopped) = done {
            assert!(stopped.may_pass(alone), "operator: {work:?} can never be done: {stopped}");
        }
    }

    /// As the command waits.
    async fn every_instance_has_read(&self, alone: bool) {
        if self.without == Some(Rule::Wait) {
            return;
        }
        self.wait_for_settings().await;
        // Together with others, time would pass for them in the middle of what they do.
        if alone {
            self.world().clock.advance(SETTINGS_WAIT_SECS * 1000);
        }
    }

    async fn rotate_index(&self, reached: &Reached, alone: bool) -> Result<(), Stopped> {
        let shared = reached.shared();
        let (mut secrets, _) = shared.newest().await?;
        let step = secrets.index_step();
        if step != IndexStep::Publish {
            self.every_instance_has_read(alone).await;
            let opened = Secrets::open(&secrets, &reached.ring()).await?;
            self.learn(&opened);
            if !reached.pass(Behind::Claims(&opened)).await?.is_complete() {
                return Ok(());
            }
            let arrives = step == IndexStep::Drop && self.without != Some(Rule::Arrived);
            if arrives && !reached.pass(Behind::ClaimsArrived(&opened)).await?.is_complete() {
                return Ok(());
            }
        }
        shared.rotate_index(&mut secrets, self.world().clock.now()).await?;
        Ok(())
    }

    async fn rotate_signing(&self, reached: &Reached, alone: bool) -> Result<(), Stopped> {
        let shared = reached.shared();
        let (mut secrets, _) = shared.newest().await?;
        if secrets.signing_step() != SigningStep::Publish {
            self.every_instance_has_read(alone).await;
        }
        shared.rotate_signing(&mut secrets, self.world().clock.now()).await?;
        Ok(())
    }

    async fn rewrap(&self, at: usize, reached: &Reached, alone: bool) -> Result<(), Stopped> {
        let (shared, own) = (reached.shared(), &reached.homes[at].own);
        // A key that refuses everything looks like one that wrapped nothing.
        let context = EncryptionContext::from([("umoja:id".into(), "probe".into())]);
        let (_, wrapped) = own.keys.generate(&context).await?;
        own.keys.unwrap(&wrapped, &context).await?;
        if !shared.is_wrapped_by(&own.name).await? {
            shared.ensure(&BTreeSet::from([own.name.clone()]), self.world().clock.now()).await?;
        }
        self.every_instance_has_read(alone).await;
        let made = Attempt { at, id: None, writes: Some(Secret::Rewrapped), points: None, made: [].into() };
        let everywhere = (0..reached.homes.len()).map(|at| Attempt { at, ..made.clone() });
        self.attempts.borrow_mut().extend(everywhere);
        if reached.pass(Behind::WrappedBy(own)).await?.is_complete() {
            self.replaced.borrow_mut().remove(&at);
        }
        Ok(())
    }

    /// A region gets another KMS key, and the one before is gone. Not while anything is readable by that one only, or by
    /// one other that is gone too: nobody deletes a key then.
    pub(super) fn replace_key(&self, at: usize) {
        let others_gone = self.replaced.borrow().iter().any(|other| *other != at);
        if others_gone || !self.history.borrow().is_wrapped_everywhere() {
            return;
        }
        self.region(at).store.keys().replace().expect("a key ring in memory can be changed");
        self.replaced.borrow_mut().insert(at);
    }

    /// With nothing out of order, every command that was begun is run to its end.
    pub(super) async fn finish_operations(&self) {
        for work in [Work::Rewrap, Work::IndexKey, Work::SigningKey] {
            let mut commands = 0;
            while let Some(at) = self.unfinished(work).await {
                assert!(commands < MAX_COMMANDS, "operator: {work:?} does not come to its end");
                commands += 1;
                self.operate(at, work, true).await;
                self.note_changes();
                self.settle(true).await;
            }
        }
        for at in 0..self.world().regions.len() {
            assert!(self.reload(at).await, "operator: a region cannot read its settings");
        }
    }

    /// Where a command has still something to do.
    async fn unfinished(&self, work: Work) -> Option<usize> {
        let secrets = self.secrets().await;
        match work {
            Work::Rewrap => self.replaced.borrow().first().copied(),
            Work::IndexKey => (secrets.index_step() != IndexStep::Publish).then_some(0),
            Work::SigningKey => (secrets.signing_step() != SigningStep::Publish).then_some(0),
        }
    }

    async fn secrets(&self) -> SecretsDocument {
        self.world().secrets().await.expect("nothing is out of order")
    }

    /// Once every command has come to its end, no profile has claims of any key but the one, and every region's key
    /// opens the secrets.
    pub(super) async fn check_keys(&self) {
        let secrets = self.secrets().await;
        assert_eq!(secrets.signing_key_ids().len(), 1, "operator: more than one key is published");
        let versions = secrets.index_key_versions();
        assert_eq!(versions.len(), 1, "operator: more than one index key is live");
        for at in 0..self.world().regions.len() {
            for profile in self.history.borrow().profiles(at) {
                let current = profile.claims().values().all(|claim| claim.key_version == versions[0]);
                assert!(current, "8: {} has claims under a key that is gone", profile.id);
            }
            let name = self.world().name(at);
            let wrapped = self.world().shared_secrets().is_wrapped_by(name).await.expect("nothing is out of order");
            assert!(wrapped, "7: the key of {name} does not open the secrets");
        }
    }
}

impl super::history::History {
    /// True if all regions hold the same, and every region has wrapped each key.
    fn is_wrapped_everywhere(&self) -> bool {
        let users = self.users();
        let mut parts = users.iter().flat_map(|id| Part::ALL.map(|part| (*id, part)));
        parts.all(|(id, part)| {
            let stored: Vec<Option<&PartRecord>> =
                (0..self.regions.len()).map(|at| self.stored(at, id, part)).collect();
            let wraps = |record: &PartRecord| {
                let live = record.live();
                live.is_none_or(|live| self.regions.iter().all(|region| live.keys.contains_key(region)))
            };
            let version = |one: Option<&PartRecord>| one.map(|record| record.version.clone());
            let is_same = stored.windows(2).all(|pair| version(pair[0]) == version(pair[1]));
            is_same && stored.iter().flatten().all(|record| wraps(record))
        })
    }
}
