//! `why`: why a linked user can or cannot log in, without what concerns other companies.

use umoja_accounts::{self as accounts, PasswordKind, WhyAt};
use umoja_schema::api::{self, Attempts, AuditEntry, KnownIdentifier, PasswordState, Why};
use umoja_schema::{CompanyId, LinkState, Millis, Region, Scope};

use super::members::known;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{NOT_FOUND, NOT_LINKED, ProblemKind, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Explain;

impl Operation for Explain {
    const PATH: &'static str = "/v1/users/why";
    const ID: &'static str = "why";
    const SUMMARY: &'static str = "Get why a linked user can or cannot log in.";
    const SCOPE: Scope = Scope::Support;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "States, counts and kinds, and no value of the user.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&NOT_FOUND, &NOT_LINKED, &TOO_MANY_MERGED];
    type Body = api::AskWhy;
    type Answered = Why;
    type Rule = WhyAt;
    type Asked = (CompanyId, Region);

    fn parse(app: &App, caller: &Caller, body: api::AskWhy) -> Result<(WhyAt, Self::Asked), Problem> {
        let selector = known(caller, body.selector())?;
        Ok((WhyAt { selector }, (caller.context.company.id.clone(), app.accounts.home.own.name.clone())))
    }

    fn answer((company, region): Self::Asked, why: Done<Self>) -> Result<Answer, Problem> {
        let locked_until = why.locked_until().map(Millis::secs);
        let accounts::Why { id, status, password, identifiers, merged, companies, conflicts, factors, .. } = why;
        let at = companies.get(&company);
        let (password, password_kinds) = match password {
            PasswordKind::Own => (PasswordState::Own, Vec::new()),
            PasswordKind::Legacy(families) => (PasswordState::Legacy, families.into_iter().collect()),
            PasswordKind::None => (PasswordState::None, Vec::new()),
        };
        let identifiers =
            identifiers.into_iter().map(|(kind, _, verified)| KnownIdentifier { kind: kind.as_str().into(), verified });
        let attempts = why.failed.into_iter().map(|failed| Attempts {
            by: failed.by.to_owned(),
            count: failed.count,
            locked_until: failed.locked_until.map(Millis::secs),
        });
        let is_own = |entry: &AuditEntry| {
            let names = |of: &Option<String>| of.as_deref() == Some(company.as_str());
            names(&entry.company) || names(&entry.linked)
        };
        Answer::new(
            200,
            &Why {
                id,
                region,
                status,
                account: at.map_or(LinkState::Active, |at| at.state),
                linked_at: at.map_or(0, |at| at.since.secs()),
                last_login_day: at.and_then(|at| at.last_login_day),
                stated: at.map(|at| at.stated.iter().cloned().collect()).unwrap_or_default(),
                password,
                password_kinds,
                identifiers: identifiers.collect(),
                linked_accounts: merged.into_iter().map(|(user, _)| user).collect(),
                in_conflict: !conflicts.is_empty(),
                factors,
                locked_until,
                attempts: attempts.collect(),
                events: why.events.iter().map(AuditEntry::from).filter(is_own).collect(),
            },
        )
    }
}
