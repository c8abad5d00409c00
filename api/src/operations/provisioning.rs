//! `provisioning`: how far the targets of a ticket are.

use umoja_accounts::provisioning::{Follow, Ticket, TicketError};
use umoja_schema::Scope;
use umoja_schema::api::{self, Provisioning};

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{ProblemKind, TICKET_EXPIRED};
use crate::on_time::{provisioning, wait_ms_of};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct ProvisioningStatus;

/// The beginning of an answer, which lacks the accounts.
pub(crate) struct Begun(Provisioning);

impl Operation for ProvisioningStatus {
    const PATH: &'static str = "/v1/users/provisioning";
    const ID: &'static str = "provisioningStatus";
    const SUMMARY: &'static str = "Get how far the targets of a ticket are.";
    const SCOPE: Scope = Scope::Provision;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The account at each target.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&TICKET_EXPIRED];
    type Body = api::ProvisioningStatus;
    type Answered = Provisioning;
    type Rule = Follow;
    type Asked = Begun;

    fn parse(app: &App, caller: &Caller, body: api::ProvisioningStatus) -> Result<(Follow, Begun), Problem> {
        let wait_ms = wait_ms_of(body.wait_ms)?;
        let forged = || Problem::invalid("ticket", "Send a `ticket` exactly as an answer to your company gave it.");
        let ticket = match Ticket::open(&app.accounts.secrets, caller.context.now, &body.ticket) {
            // A ticket of another company is nothing that this one may know of.
            Ok(ticket) if ticket.company == caller.context.company.id => ticket,
            Err(TicketError::Expired) => return Err(Problem::from(&TICKET_EXPIRED)),
            Ok(_) | Err(TicketError::Invalid) => return Err(forged()),
        };
        let begun = Begun(provisioning(app, body.ticket, &ticket, Vec::new()));
        Ok((Follow { ticket, wait_ms, waiting: app.waiting.clone() }, begun))
    }

    fn answer(Begun(begun): Begun, accounts: Done<Self>) -> Result<Answer, Problem> {
        let accounts = accounts.into_iter().map(|one| one.account).collect();
        Answer::new(200, &Provisioning { accounts, ..begun })
    }
}
