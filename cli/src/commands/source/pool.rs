//! The user pool of a source of the kind `cognito`.

use clap::Args;
use umoja_schema::ingest::{PoolDirection, UserPool};
use umoja_schema::{Company, IngestSource, Scope, SourceId, SourceKind};

use crate::CliError;
use crate::commands::listed::rows;
use crate::commands::pools;
use crate::deployment::{Regions, newest_of};

/// Which pool calls the function, and which way its users go.
#[derive(Debug, Args)]
pub(super) struct PoolArguments {
    /// The id of the user pool, for the kind cognito, such as eu-west-1_AbCdEf123.
    #[arg(long, value_name = "POOL_ID", requires = "direction")]
    pool: Option<String>,
    /// Which way the users of the pool go: from-pool or to-pool.
    #[arg(long, value_parser = direction, requires = "pool")]
    direction: Option<PoolDirection>,
}

fn direction(text: &str) -> Result<PoolDirection, String> {
    let found = PoolDirection::ALL.into_iter().find(|direction| direction.as_str() == text);
    found.ok_or_else(|| format!("choose one of {}", PoolDirection::ALL.map(PoolDirection::as_str).join(", ")))
}

impl PoolArguments {
    /// The pool, which only a source of the kind `cognito` has.
    pub(super) fn pool(&self, kind: SourceKind) -> Result<Option<UserPool>, CliError> {
        let (Some(id), Some(direction)) = (&self.pool, self.direction) else { return Ok(None) };
        if kind != SourceKind::Cognito {
            return Err(CliError::Usage("--pool goes with the kind cognito".into()));
        }
        let pool = UserPool::new(id, direction);
        pool.map(Some)
            .ok_or_else(|| CliError::Usage(format!("{id} is no id of a user pool, such as eu-west-1_AbCdEf123")))
    }
}

/// Rejects a pool that another source has or that is an old system that it would ask back, and a company without the
/// scope that the direction needs.
pub(super) async fn check_pool(
    deployment: &Regions,
    (id, company): (&SourceId, &Company),
    pool: &UserPool,
) -> Result<(), CliError> {
    let needed = match pool.direction {
        PoolDirection::FromPool => Scope::Register,
        PoolDirection::ToPool => Scope::Authenticate,
    };
    if !company.may(needed) {
        return Err(CliError::Failed(format!(
            "--direction {}: the company {1} has no scope {2}; a source may do no more than its company, whose scopes \
             `umoja company set {1} --scopes` sets",
            pool.direction.as_str(),
            company.id,
            needed.as_str()
        )));
    }
    pools::check_pool(deployment, pool).await?;
    let regions = rows::<IngestSource>(deployment).await?;
    let sources = newest_of(regions.iter().flat_map(|(_, rows)| rows));
    let has_it = |source: &IngestSource| {
        source.id != *id && !source.is_ended() && source.pool.as_ref().is_some_and(|other| other.id == pool.id)
    };
    match sources.values().copied().find(|source| has_it(source)) {
        Some(other) => Err(CliError::Failed(format!(
            "the pool {} is that of the source {} already ({}); a pool has one source and one direction: remove that \
             source first",
            pool.id,
            other.id,
            other.pool.as_ref().map_or("", |pool| pool.direction.as_str())
        ))),
        None => Ok(()),
    }
}
