//! Provisioning on time: the targets that a request names, and the member `provisioning` of its answer. The request itself is
//! done by then, and nothing that fails here makes it fail.

use std::collections::BTreeSet;
use std::sync::Arc;

use umoja_accounts::provisioning::{
    AccountStatus, Asked, NOT_NOTED, Noted, Params, Ticket, accounts_pending, ask, wait,
};
use umoja_schema::api::{
    MAX_TARGETS, MAX_WAIT_MS, Planned, ProvisionedAccount, Provisioning, ProvisioningState, Provisions,
};
use umoja_schema::{Millis, ReturnUrlId, Scope, Target, TargetId, UserId};
use umoja_store::ports::StoreError;

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::INTERNAL;
use crate::operation::{About, Answer};
use crate::problem::Problem;

/// Checked members of a request.
pub(crate) struct Asking {
    /// The targets; one whose document could not be read now has none.
    targets: Vec<(TargetId, Option<Arc<Target>>)>,
    params: Option<Params>,
    wait_ms: u16,
    return_url: Option<ReturnUrlId>,
    dry_run: bool,
    again: bool,
}

impl Asking {
    /// Checks the members of a request: the company needs the scope, and the targets and the return URL are its own.
    pub(crate) async fn of(app: &App, caller: &Caller, wanted: Provisions) -> Result<Self, Problem> {
        caller.permit(Scope::Provision)?;
        let Provisions { field, targets: named, params, wait_ms, return_url, dry_run, again } = wanted;
        let different: BTreeSet<&TargetId> = named.iter().collect();
        if named.is_empty() || named.len() > MAX_TARGETS || different.len() < named.len() {
            return Err(Problem::invalid(field, "Name 1 to 16 different targets."));
        }
        let params = params.map(|params| Params::new(params).ok_or_else(|| Problem::invalid("params", Params::RULE)));
        let wait_ms = wait_ms_of(wait_ms)?;
        let company = &caller.context.company;
        if return_url.as_ref().is_some_and(|id| company.return_url(id.as_str()).is_none()) {
            return Err(Problem::invalid("return_url", "Name a return URL that the company has, by its id."));
        }
        let mut targets = Vec::new();
        for id in named {
            let target = match target(app, &id).await {
                Ok(Some(target)) if target.company == company.id => Some(target),
                Ok(_) => return Err(Problem::invalid(field, "Name targets of the company.")),
                Err(error) => {
                    tracing::warn!(target_id = %id, %error, "the document of a target could not be read for a request");
                    None
                }
            };
            targets.push((id, target));
        }
        Ok(Self { targets, params: params.transpose()?, wait_ms, return_url, dry_run, again })
    }

    /// Adds the state of the targets to an answer about a user, or with `dry_run` what would be done.
    pub(crate) async fn add_to(self, app: &App, caller: &Caller, answer: Answer) -> Result<Answer, Problem> {
        let Some(about) = answer.about.clone() else { return Ok(answer) };
        if self.dry_run {
            answer.with("plan", &self.plan(app, &about).await?)
        } else {
            answer.with("provisioning", &self.provisioning(app, caller, about).await)
        }
    }

    async fn plan(&self, app: &App, about: &About) -> Result<Vec<Planned>, Problem> {
        let deliveries = app.deliveries.as_ref().ok_or(Problem::from(&INTERNAL))?;
        let mut plan = Vec::new();
        for (id, target) in &self.targets {
            let not_read = || StoreError::Throttled(Target::setting(id));
            let target = target.as_ref().ok_or_else(not_read)?;
            plan.push(deliveries.plan(target, about.id, self.params.as_ref()).await?);
        }
        Ok(plan)
    }

