//! Proving the items of every region again after the secret of proofs was rotated.

use serde::{Deserialize, Serialize};
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::ports::StoreError;

use super::pass::Pass;
use super::watch::{Event, Watch};
use super::{JobError, Kept, Worker};
use crate::proving::{Proving, ProvingReport};

/// Proves every item of a region by the newest version of the secret, which is `version`. It continues from the
/// checkpoint of an interrupted run.
///
/// # Errors
/// If the region fails.
pub async fn prove(worker: &Worker<'_>, home: &Home, version: u32) -> Result<ProvingReport, JobError> {
    let kept = Kept::new(home, &format!("proof/{version}"));
    let mut passing = Passing { proving: Proving::new(home), region: &home.own.name };
    worker.resume(&mut passing, &kept).await;
    let driven = worker.drive(&mut passing, Some(&kept)).await;
    driven.map_err(|source| JobError::Stopped { at: home.own.name.to_string(), source })?;
    Ok(*passing.proving.report())
}

struct Passing<'a> {
    proving: Proving<'a>,
    region: &'a Region,
}

#[derive(Serialize, Deserialize)]
struct Place {
    table: String,
    after: Option<String>,
}

impl Pass for Passing<'_> {
    type Place = Place;

    async fn step(&mut self) -> Result<bool, StoreError> {
        self.proving.step().await
    }

    fn written(&self) -> u64 {
        self.proving.report().proved
    }

    fn report_progress(&self, watch: &dyn Watch, _ms: u64) {
        watch.see(&Event::Proving { region: self.region, report: self.proving.report() });
    }

    fn at(&self) -> String {
        self.region.to_string()
    }

    fn place(&self) -> Option<Place> {
        let (table, after) = self.proving.place()?;
        Some(Place { table: table.to_owned(), after: after.map(str::to_owned) })
    }

    fn go_to(&mut self, place: Place) -> bool {
        self.proving.go_to(&place.table, place.after)
    }
}
