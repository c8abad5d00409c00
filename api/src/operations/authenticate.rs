//! `authenticate`: checks a password. The answer and the work behind it are the same for an unknown user, a disabled
//! user, a user that the company has suspended and a wrong password. Too many failures lock further attempts out for some time.

use umoja_accounts::{self as accounts, Origin};
use umoja_crypto::Password;
use umoja_schema::Scope;
use umoja_schema::api::{self, Authenticated, Client, Provisions};

use super::members::one;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{LOCKED, OLD_SYSTEM, ProblemKind, TOO_MANY_MERGED};
use crate::operation::{About, Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Authenticate;

impl Operation for Authenticate {
    const PATH: &'static str = "/v1/users/authenticate";
    const ID: &'static str = "authenticate";
    const SUMMARY: &'static str = "Check a password.";
    const SCOPE: Scope = Scope::Authenticate;
    const CHANGES: bool = false;
    const HASHES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(
        200,
        "Whether it is right. A wrong password, an unknown user, a disabled user and a user that the company has suspended get the same answer.",
    )];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&LOCKED, &OLD_SYSTEM, &TOO_MANY_MERGED];
    type Body = api::Authenticate;
    type Answered = Authenticated;
    type Rule = accounts::Authenticate;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::Authenticate) -> Result<(accounts::Authenticate, ()), Problem> {
        let selector = one(body.selector())?;
        let password = Password::attempt(&body.password);
        let origin = body.client.map(origin).transpose()?.unwrap_or_default();
        Ok((accounts::Authenticate { selector, password, origin }, ()))
    }

    fn provisions(body: &api::Authenticate) -> Option<Provisions> {
        body.provisions()
    }

    fn answer((): (), person: Done<Self>) -> Result<Answer, Problem> {
        let about = person.as_deref().map(About::of);
        let user = person.map(|person| person.into_view());
        let answer = Answer::new(200, &Authenticated { authenticated: user.is_some(), user, provisioning: None })?;
        Ok(Answer { about, ..answer })
    }
}

fn origin(Client { ip, device_id }: Client) -> Result<Origin, Problem> {
    let no_address = |_| Problem::invalid("client.ip", "Give an IPv4 or IPv6 address.");
    let ip = ip.map(|ip| ip.parse().map_err(no_address)).transpose()?;
    if device_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 256) {
        return Err(Problem::invalid("client.device_id", "Give an id of 1 to 256 bytes."));
    }
    Ok(Origin { ip, device: device_id })
}