    /// Notes the requests, rings, and waits.
    async fn provisioning(self, app: &App, caller: &Caller, about: About) -> Provisioning {
        let user = about.id;
        let ids: Vec<_> = self.targets.iter().filter(|(_, known)| known.is_some()).map(|(id, _)| id.clone()).collect();
        let asked = Asked { user, version: Some(&about.latest).filter(|_| !self.again), params: self.params.as_ref() };
        let noted = ask(&app.accounts, asked, &ids).await.unwrap_or_else(|error| {
            tracing::warn!(%user, %error, "requests for accounts at targets were not noted");
            Vec::new()
        });
        let mut wanted = Vec::new();
        for noted in noted {
            match noted {
                Ok(Noted { wanted: account, is_new }) => {
                    if is_new {
                        self.ring(app, &account.target, user).await;
                    }
                    wanted.push(account);
                }
                Err(error) => tracing::warn!(%user, %error, "a request for an account at a target was not noted"),
            }
        }
        let expires_at = app.accounts.home.clock.now().secs() + Ticket::LIFETIME_SECS;
        let ticket = Ticket {
            company: caller.context.company.id.clone(),
            user,
            version: about.version,
            targets: wanted,
            expires_at,
            return_url: self.return_url.clone(),
        };
        let known = wait(&app.accounts, &ticket, self.wait_ms, &app.waiting).await.unwrap_or_else(|error| {
            tracing::warn!(%user, %error, "the state of accounts at targets could not be read");
            accounts_pending(&ticket)
        });
        let mut answer = provisioning(app, ticket.seal(&app.accounts.secrets), &ticket, known);
        let noted: BTreeSet<_> = answer.accounts.iter().map(|account| account.target.clone()).collect();
        let missing = self.targets.iter().filter(|(id, _)| !noted.contains(id)).map(|(id, _)| not_noted(id));
        answer.accounts.extend(missing);
        let place = |account: &ProvisionedAccount| self.targets.iter().position(|(id, _)| *id == account.target);
        answer.accounts.sort_by_key(place);
        answer
    }

    async fn ring(&self, app: &App, id: &TargetId, user: UserId) {
        let target = self.targets.iter().find(|(known, _)| known == id).and_then(|(_, target)| target.as_ref());
        let (Some(deliveries), Some(target)) = (&app.deliveries, target) else { return };
        if let Err(error) = deliveries.ring(target, user).await {
            // The request was noted, and rings by itself where changes are read.
            tracing::warn!(target_id = %id, %user, %error, "an account at a target was not rung for at once");
        }
    }
}

fn not_noted(target: &TargetId) -> ProvisionedAccount {
    let (code, words) = NOT_NOTED;
    ProvisionedAccount {
        target: target.clone(),
        state: ProvisioningState::Failed,
        code: Some(code.to_owned()),
        detail: Some(words.to_owned()),
        remote_id: None,
    }
}

/// The answer about the accounts of a ticket.
pub(crate) fn provisioning(app: &App, text: String, ticket: &Ticket, accounts: Vec<AccountStatus>) -> Provisioning {
    Provisioning {
        url: format!("{}/s#{text}", app.config.base_url),
        ticket: text,
        expires_at: ticket.expires_at,
        version: ticket.version.clone(),
        accounts: accounts.into_iter().map(|one| one.account).collect(),
    }
}

/// How long a request waits.
pub(crate) fn wait_ms_of(wait_ms: Option<u16>) -> Result<u16, Problem> {
    let wait_ms = wait_ms.unwrap_or_default();
    if wait_ms > MAX_WAIT_MS {
        return Err(Problem::invalid("wait_ms", "Send a number of milliseconds up to 10000."));
    }
    Ok(wait_ms)
}

/// A target as stored, or as stored some seconds ago.
async fn target(app: &App, id: &TargetId) -> Result<Option<Arc<Target>>, StoreError> {
    let home = &app.accounts.home;
    let now: Millis = home.clock.now();
    if let Some((_, target)) = app.targets.get(id, now) {
        return Ok(Some(target));
    }
    let Some(document) = home.registry.setting(&Target::setting(id)).await? else { return Ok(None) };
    let target = Arc::new(Target::read(id.as_str(), document)?);
    if target.is_ended() {
        return Ok(None);
    }
    app.targets.remember(id.clone(), &(now, Arc::clone(&target)));
    Ok(Some(target))
}
