//! `umoja target plan`, `provision`, `redrive` and `drift`: what deliveries would do, and deliveries by hand.

use clap::Args;
use serde_json::{Value, json};
use umoja_accounts::provisioning::{Asked, Params, ask};
use umoja_provisioner::targets::{Code, Delivered};
use umoja_schema::{TargetId, TargetKind, UserId};

use super::known::{AtHome, failed, known};
use crate::CliError;
use crate::commands::foreign;
use crate::commands::known::unknown;
use crate::commands::named::Named;
use crate::commands::target::Target;
use crate::output::{Output, counted, table};

/// Show what deliveries to a target would do now, without a call and without a write.
#[derive(Debug, Args)]
#[command(
    long_about = "Show what deliveries to a target would do now: for every user of the home region, whether an account \
would be made, replaced, disabled or deleted, with some users by their ids. Nothing is called, and nothing is written. Use \
it before `umoja target provision ID --all`, and after a change of the scope.

In AWS it also needs, in the home of the target: dynamodb:Scan and Query on PREFIX-users, Query on PREFIX-linked_accounts, \
GetItem on PREFIX-target_accounts; kms:Decrypt with the data key."
)]
#[command(after_help = "Examples:
  umoja target plan soko-crm --dir DIR
  umoja target plan soko-crm --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct Plan {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
}

/// Bring the account of one user up to date now, or ring for all.
#[derive(Debug, Args)]
#[command(
    long_about = "Bring the account of one user at a target up to date now, and say what was done, or why not: in a code \
and in words. With --all, `umoja serve` is asked to look at every user of the company and every account; that takes as long \
as the rate of the target allows.

A user that the target has rejected before is sent again."
)]
#[command(after_help = "Examples:
  umoja target provision soko-crm amina@example.com --dir DIR
  umoja target provision soko-crm 0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f --dir DIR
  umoja target provision soko-crm amina@example.com --param country=KE --dir DIR
  umoja target provision soko-crm --all --dir DIR")]
pub(super) struct Provision {
    /// The target's id.
    id: TargetId,
    /// The user: an id, an e-mail address, a phone number such as +254712123456, or a user name.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    user: Option<Named>,
    #[command(flatten)]
    target: Target,
    /// What the mapping finds at `/params/NAME`. It replaces what the company or an operator has said before about this
    /// account. Repeat it for more.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param, conflicts_with = "all")]
    params: Vec<(String, String)>,
    /// All users of the company, and all accounts of the target.
    #[arg(long)]
    all: bool,
    /// Let the target be on this machine, also without TLS: to try it out.
    #[arg(long)]
    outbound_loopback: bool,
}

/// Have accounts tried again that wait for an operator.
#[derive(Debug, Args)]
#[command(
    long_about = "Have every account of a target tried again that is not up to date, also those that the target has \
rejected and those that were given up after three days. --code takes those with one code only. `umoja serve` tries them."
)]
#[command(after_help = "Examples:
  umoja target redrive soko-crm --dir DIR
  umoja target redrive soko-crm --code conflict --dir DIR")]
pub(super) struct Redrive {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
    /// Only those that failed with this code.
    #[arg(long, value_parser = code)]
    code: Option<Code>,
}

/// Compare the accounts of a target with what was sent, and on request repair them.
#[derive(Debug, Args)]
#[command(
    long_about = "Read every account of a target, and compare the members that the mapping makes: what was changed or \
deleted at the target by hand. The answer names users by their ids and members by their names, without values. --repair has \
`umoja serve` send those that differ again."
)]
#[command(after_help = "Examples:
  umoja target drift soko-crm --dir DIR
  umoja target drift soko-crm --repair --dir DIR")]
pub(super) struct Drift {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
    /// Send again what differs.
    #[arg(long)]
    repair: bool,
    /// Let the target be on this machine, also without TLS: to try it out.
    #[arg(long)]
    outbound_loopback: bool,
}

fn param(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn code(text: &str) -> Result<Code, String> {
    let names = || Code::ALL.map(Code::as_str).join(", ");
    Code::from_name(text).ok_or_else(|| format!("choose one of {}", names()))
}

impl Plan {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let target = known(&deployment, &self.id).await?;
        let AtHome { provisioner, known } = AtHome::open(&deployment, target, false).await?;
        let survey = provisioner.survey(&known).await.map_err(failed)?;
        output.answer(&json!({ "id": self.id, "counts": survey.counts, "samples": survey.samples }), || {
            if survey.counts.is_empty() {
                return format!("The target {} has no account, and no user is to have one.", self.id);
            }
            let row = |(kind, count): (&&'static str, &u64)| {
                let samples = survey.samples.get(kind).into_iter().flatten().map(UserId::to_string).collect::<Vec<_>>();
                vec![(*kind).to_owned(), counted(*count, "user"), samples.join(" ")]
            };
            table(&survey.counts.iter().map(row).collect::<Vec<_>>())
        });
        Ok(())
    }
}

