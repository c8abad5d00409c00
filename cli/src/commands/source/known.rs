//! Changes an existing source, and checks what it may have.

use std::path::Path;

use serde_json::Value;
use umoja_migrate::formats::{Events, Mapping};
use umoja_schema::ingest::Allowed;
use umoja_schema::{Company, IngestSource, Region, Scope, SourceId, SourceKind};

use crate::commands::inbox;
use crate::commands::known::unknown;
pub(super) use crate::commands::known::{change_known, known};
use crate::deployment::Regions;
use crate::{CliError, files};

/// The newest document of a source, also of one that was removed. `None` if there is none, and a region's inbox has
/// events of such a source.
pub(super) async fn is_known(deployment: &Regions, id: &SourceId) -> Result<Option<IngestSource>, CliError> {
    if let Some(source) = deployment.document(id).await? {
        return Ok(Some(source));
    }
    for region in &deployment.list {
        let counted = inbox::count(region, deployment.clock.now()).await;
        if counted.is_ok_and(|counted| counted.sources.contains_key(id)) {
            return Ok(None);
        }
    }
    Err(unknown(id))
}

/// Rejects what the company of the source may not do itself.
pub(super) fn check_allowed(company: &Company, allowed: Allowed) -> Result<(), CliError> {
    let needed = [(allowed.disable, "--may-disable", Scope::Status), (allowed.erase, "--may-erase", Scope::Erase)];
    for (is_asked, option, scope) in needed {
        if is_asked && !company.may(scope) {
            return Err(CliError::Failed(format!(
                "{option}: the company {0} has no scope {1}; a source may do no more than its company, whose scopes \
                 `umoja company set {0} --scopes` sets",
                company.id,
                scope.as_str()
            )));
        }
    }
    Ok(())
}

/// The most characters of the topic of the legacy form.
const MAX_TOPIC: usize = 256;

/// Rejects the legacy form of events where it has no meaning: for another kind, and for a source that signs.
pub(super) fn check_legacy(kind: SourceKind, signs: bool, topic: Option<&str>) -> Result<(), CliError> {
    let Some(topic) = topic else { return Ok(()) };
    if kind != SourceKind::Auth0 {
        return Err(CliError::Usage("--legacy-get goes with the kind auth0: it is a form of its old Actions".into()));
    }
    if signs {
        return Err(CliError::Usage(
            "a GET in the legacy form cannot be signed: a source that signs its events does not use it".into(),
        ));
    }
    if topic.is_empty() || topic.chars().count() > MAX_TOPIC || topic.chars().any(char::is_control) {
        return Err(CliError::Usage(format!("a topic has 1 to {MAX_TOPIC} characters that can be printed")));
    }
    Ok(())
}

/// Rejects a home that is no region of the deployment.
pub(super) fn check_home(deployment: &Regions, home: &Region) -> Result<(), CliError> {
    deployment.get(home).map(drop)
}

/// Reads the mapping of a source, which a source of the kind `generic` has, and no other.
pub(super) fn mapping(kind: SourceKind, path: Option<&Path>) -> Result<Option<Value>, CliError> {
    let Some(path) = path else {
        return match kind {
            SourceKind::Generic => Err(CliError::Usage("a source of the kind generic needs --mapping FILE".into())),
            _ => Ok(None),
        };
    };
    if kind != SourceKind::Generic {
        return Err(CliError::Usage(format!(
            "--mapping goes with the kind generic; Umoja reads what a source of the kind {} posts without one",
            kind.as_str()
        )));
    }
    files::parsed(path, |bytes| {
        Events::of(&Mapping::parse(bytes)?)?;
        Ok::<_, Box<dyn std::error::Error>>(Some(serde_json::from_slice(bytes)?))
    })
}
