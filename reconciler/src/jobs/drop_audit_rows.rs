//! Dropping rows of the audit trail past their retention.

use umoja_schema::Millis;
use umoja_store::RegionPorts;
use umoja_store::ports::StoreError;

use super::pass::Pass;
use super::watch::{Event, Watch};
use super::{JobError, Worker};
use crate::AuditDrop;

/// Drops rows of a region's audit trail that were written before a time; returns how many. The settings of every region
/// must first say that they may be missing.
///
/// # Errors
/// If the region fails.
pub async fn drop_rows(worker: &Worker<'_>, region: &RegionPorts, before: Millis) -> Result<u64, JobError> {
    let mut passing = Passing { pass: AuditDrop::new(region, before), region };
    let driven = worker.drive(&mut passing, None).await;
    driven.map_err(|source| JobError::Stopped { at: region.name.to_string(), source })?;
    Ok(passing.pass.dropped())
}

struct Passing<'a> {
    pass: AuditDrop<'a>,
    region: &'a RegionPorts,
}

impl Pass for Passing<'_> {
    type Place = ();

    async fn step(&mut self) -> Result<bool, StoreError> {
        self.pass.page().await
    }

    fn written(&self) -> u64 {
        self.pass.dropped()
    }

    fn report_progress(&self, watch: &dyn Watch, _ms: u64) {
        watch.see(&Event::DroppingRows { region: &self.region.name, rows: self.pass.dropped() });
    }

    fn at(&self) -> String {
        self.region.name.to_string()
    }
}
