//! Reads or changes an existing company.

use umoja_schema::{Company, CompanyId};

use crate::CliError;
use crate::deployment::{Changed, Regions};

/// The newest document of a company.
pub(in crate::commands) async fn known(deployment: &Regions, id: &CompanyId) -> Result<Company, CliError> {
    deployment.company(id).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: &CompanyId) -> CliError {
    CliError::Failed(format!(
        "there is no company {id}, or no region can read it; `umoja company list` shows all companies"
    ))
}

/// Changes an existing company in every region.
pub(super) async fn change_known(
    deployment: &Regions,
    id: &CompanyId,
    mut change: impl FnMut(&mut Company) -> Result<(), CliError>,
) -> Result<Changed<Company>, CliError> {
    deployment
        .change(id, |stored: Option<Company>| {
            let mut company = stored.ok_or_else(|| unknown(id))?;
            change(&mut company)?;
            Ok(company)
        })
        .await
}
