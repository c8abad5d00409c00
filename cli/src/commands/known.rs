//! Reads or changes a document that exists: a company, a source, a webhook, a target.

use crate::CliError;
use crate::deployment::{Changed, Document, Names, Regions};

/// The newest document with this id. One that an operator has ended counts as absent.
pub(super) async fn known<I: Names>(deployment: &Regions, id: &I) -> Result<I::Document, CliError> {
    let stored: Option<I::Document> = deployment.document(id).await?;
    stored.filter(|document| !document.is_ended()).ok_or_else(|| unknown(id))
}

/// Changes an existing document in every region.
pub(super) async fn change_known<I: Names>(
    deployment: &Regions,
    id: &I,
    mut change: impl FnMut(&mut I::Document) -> Result<(), CliError>,
) -> Result<Changed<I::Document>, CliError> {
    deployment
        .change(id, |stored: Option<I::Document>| {
            let mut document = stored.filter(|document| !document.is_ended()).ok_or_else(|| unknown(id))?;
            change(&mut document)?;
            Ok(document)
        })
        .await
}

/// That there is no document with this id.
pub(super) fn unknown<I: Names>(id: &I) -> CliError {
    let (name, all) = (I::Document::NAME, I::Document::PLURAL);
    CliError::Failed(format!("there is no {name} {id}, or no region can read it; `umoja {name} list` shows all {all}"))
}
