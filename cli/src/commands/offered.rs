//! The providers that a page offers, as an option names them.

use umoja_schema::{IdError, LoginProviderId};

use super::known::known;
use crate::CliError;
use crate::deployment::Regions;

/// A provider; none for `none`, which takes all away.
pub(super) type Offered = Option<LoginProviderId>;

/// Reads the value of an option.
pub(super) fn offered(text: &str) -> Result<Offered, String> {
    if text == "none" { Ok(None) } else { text.parse().map(Some).map_err(|error: IdError| error.to_string()) }
}

/// Rejects providers that there are not.
pub(super) async fn check_offered(deployment: &Regions, given: &[Offered]) -> Result<(), CliError> {
    for id in given.iter().flatten() {
        known(deployment, id).await?;
    }
    Ok(())
}

/// Writes what was given into a document. What is not given stays.
pub(super) fn replace_offered(providers: &mut Vec<LoginProviderId>, given: &[Offered]) {
    if !given.is_empty() {
        *providers = given.iter().flatten().cloned().collect();
    }
}
