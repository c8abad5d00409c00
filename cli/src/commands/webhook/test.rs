//! `umoja webhook test`: posts a message that says nothing, and shows the answer.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use umoja_provisioner::webhooks::{Message, Sender, fault};
use umoja_schema::WebhookId;

use super::known::{known, secrets};
use crate::CliError;
use crate::commands::target::Target;
use crate::output::{Output, time};
use crate::server::outbound;

/// Post a signed test message to a webhook, and show what it answers.
#[derive(Debug, Args)]
#[command(long_about = "Post a signed test message to a webhook, and show what it answers. The message has the type \
`umoja.webhook.test` and names no user. It is posted once, from this machine, also if the webhook is paused.\n\nA URL with http \
is of this machine: it is tried as it is, and `umoja serve` posts to it only with --outbound-loopback.")]
#[command(after_help = "Examples:
  umoja webhook test soko-crm --dir DIR
  umoja webhook test soko-crm --outbound-loopback --dir DIR")]
pub(super) struct Test {
    /// The webhook's id.
    id: WebhookId,
    #[command(flatten)]
    target: Target,
    /// Let the webhook be on this machine also if its URL has https.
    #[arg(long)]
    outbound_loopback: bool,
}

impl Test {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let webhook = known(&deployment, &self.id).await?;
        let issuer = deployment.get(&webhook.home)?.url.clone().unwrap_or_default();
        let secrets = secrets(&deployment).await?;
        let now = deployment.clock.now();
        let random = hex::encode(deployment.entropy.array::<12>());
        let message = Message::test(&webhook, &random, &time(now));
        let sender = Sender { secrets: &secrets, issuer: &issuer };
        // A webhook with http is on this machine: no other URL with http is accepted by `add` and `set`.
        let is_here = webhook.url.starts_with("http://");
        let outbound = outbound(self.outbound_loopback || is_here);
        let answered = message.post(&webhook, sender, &*outbound, now).await;
        let took = Duration::from_millis(deployment.clock.now().since(now));
        let (status, fault) = (answered.as_ref().ok().map(|answered| answered.status), fault(&answered));
        let answer = json!({ "id": self.id, "url": webhook.url, "status": status, "fault": fault,
            "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX) });
        output.answer(&answer, || match &fault {
            None => {
                let serve = if is_here { "\n`umoja serve` posts to it with --outbound-loopback only." } else { "" };
                format!("{} accepted the message with the status {}.{serve}", webhook.url, status.unwrap_or_default())
            }
            Some(fault) => format!("{} did not accept the message: {fault}.", webhook.url),
        });
        if fault.is_none() { Ok(()) } else { Err(CliError::Said) }
    }
}
