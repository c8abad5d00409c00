//! Operators who rotate keys, a step at a time, as the commands do: `umoja rotate index-key`, `umoja rotate
//! signing-key`, `umoja rotate proof-key --retire` and `umoja re-encrypt`. A command that stops early is run again.

use std::sync::Arc;

use umoja_reconciler::jobs::reencrypt::Behind;
use umoja_reconciler::jobs::rotate::{self, Operator, Regions, Until};
use umoja_reconciler::{Proving, Reencryption, ReencryptionReport, Rule as Reencrypting, prove_documents};
use umoja_schema::{Millis, Part, PartRecord};
use umoja_store::Home;
use umoja_store::deployment::SETTINGS_WAIT_SECS;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Clock as _, KeysError, StoreError};
use umoja_store::rotation::{IndexStep, ProofStep, SigningStep};
use umoja_store::seal::Sealer;
use umoja_store::secrets::{SecretsDocument, SecretsError};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};

use super::fleet::Fleet;
use super::history::{Attempt, Secret};
use super::plan::Work;
use super::reload::with_settings;
use super::rules::Rule;

/// Work that is not done after this number of commands, with all services working, never ends.
const MAX_COMMANDS: usize = 12;

/// The reason that a command stopped before its end.
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

/// A command, as the simulation runs it: until one more step is done.
struct Command<'a> {
    fleet: &'a Fleet,
    reached: &'a Reached,
    /// True if no other task runs meanwhile.
    alone: bool,
}

impl Operator for Command<'_> {
    type Error = Stopped;

    async fn regions(&self) -> Result<Regions, Stopped> {
        let homes = self.reached.homes.clone();
        Ok(Regions { homes, first: 0, wrap_budget_ms: PEER_WRAP_BUDGET_MS })
    }

    fn now(&self) -> Millis {
        self.fleet.world().clock.now()
    }

    async fn wait(&self, _until: Until, _more_secs: u64) -> Result<(), Stopped> {
        self.fleet.every_instance_has_read(self.alone).await;
        Ok(())
    }

    async fn nothing_is_behind(&self, behind: Behind<'_>, _step: IndexStep) -> Result<bool, Stopped> {
        let rule = match behind {
            Behind::Ownerships(secrets) => {
                self.fleet.learn(secrets);
                Reencrypting::Ownerships(secrets)
            }
            Behind::OwnershipsArrived(_) if self.fleet.without == Some(Rule::Arrived) => return Ok(true),
            Behind::OwnershipsArrived(secrets) => Reencrypting::OwnershipsArrived(secrets),
            Behind::WrappedBy(region) | Behind::ReadAndWrappedBy(region) => {
                self.fleet.note_reencrypting();
                let homes = &self.reached.homes;
                let own = homes.iter().map(|home| &home.own).find(|own| own.name == *region);
                Reencrypting::WrappedBy(own.expect("a region of the deployment"))
            }
        };
        Ok(self.reached.pass(rule).await?.is_complete())
    }
}

impl Stopped {
    /// True if a retry may succeed.
    fn may_pass(&self, alone: bool) -> bool {
        match self {
            Self::Shared(SharedSecretsError::Region { source, .. } | SharedSecretsError::Secrets(source))
            | Self::Secrets(source) => match source {
                SecretsError::Store(error) => error.is_transient(),
                SecretsError::Absent
                | SecretsError::Malformed
                | SecretsError::Unverified
                | SecretsError::Unopened { .. }
                | SecretsError::Ambiguous { .. } => false,
                SecretsError::Keys(_) | SecretsError::RegionMissing(_) | SecretsError::NotWrapped { .. } => true,
            },
            // Anti-entropy repairs what an attacker changed.
            Self::Store(error) => error.is_transient() || matches!(error, StoreError::Unreadable(_)),
            // A lost request looks the same.
            Self::Shared(SharedSecretsError::Changing(_)) | Self::Keys(_) => true,
            Self::Shared(SharedSecretsError::Different(_)) => !alone,
            Self::Shared(SharedSecretsError::HashKeyId(_) | SharedSecretsError::HashKeyLength(_)) => false,
        }
    }
}

