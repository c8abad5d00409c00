//! Changes an existing company, and makes new API keys.

use umoja_crypto::ApiKey;
use umoja_schema::company::ApiKeyHash;
use umoja_schema::{Company, CompanyId};

use crate::CliError;
use crate::deployment::{Changed, Regions};

/// Changes an existing company in every region.
pub(super) async fn change_known(
    deployment: &Regions,
    id: &CompanyId,
    mut change: impl FnMut(&mut Company) -> Result<(), CliError>,
) -> Result<Changed, CliError> {
    let unknown = || {
        CliError::Failed(format!(
            "there is no company {id}, or no region can read it; `umoja company list` shows all companies"
        ))
    };
    deployment
        .change_company(id, |stored| {
            let mut company = stored.ok_or_else(unknown)?;
            change(&mut company)?;
            Ok(company)
        })
        .await
}

pub(super) fn random_name(deployment: &Regions) -> String {
    hex::encode(deployment.entropy.array::<4>())
}

pub(super) fn new_api_key(deployment: &Regions) -> Result<(String, ApiKeyHash), CliError> {
    let key = ApiKey::new(&deployment.env, &random_name(deployment), deployment.entropy.array());
    let key = key.map_err(|error| CliError::Failed(error.to_string()))?;
    let hash = ApiKeyHash { id: key.id().to_owned(), sha256: key.akh(), expires_at: None };
    Ok((key.expose().to_owned(), hash))
}