impl Provision {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let target = known(&deployment, &self.id).await?;
        let Some(named) = &self.user else {
            let AtHome { provisioner, known } = AtHome::open(&deployment, target, false).await?;
            let rung = provisioner.ring_all(&known).await.map_err(failed)?;
            output.answer(&json!({ "id": self.id, "rung": rung }), || {
                format!(
                    "{} rung for; `umoja serve` brings them up to date, and `umoja target list` shows how far it is.",
                    counted(rung, "account")
                )
            });
            return Ok(());
        };
        // Before anything is written: the state of the account is not to say what this command alone may not do.
        foreign::check("its URL", &target.url, self.outbound_loopback, "--outbound-loopback")?;
        let user = named.id(&deployment).await?;
        let AtHome { provisioner, known } = AtHome::open(&deployment, target, self.outbound_loopback).await?;
        if !self.params.is_empty() {
            let params = Params::new(self.params.iter().cloned().collect());
            let params = params.ok_or_else(|| CliError::Usage(Params::RULE.to_owned()))?;
            let asked = Asked { user, version: None, params: Some(&params) };
            let targets = [self.id.clone()];
            for noted in ask(provisioner.people(), asked, &targets).await.map_err(failed)? {
                noted.map_err(failed)?;
            }
        }
        let delivered = provisioner.provision(&known, user, true).await.map_err(failed)?;
        let Some(delivered) = delivered else {
            output.answer(&json!({ "id": self.id, "user": user, "is_underway": true }), || {
                format!("Another process delivers the account of {user} at {} at this moment.", self.id)
            });
            return Ok(());
        };
        let remote_id = provisioner.remote_id(&self.id, user).await.map_err(failed)?;
        output.answer(&value(&self.id, user, &delivered, remote_id.as_deref()), || {
            let done = delivered.done.iter().map(|action| action.as_str()).collect::<Vec<_>>();
            let done = if done.is_empty() { "nothing had to be done".to_owned() } else { done.join(", ") };
            let id = remote_id.map(|id| format!(" with the id {id}")).unwrap_or_default();
            let state = format!("{}: the account of {user} is {}{id} ({done})", self.id, delivered.account.as_str());
            match delivered.failure {
                Some(failure) => format!("{state}\n{}: {}", failure.code.as_str(), failure.code.words()),
                None => state,
            }
        });
        if delivered.failure.is_none() { Ok(()) } else { Err(CliError::Said) }
    }
}

fn value(target: &TargetId, user: UserId, delivered: &Delivered, remote_id: Option<&str>) -> Value {
    json!({
        "id": target,
        "user": user,
        "account": delivered.account.as_str(),
        "remote_id": remote_id,
        "done": delivered.done.iter().map(|action| action.as_str()).collect::<Vec<_>>(),
        "code": delivered.failure.map(|failure| failure.code.as_str()),
        "meaning": delivered.failure.map(|failure| failure.code.words()),
    })
}

impl Redrive {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        // Also one that was removed: what failed may be its last removals.
        let target = deployment.document(&self.id).await?.ok_or_else(|| unknown(&self.id))?;
        let AtHome { provisioner, known } = AtHome::open(&deployment, target, false).await?;
        let redriven = provisioner.redrive(&known, self.code).await.map_err(failed)?;
        output.answer(&json!({ "id": self.id, "counts": redriven.counts }), || {
            if redriven.counts.is_empty() {
                return format!("No account of the target {} waits for an operator.", self.id);
            }
            let rows = redriven.counts.iter().map(|(code, count)| vec![code.clone(), counted(*count, "account")]);
            format!(
                "To be tried again at once by what serves {}; `umoja target list` shows how far it is:\n{}",
                known.target.home,
                table(&rows.collect::<Vec<_>>())
            )
        });
        Ok(())
    }
}

impl Drift {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let target = known(&deployment, &self.id).await?;
        if target.kind == TargetKind::Webhook {
            return Err(CliError::Usage(format!(
                "the target {} gets messages, and cannot be asked what it has",
                self.id
            )));
        }
        foreign::check("its URL", &target.url, self.outbound_loopback, "--outbound-loopback")?;
        let AtHome { provisioner, known } = AtHome::open(&deployment, target, self.outbound_loopback).await?;
        let drift = provisioner.drift(&known, self.repair).await.map_err(failed)?;
        output.answer(&json!({ "id": self.id, "drift": drift }), || {
            let mut lines = vec![format!(
                "{} compared, {} differ, {} not known",
                counted(drift.compared, "account"),
                drift.drifted.len(),
                drift.unknown
            )];
            for (code, count) in &drift.unknown_by {
                let why = Code::from_name(code).map_or("the user cannot be read; see `umoja doctor`", Code::words);
                lines.push(format!("  {count} {code}: {why}"));
            }
            for one in &drift.drifted {
                let what = if one.is_gone { "the account is gone".to_owned() } else { one.members.join(", ") };
                lines.push(format!("{}: {what}", one.user));
            }
            if drift.rung > 0 {
                lines.push(format!("{} sent again.", counted(drift.rung, "account")));
            }
            lines.join("\n")
        });
        Ok(())
    }
}