/// The regions as the operator reaches them.
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

    async fn pass(&self, rule: Reencrypting<'_>) -> Result<ReencryptionReport, StoreError> {
        let mut pass = Reencryption::new(rule, self.homes.iter().zip(&self.sealers));
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

    /// Runs a command until one more step is done or it cannot continue. `alone` if no other task runs meanwhile.
    pub(super) async fn operate(&self, at: usize, work: Work, alone: bool) {
        let reached = self.reached();
        let command = Command { fleet: self, reached: &reached, alone };
        let done = match work {
            Work::IndexKey => self.rotate_index(&command).await,
            Work::SigningKey => self.rotate_signing(&command).await,
            Work::Reencrypt => self.reencrypt(at, &command).await,
            Work::ProofKey => self.rotate_proof(&command).await,
        };
        if let Err(stopped) = done {
            assert!(stopped.may_pass(alone), "operator: {work:?} can never be done: {stopped}");
        }
    }

    /// Waits as the command does.
    async fn every_instance_has_read(&self, alone: bool) {
        if self.without == Some(Rule::Wait) {
            return;
        }
        self.wait_for_settings().await;
        // If other tasks run, time must not pass in the middle of them.
        if alone {
            self.world().clock.advance(SETTINGS_WAIT_SECS * 1000);
        }
    }

    async fn rotate_index(&self, command: &Command<'_>) -> Result<(), Stopped> {
        let (mut secrets, _) = command.reached.shared().newest().await?;
        rotate::index_key(command, &mut secrets).await?;
        Ok(())
    }

    async fn rotate_signing(&self, command: &Command<'_>) -> Result<(), Stopped> {
        let (mut secrets, _) = command.reached.shared().newest().await?;
        rotate::signing_key(command, &mut secrets).await?;
        Ok(())
    }

    /// Publishes a new version of the secret of proofs, or proves all items by it and then retires the older versions.
    async fn rotate_proof(&self, command: &Command<'_>) -> Result<(), Stopped> {
        let (mut secrets, _) = command.reached.shared().newest().await?;
        if secrets.proof_step() == ProofStep::Publish {
            rotate::proof_key(command, &mut secrets).await?;
            return Ok(());
        }
        rotate::proof_is_used(command).await?;
        let mut left = 0;
        for home in &command.reached.homes {
            let mut proving = Proving::new(home);
            while proving.step().await? {}
            left += proving.report().unreadable + proving.report().overtaken;
            prove_documents(home).await?;
        }
        // What other tasks write meanwhile may still be proved by an older version.
        if command.alone && left == 0 {
            self.has_retired.set(true);
            rotate::proof_key(command, &mut secrets).await?;
        }
        Ok(())
    }

    async fn reencrypt(&self, at: usize, command: &Command<'_>) -> Result<(), Stopped> {
        let own = &command.reached.homes[at].own;
        rotate::check_is_usable(&*own.keys).await?;
        if rotate::kms_key(command, &own.name, command.reached.ring()).await?.done {
            self.replaced.borrow_mut().remove(&at);
        }
        Ok(())
    }

    /// Parts may be re-encrypted in every region from now on.
    fn note_reencrypting(&self) {
        let writes = Some(Secret::Reencrypted);
        let everywhere = (0..self.world().regions.len()).map(|at| Attempt {
            at,
            id: None,
            writes: writes.clone(),
            points: None,
            made: [].into(),
        });
        self.attempts.borrow_mut().extend(everywhere);
    }

    /// Replaces a region's KMS key and deletes the one before. Skipped while any part is readable only by that key, or
    /// by one other that is gone too, because no operator deletes a key then.
    pub(super) fn replace_key(&self, at: usize) {
        let others_gone = self.replaced.borrow().iter().any(|other| *other != at);
        if others_gone || !self.history.borrow().is_wrapped_everywhere() {
            return;
        }
        self.region(at).store.keys().replace().expect("a key ring in memory can be changed");
        self.replaced.borrow_mut().insert(at);
    }

    /// Runs every started command to its end, with all services working.
    pub(super) async fn finish_operations(&self) {
        for work in [Work::Reencrypt, Work::IndexKey, Work::SigningKey, Work::ProofKey] {
            let mut commands = 0;
            while let Some(at) = self.unfinished(work).await {
                assert!(commands < MAX_COMMANDS, "operator: {work:?} does not end");
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

    /// The work that is left for a command.
    async fn unfinished(&self, work: Work) -> Option<usize> {
        let secrets = self.secrets().await;
        match work {
            Work::Reencrypt => self.replaced.borrow().first().copied(),
            Work::IndexKey => (secrets.index_step() != IndexStep::Publish).then_some(0),
            Work::SigningKey => (secrets.signing_step() != SigningStep::Publish).then_some(0),
            Work::ProofKey => (secrets.proof_step() != ProofStep::Publish).then_some(0),
        }
    }

    async fn secrets(&self) -> SecretsDocument {
        self.world().secrets().await.expect("all services work")
    }

    /// Once every command has ended, all ownerships of all profiles have the one index key, and every region's KMS key
    /// decrypts the secrets.
    pub(super) async fn check_keys(&self) {
        let secrets = self.secrets().await;
        assert_eq!(secrets.signing_key_ids().len(), 1, "operator: more than one key is published");
        let versions = secrets.index_key_versions();
        assert_eq!(versions.len(), 1, "operator: more than one index key is live");
        for at in 0..self.world().regions.len() {
            // A retired version of the secret of proofs verifies nothing any more.
            self.region(at).tables.proofs.reload().await.expect("all services work");
            for profile in self.history.borrow().profiles(at) {
                let current = profile.ownerships().values().all(|ownership| ownership.key_version == versions[0]);
                assert!(current, "8: {} has ownerships under a key that is gone", profile.id);
            }
            let name = self.world().name(at);
            let wrapped = self.world().shared_secrets().is_wrapped_by(name).await.expect("all services work");
            assert!(wrapped, "7: the key of {name} does not decrypt the secrets");
        }
    }
}

impl super::history::History {
    /// True if all regions are equal, and every region has wrapped each data key.
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
