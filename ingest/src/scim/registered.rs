//! The sources that a deployment has, as its settings hold them.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::{Company, CompanyId, IngestSource};
use umoja_store::ports::{Clock, Registry, StoreError};
use umoja_store::remembered::Remembered;

use super::directory::Sources;

type Known = (Arc<Company>, Vec<IngestSource>);

/// The sources in the settings of a region. What was read is used for some seconds.
pub struct Registered {
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    // Only companies that exist enter it, so a flood of invented names evicts none.
    known: Remembered<CompanyId, Known>,
}

impl Registered {
    /// The sources in these settings.
    pub fn new(registry: Arc<dyn Registry>, clock: Arc<dyn Clock>) -> Self {
        Self { registry, clock, known: Remembered::default() }
    }
}

#[async_trait]
impl Sources for Registered {
    async fn of(&self, company: &CompanyId) -> Result<Option<Known>, StoreError> {
        let now = self.clock.now();
        if let Some((_, known)) = self.known.get(company, now) {
            return Ok(Some((*known).clone()));
        }
        let Some(stored) = self.registry.company(company).await? else { return Ok(None) };
        let documents = self.registry.settings(IngestSource::SETTINGS).await?;
        let sources = documents.into_iter().filter_map(|(name, document)| {
            let source: IngestSource = serde_json::from_value(document).ok()?;
            (source.company == *company && IngestSource::setting(&source.id) == name).then_some(source)
        });
        let known = Arc::new((Arc::new(stored), sources.collect()));
        self.known.remember(company.clone(), &(now, Arc::clone(&known)));
        Ok(Some((*known).clone()))
    }
}
