//! Changes an existing company.

use umoja_schema::{Company, CompanyId};

use crate::CliError;
use crate::deployment::{Changed, Regions};

/// Changes an existing company in every region.
pub(super) async fn change_known(
    deployment: &Regions,
    id: &CompanyId,
    mut change: impl FnMut(&mut Company) -> Result<(), CliError>,
) -> Result<Changed<Company>, CliError> {
    let unknown = || {
        CliError::Failed(format!(
            "there is no company {id}, or no region can read it; `umoja company list` shows all companies"
        ))
    };
    deployment
        .change(id, |stored: Option<Company>| {
            let mut company = stored.ok_or_else(unknown)?;
            change(&mut company)?;
            Ok(company)
        })
        .await
}
