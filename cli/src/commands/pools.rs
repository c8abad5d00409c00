//! A user pool has one direction: what asks Umoja for users is not asked by Umoja.

use umoja_schema::ingest::UserPool;
use umoja_schema::{Company, CompanyId, IngestSource, OldSystem};

use super::listed::rows;
use crate::CliError;
use crate::deployment::{Regions, newest_of};

/// Rejects a pool that asks Umoja for users while it is the old system of a company.
///
/// # Errors
/// Also if no region can list its companies.
pub(super) async fn check_pool(deployment: &Regions, pool: &UserPool) -> Result<(), CliError> {
    let regions = rows::<Company>(deployment).await?;
    let companies = newest_of(regions.iter().flat_map(|(_, rows)| rows));
    let asks = |company: &&Company| company.old_system.as_ref().is_some_and(|system| pool.asks_back(system));
    match companies.values().copied().find(asks) {
        Some(Company { id, .. }) => Err(CliError::Failed(format!(
            "the pool {} is the old system of the company {id}: Umoja would ask it for passwords, and it would ask Umoja \
             back; a pool has one direction: end the other one first with `umoja company set {id} --old-system none`",
            pool.id
        ))),
        None => Ok(()),
    }
}

/// Rejects an old system of a company that is a pool that asks Umoja for users.
///
/// # Errors
/// Also if no region can list its sources.
pub(super) async fn check_old_system(
    deployment: &Regions,
    company: &CompanyId,
    system: &OldSystem,
) -> Result<(), CliError> {
    if system.pool_region().is_none() {
        return Ok(());
    }
    let regions = rows::<IngestSource>(deployment).await?;
    let sources = newest_of(regions.iter().flat_map(|(_, rows)| rows));
    let asks =
        |source: &&IngestSource| !source.is_ended() && source.pool.as_ref().is_some_and(|pool| pool.asks_back(system));
    match sources.values().copied().find(asks) {
        Some(IngestSource { id, .. }) => Err(CliError::Failed(format!(
            "--old-system {system}: the source {id} lets this pool ask Umoja for users (to-pool), and Umoja would ask it \
             back about the users of {company}; a pool has one direction: remove the source first with `umoja source \
             remove {id}`",
        ))),
        None => Ok(()),
    }
}
