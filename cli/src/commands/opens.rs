//! Whether each region opens what it holds with its own KMS key alone. That another region's key opens it hides a lost
//! key until the other region is gone. Only data keys are unwrapped: no user's data is opened.

use serde::Serialize;
use umoja_schema::{Body, PartRecord};
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::seal::{SealError, Sealer};
use umoja_store::secrets::{SecretsDocument, SecretsError};

use crate::deployment::DeployedRegion;
use crate::deployment::secrets::WRAP_BUDGET_MS;

/// How many of the newest and how many of the first parts of a region are opened.
const SAMPLE: usize = 20;

/// The parts that are opened: the newest ones, and the first ones in the order of the table, which in a directory are
/// those that were written first.
#[derive(Default)]
pub(super) struct Sample {
    first: Vec<PartRecord>,
    /// The newest one first.
    newest: Vec<PartRecord>,
}

/// What a region's own key opened.
#[derive(Debug, Default, Serialize)]
pub(super) struct Opens {
    /// Whether it opened the deployment's secrets.
    secrets: bool,
    /// How many parts it had to open.
    parts: u64,
    /// How many of them it did not open although the region has a wrapped key.
    unopened: u64,
    /// Whether these credentials may not open users' data keys, so that no part was opened.
    parts_denied: bool,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Sample {
    /// Takes in a part, in the order of the table. Parts without a wrapped key of the region are counted elsewhere.
    pub(super) fn add(&mut self, region: &DeployedRegion, record: &PartRecord) {
        let Body::Live(live) = &record.body else { return };
        if !live.keys.contains_key(region.name()) {
            return;
        }
        if self.first.len() < SAMPLE {
            self.first.push(record.clone());
            return;
        }
        let at = self.newest.partition_point(|newer| newer.version > record.version);
        if at < SAMPLE {
            self.newest.insert(at, record.clone());
            self.newest.truncate(SAMPLE);
        }
    }

    /// Reads the parts of a region.
    ///
    /// # Errors
    /// If the region fails. An unreadable part is counted elsewhere.
    pub(super) async fn of(region: &DeployedRegion) -> Result<Self, StoreError> {
        let (mut sample, mut after) = (Self::default(), None);
        loop {
            let page = region.home.own.users.scan(after, 1000).await?;
            page.records.iter().for_each(|record| sample.add(region, record));
            after = page.next;
            if after.is_none() {
                return Ok(sample);
            }
        }
    }

    /// The first parts alone, which cost one page.
    ///
    /// # Errors
    /// If the region fails.
    pub(super) async fn of_first(region: &DeployedRegion) -> Result<Self, StoreError> {
        let mut sample = Self::default();
        let page = region.home.own.users.scan(None, SAMPLE).await?;
        page.records.iter().for_each(|record| sample.add(region, record));
        Ok(sample)
    }

    /// Opens the deployment's secrets and the parts with the region's own key.
    pub(super) async fn open(&self, region: &DeployedRegion) -> Opens {
        let home = &region.home;
        let ring = KeyRing::new(home, WRAP_BUDGET_MS);
        let mut opens = Opens::default();
        match secrets(region, &ring).await {
            Ok(opened) => opens.secrets = opened,
            Err(error) => opens.error = Some(error.to_string()),
        }
        let sealer = Sealer::new(ring, home.entropy.clone());
        for record in self.first.iter().chain(&self.newest) {
            if opens.error.is_some() {
                break;
            }
            match sealer.is_wrapped_by(record, &home.own).await {
                Ok(true) => opens.parts += 1,
                Ok(false) | Err(SealError::Opaque | SealError::Keys(KeysError::Rejected)) => {
                    opens.parts += 1;
                    opens.unopened += 1;
                }
                // A region that runs the newer version opens it.
                Err(SealError::Newer) => {}
                Err(SealError::Keys(KeysError::Denied)) => {
                    opens.parts_denied = true;
                    break;
                }
                Err(error @ SealError::Keys(_)) => opens.error = Some(error.to_string()),
            }
        }
        opens
    }
}

async fn secrets(region: &DeployedRegion, ring: &KeyRing) -> Result<bool, SecretsError> {
    let document = SecretsDocument::stored(&*region.home.registry).await?.ok_or(SecretsError::Absent)?;
    document.is_wrapped_by(ring, region.name()).await
}

impl Opens {
    /// What needs an operator's attention.
    pub(super) fn attention(&self, region: &DeployedRegion) -> Vec<String> {
        let name = region.name();
        if let Some(error) = &self.error {
            return vec![format!("{name}: whether its own key opens the secrets and the parts is not known: {error}")];
        }
        let advice = format!(
            "as long as another region's key opens them, `umoja re-encrypt {name}` repairs that; remove no region \
             before"
        );
        let mut said = Vec::new();
        if !self.secrets {
            said.push(format!("{name}: its own key does not open the deployment's secrets; {advice}"));
        }
        if self.unopened > 0 {
            let Self { parts, unopened, .. } = self;
            said.push(format!("{name}: its own key does not open {unopened} of {parts} sampled parts; {advice}"));
        }
        said
    }

    /// For the table of `status`.
    pub(super) fn text(&self) -> String {
        match (&self.error, self.secrets, self.unopened) {
            (Some(error), _, _) => format!("not known: {error}"),
            (None, true, _) if self.parts_denied => "the secrets; these credentials may not open parts".to_owned(),
            (None, true, 0) => format!("the secrets and {} sampled parts", self.parts),
            (None, true, unopened) => format!("the secrets, and not {unopened} of {} sampled parts", self.parts),
            (None, false, unopened) => format!("NOT the secrets, and not {unopened} of {} sampled parts", self.parts),
        }
    }
}
