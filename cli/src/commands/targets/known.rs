//! What the commands about targets have in common.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use umoja_crypto::WebhookSecret;
use umoja_provisioner::Provisioner;
use umoja_provisioner::targets::KnownTarget;
use umoja_schema::{Region, Target, TargetKind};
use umoja_store::keyring::KeyRing;
use umoja_store::secrets::Secrets;

pub(super) use crate::commands::known::{change_known, known};
use crate::deployment::secrets::WRAP_BUDGET_MS;
use crate::deployment::{DeployedRegion, Regions};
use crate::server::outbound;
use crate::{CliError, files};

/// The deployment's secrets.
pub(in crate::commands) async fn secrets(region: &DeployedRegion) -> Result<Secrets, CliError> {
    region.secrets(&KeyRing::new(&region.home, WRAP_BUDGET_MS)).await
}

/// A target as its home delivers to it.
pub(in crate::commands) struct AtHome {
    pub(in crate::commands) provisioner: Provisioner,
    pub(in crate::commands) known: Arc<KnownTarget>,
}

impl AtHome {
    /// Opens a target in its home.
    pub(in crate::commands) async fn open(
        deployment: &Regions,
        target: Target,
        loopback: bool,
    ) -> Result<Self, CliError> {
        let region = deployment.get(&target.home)?;
        let people = region.people_within(WRAP_BUDGET_MS).await?;
        let id = target.id.clone();
        let known = KnownTarget::open(target, &people.secrets);
        let known = Arc::new(known.map_err(|error| CliError::Failed(format!("the target {id}: {error}")))?);
        Ok(Self { provisioner: Provisioner::new(people, outbound(loopback)), known })
    }
}

/// An error of a delivery or a comparison.
pub(super) fn failed(error: umoja_accounts::Error) -> CliError {
    CliError::Failed(error.to_string())
}

/// Rejects a home that is no region of the deployment.
pub(super) fn check_home(deployment: &Regions, home: &Region) -> Result<(), CliError> {
    deployment.get(home).map(drop)
}

/// Reads the bearer token of a target, or the secrets of the kind `webhook`.
pub(super) fn token(kind: TargetKind, path: &Path) -> Result<String, CliError> {
    files::parsed(path, |bytes| {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?.trim();
        if kind == TargetKind::Webhook {
            let secrets: Vec<&str> = text.split_whitespace().collect();
            if secrets.is_empty() || secrets.iter().any(|secret| WebhookSecret::read(secret).is_none()) {
                return Err("a secret is whsec_ and 32 bytes in base64; while it is replaced, give both");
            }
            return Ok(secrets.join(" "));
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is one word of ASCII");
        }
        Ok(text.to_owned())
    })
}

/// Checks what an operator gives.
pub(super) fn check(mapping: &Value, scope: Option<&Value>) -> Result<(), CliError> {
    KnownTarget::check(mapping, scope).map_err(|error| CliError::Failed(error.to_string()))
}

/// A target for programs, without secrets.
pub(super) fn settings(target: &Target) -> Value {
    json!({
        "id": target.id,
        "revision": target.revision,
        "company": target.company,
        "kind": target.kind,
        "url": target.url,
        "home": target.home,
        "epoch": target.epoch,
        "enabled": target.enabled,
        "has_token": target.token.is_some(),
        "mapping": target.mapping,
        "scope": target.scope,
        "deprovisioning": target.deprovisioning,
        "rate": target.rate,
        "removed": target.removed,
        "removals_until": target.removals_until.map(umoja_schema::Millis::secs),
    })
}
