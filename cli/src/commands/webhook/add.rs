//! `umoja webhook add`: makes a webhook with its secret.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, json};
use umoja_schema::webhook::Orders;
use umoja_schema::{CompanyId, Millis, Region, Webhook, WebhookId};

use super::known::{company, new_salt, secrets};
use crate::CliError;
use crate::commands::audit::trail::since;
use crate::commands::foreign::{OutboundLoopback, url};
use crate::commands::issued::Out;
use crate::commands::target::Target;
use crate::output::Output;

/// Add a webhook in every region. Its secret is shown once.
#[derive(Debug, Args)]
#[command(
    long_about = "Add a webhook in every region. Its secret is shown once: write it to a file with --out, or pass the \
JSON on. The webhook gets the events of the company from now on, or with --since from a time on, as far as they are kept.

The company needs the scope events:list. Events are posted to public addresses over https only. `umoja serve --dir` with \
--outbound-loopback posts to this machine too, and then the URL is given with the same option."
)]
#[command(after_help = "Examples:
  umoja webhook add soko-crm --company soko \\
      --url https://crm.soko.example/umoja --dir DIR --out soko-crm.json
  umoja webhook add soko-crm --company soko \\
      --url https://crm.soko.example/umoja --since 2027-01-01 --dir DIR --json")]
pub(super) struct Add {
    /// Its id, such as soko-crm.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
    /// The company whose events it gets.
    #[arg(long, value_name = "COMPANY")]
    company: CompanyId,
    /// Where the events are posted.
    #[arg(long, value_parser = url)]
    url: String,
    #[command(flatten)]
    loopback: OutboundLoopback,
    /// The region that posts them [default: the first region].
    #[arg(long, value_name = "REGION")]
    home: Option<Region>,
    /// Begin with the events from this time on (RFC 3339, or a day) [default: now].
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Millis>,
    /// Write the secret to a new file that only its owner can read, instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What its owner gets once.
#[derive(Serialize)]
struct Issued<'a> {
    id: &'a WebhookId,
    company: &'a CompanyId,
    url: &'a str,
    home: &'a Region,
    secret: &'a str,
}

impl Add {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        self.loopback.check(&self.url)?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        company(&deployment, &self.company).await?;
        let home = match &self.home {
            Some(home) => deployment.get(home)?.name().clone(),
            None => deployment.first()?.name().clone(),
        };
        let exists = || {
            CliError::Failed(format!(
                "the webhook {0} exists already; give it a new secret with `umoja webhook rotate {0}`",
                self.id
            ))
        };
        let (salt, from) = (new_salt(&deployment), self.since.unwrap_or_else(|| deployment.clock.now()));
        let secret = secrets(&deployment).await?.webhook_secret(&self.id, &salt.salt).expose();
        let webhook = |orders: Orders| Webhook {
            id: self.id.clone(),
            revision: 0,
            company: self.company.clone(),
            url: self.url.clone(),
            home: home.clone(),
            enabled: true,
            secrets: vec![salt.clone()],
            from,
            // A webhook of this id that was removed leaves its position.
            orders: Orders {
                resumed: orders.resumed.saturating_add(1),
                replayed: orders.replayed.saturating_add(1),
                replay_from: Some(from),
                ..orders
            },
            unknown: Map::new(),
        };
        let out = Out::new(self.out.as_deref())?;
        let adding = deployment.change(&self.id, |stored: Option<Webhook>| match stored {
            // A write whose answer was lost may have stored it already.
            Some(stored) if !stored.is_ended() && stored.secrets.first() != Some(&salt) => Err(exists()),
            Some(stored) if !stored.is_ended() => Ok(stored),
            stored => Ok(webhook(stored.map(|stored| stored.orders).unwrap_or_default())),
        });
        let stored = match adding.await {
            Ok(changed) => changed.everywhere,
            Err(error) => {
                out.map_or(Ok(()), Out::remove)?;
                return Err(error);
            }
        };
        // If at least one region has stored it, its secret is issued.
        let issued =
            Issued { id: &self.id, company: &self.company, url: &self.url, home: &home, secret: secret.as_str() };
        let added =
            format!("The webhook {} gets the events of {}; {home} posts them to {}.", self.id, self.company, self.url);
        let next = format!("Next: try it:\n  umoja webhook test {} {}", self.id, self.target.arguments());
        match out {
            Some(mut out) => {
                out.write(&issued)?;
                let path = out.path().display().to_string();
                output.answer(&json!({ "id": self.id, "home": home, "file": path }), || {
                    format!("{added}\nIts secret is in {path}.\n{next}")
                });
            }
            None => output.answer(&issued, || format!("{added}\n\nShown once:\n  secret  {}\n\n{next}", issued.secret)),
        }
        stored
    }
}
