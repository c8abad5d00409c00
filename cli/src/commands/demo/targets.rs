//! The targets of the demo: two strict SCIM servers of this process. What programs need to see them is in `demo.json`.

use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use umoja_schema::{CompanyId, Target, TargetId, TargetKind, UserId};
use umoja_scim_target::{ScimTarget, TOKEN};

use crate::CliError;
use crate::commands::targets::{AtHome, new_target, target_secrets};
use crate::deployment::{Deployment, Regions};

/// The id of the URL to which the status page leads back.
pub(super) const RETURN_URL: &str = "shop";

/// The ids of the targets, behind the company's.
const NAMES: [&str; 2] = ["crm", "desk"];

/// A target, in `demo.json`.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    id: &'a TargetId,
    kind: TargetKind,
    url: &'a str,
}

/// The targets of the company soko. Their servers end with this.
pub(super) struct Targets {
    regions: Regions,
    all: Vec<(Target, ScimTarget)>,
    _servers: JoinSet<()>,
}

impl Targets {
    /// Starts the servers, and adds the targets or gives new URLs to those of an earlier demo.
    pub(super) async fn start(deployment: &Deployment, company: &CompanyId) -> Result<Self, CliError> {
        let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
        let regions = deployment.regions();
        let home = regions.first()?.name().clone();
        let secrets = target_secrets(regions.first()?).await?;
        let (mut all, mut servers) = (Vec::new(), JoinSet::new());
        for name in NAMES {
            let id: TargetId = format!("{company}-{name}").parse().map_err(|error| failed(&error))?;
            let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
            let url = format!("http://{}/v2", listener.local_addr().map_err(|error| failed(&error))?);
            let remote = ScimTarget::default();
            let router = remote.router();
            servers.spawn(async move {
                // It serves until the demo ends.
                let _ = axum::serve(listener, router).await;
            });
            let token = Some(secrets.seal_target_token(&id, TOKEN, &*regions.entropy));
            let new = Target { token, ..new_target(&id, TargetKind::Scim, company, &url, home.clone()) };
            let changed = regions.change(&id, |stored: Option<Target>| {
                let target = stored.unwrap_or_else(|| new.clone());
                Ok(Target { url: url.clone(), token: new.token.clone(), ..target })
            });
            let changed = changed.await?;
            changed.everywhere?;
            all.push((changed.document, remote));
        }
        Ok(Self { regions, all, _servers: servers })
    }

    /// The targets, as programs see them.
    pub(super) fn listed(&self) -> Vec<Listed<'_>> {
        self.all.iter().map(|(target, _)| Listed { id: &target.id, kind: target.kind, url: &target.url }).collect()
    }

    /// Their ids.
    pub(super) fn ids(&self) -> Vec<&TargetId> {
        self.all.iter().map(|(target, _)| &target.id).collect()
    }

    /// The accounts that each target has for a user.
    pub(super) fn accounts(&self, user: UserId) -> Vec<Vec<Value>> {
        self.all.iter().map(|(_, remote)| remote.all_of(&user.to_string())).collect()
    }

    /// Takes the last target away, or brings it back.
    pub(super) fn set_last_down(&self, is_down: bool) -> Option<&TargetId> {
        let (target, remote) = self.all.last()?;
        remote.set_down(is_down);
        Some(&target.id)
    }

    /// Has every target try again what failed, as `umoja target redrive` does.
    pub(super) async fn redrive(&self) -> Result<(), CliError> {
        for (target, _) in &self.all {
            let at_home = AtHome::open(&self.regions, target.clone(), true).await?;
            let redriven = at_home.provisioner.redrive(&at_home.known, None).await;
            redriven.map_err(|error| CliError::Failed(error.to_string()))?;
        }
        Ok(())
    }
}
