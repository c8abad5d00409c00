//! `unmerge`: a duplicate is a person of its own again, with those that point at it. Its data and identifiers never went
//! anywhere, so removing the pointer is all there is to it.

use umoja_schema::{Scope, Version, api};
use umoja_store::ports::Parts;

use super::found_again;
use super::merge::pointer_rows;
use crate::app::{App, Rewrite, until_written};
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::{NOT_FOUND, Refusal};

pub(crate) struct Unmerge;

impl Operation for Unmerge {
    const PATH: &'static str = "/v1/users/unmerge";
    const SCOPE: Scope = Scope::Merge;
    const CHANGES: bool = true;
    type Body = api::Unmerge;
    type Read = Parts;

    async fn read(app: &App, _: &Caller, body: &api::Unmerge) -> Result<Parts, Refusal> {
        Ok(app.home.own.users.parts(body.id).await?)
    }

    /// Looks at the one user, not at its group: a group that has become too large to be read can be made smaller.
    async fn run(app: &App, caller: &Caller, body: api::Unmerge, first: Parts) -> Result<Answer, Refusal> {
        let mut first = Some(first);
        until_written!({
            let parts = match first.take() {
                Some(read) => read,
                None => app.home.own.users.parts(body.id).await?,
            };
            if !parts.is_live() {
                return Err(Refusal::from(&NOT_FOUND));
            }
            let user = app.open_user(parts).await?.ok_or(Refusal::from(&NOT_FOUND))?;
            // Who is not merged is as the caller wants them: a retry meets its own effect.
            let Some(root) = user.facts.merged_into else { return Ok(Some(())) };
            let mut facts = user.facts.clone();
            facts.merged_into = None;
            let change = Rewrite { stored: &user.profile, identity: user.identity.clone(), facts };
            let rows = |version: &Version| pointer_rows(app, caller, "unmerged", version, root, body.id);
            Ok(app.write_profiles(&[change], Vec::new(), Vec::new(), rows).await?.map(|_| ()))
        })?;
        found_again(app, 200, body.id).await
    }
}
