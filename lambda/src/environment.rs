//! The settings that a function gets from its environment.

use std::str::FromStr;

use umoja_schema::names::environment;
use umoja_schema::{Region, SourceId};
use umoja_store::keyring::PEER_WRAP_BUDGET_MS;

/// The region, set by Lambda.
const REGION: &str = "AWS_REGION";

/// What is logged: a level, or targets with levels (`info,umoja_replicator=debug`).
const LOG: &str = "UMOJA_LOG";

/// A function's environment. The endpoints are read by [`umoja_aws::Deployment::region`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The deployment's prefix of names.
    pub prefix: String,
    /// The region.
    pub region: Region,
    /// What is logged. If unset: errors, warnings and one line for each event.
    pub log: Option<String>,
    /// The ARN of the topic of accepted events, for the function that accepts them.
    pub topic: Option<String>,
    /// The source of the user pool, for the functions of a pool.
    pub source: Option<SourceId>,
    /// How long a write waits for peers to wrap its data keys, in milliseconds, for the functions of a pool.
    pub peer_wrap_budget_ms: u64,
    /// Whether foreign systems may be on this machine, without TLS too: for an emulator.
    pub outbound_loopback: bool,
    /// The issuer of single sign-on, for the functions that serve it or take its tokens.
    pub issuer: Option<String>,
    /// The address from which mail is sent, for the functions that send some.
    pub mail_from: Option<String>,
}

/// A variable that is absent or malformed. Only another deployment of the function repairs that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable `{0}` is absent or malformed")]
pub struct EnvironmentError(&'static str);

impl EnvironmentError {
    /// The error about this variable.
    pub const fn of(variable: &'static str) -> Self {
        Self(variable)
    }
}

/// A variable that may be absent.
fn parsed<T: FromStr>(text: Option<String>, name: &'static str) -> Result<Option<T>, EnvironmentError> {
    text.map(|text| text.parse().map_err(|_| EnvironmentError(name))).transpose()
}

impl Environment {
    /// Reads the environment; `variable` is a function such as [`std::env::var`].
    ///
    /// # Errors
    /// If a required variable is absent or malformed.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let prefix = variable(environment::PREFIX).filter(|prefix| !prefix.is_empty());
        Ok(Self {
            prefix: prefix.ok_or(EnvironmentError(environment::PREFIX))?,
            region: variable(REGION).and_then(|name| name.parse().ok()).ok_or(EnvironmentError(REGION))?,
            log: variable(LOG),
            topic: variable(environment::TOPIC).filter(|topic| !topic.is_empty()),
            source: parsed(variable(environment::SOURCE), environment::SOURCE)?,
            peer_wrap_budget_ms: parsed(variable(environment::PEER_WRAP_BUDGET_MS), environment::PEER_WRAP_BUDGET_MS)?
                .unwrap_or(PEER_WRAP_BUDGET_MS),
            outbound_loopback: parsed(variable(environment::OUTBOUND_LOOPBACK), environment::OUTBOUND_LOOPBACK)?
                .unwrap_or(false),
            issuer: variable(environment::ISSUER).filter(|issuer| !issuer.is_empty()),
            mail_from: variable(environment::MAIL_FROM).filter(|from| !from.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        Environment::read(|name| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned()))
    }

    #[test]
    fn prefix_and_region_are_required() {
        let read_both = read(&[("UMOJA_PREFIX", "umoja"), ("AWS_REGION", "eu-west-1")]).unwrap();
        assert_eq!((read_both.prefix.as_str(), read_both.region.as_str()), ("umoja", "eu-west-1"));
        assert_eq!((read_both.source, read_both.peer_wrap_budget_ms), (None, PEER_WRAP_BUDGET_MS));
        assert_eq!((read_both.issuer, read_both.mail_from), (None, None));
        assert_eq!(read(&[("AWS_REGION", "eu-west-1")]), Err(EnvironmentError("UMOJA_PREFIX")));
        assert_eq!(read(&[("UMOJA_PREFIX", ""), ("AWS_REGION", "x")]), Err(EnvironmentError("UMOJA_PREFIX")));
        assert_eq!(read(&[("UMOJA_PREFIX", "umoja"), ("AWS_REGION", "A b")]), Err(EnvironmentError("AWS_REGION")));
    }

    #[test]
    fn this_machine_is_called_only_if_the_environment_says_so() {
        let of =
            |value: &[(&str, &str)]| read(&[&[("UMOJA_PREFIX", "umoja"), ("AWS_REGION", "eu-west-1")], value].concat());
        assert!(!of(&[]).unwrap().outbound_loopback);
        assert!(of(&[("UMOJA_OUTBOUND_LOOPBACK", "true")]).unwrap().outbound_loopback);
        assert_eq!(of(&[("UMOJA_OUTBOUND_LOOPBACK", "1")]), Err(EnvironmentError("UMOJA_OUTBOUND_LOOPBACK")));
    }

    #[test]
    fn a_function_of_a_pool_has_a_source_and_may_wait_for_no_peer() {
        let of =
            |more: &[(&str, &str)]| read(&[&[("UMOJA_PREFIX", "umoja"), ("AWS_REGION", "eu-west-1")], more].concat());
        let pool = of(&[("UMOJA_SOURCE", "shop-pool"), ("UMOJA_PEER_WRAP_BUDGET_MS", "0")]).unwrap();
        assert_eq!((pool.source, pool.peer_wrap_budget_ms), (Some("shop-pool".parse().unwrap()), 0));
        assert_eq!(of(&[("UMOJA_SOURCE", "a b")]), Err(EnvironmentError("UMOJA_SOURCE")));
        let never = of(&[("UMOJA_PEER_WRAP_BUDGET_MS", "never")]);
        assert_eq!(never, Err(EnvironmentError("UMOJA_PEER_WRAP_BUDGET_MS")));
    }
}
