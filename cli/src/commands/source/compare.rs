//! `umoja source compare`: the list of a user pool against the store.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use clap::Args;
use serde_json::{Value, json};
use umoja_accounts::import::{Hashing, Importer};
use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_ingest::cognito::{Compared, PoolList, Sample, compare};
use umoja_schema::ingest::UserPool;
use umoja_schema::{IngestSource, Millis, SourceId};
use umoja_store::keyring::PEER_WRAP_BUDGET_MS;

use super::known::known;
use crate::CliError;
use crate::commands::company;
use crate::commands::target::Target;
use crate::output::{Output, counted, table};

/// Large reads: a list may have millions of users.
const BUFFER: usize = 1 << 20;

/// Compare the list of a user pool with the users of the store.
#[derive(Debug, Args)]
#[command(
    long_about = "Compare the list of the user pool of a source (kind cognito) with the users of its home region, \
and change nothing. The list is what `aws cognito-idp list-users --user-pool-id POOL_ID` prints. Make it just before: a user \
that changed within the hour before the list was made, which is the time of the file, is not expected in it.

Names each difference by ids, never by personal data: users who are confirmed in the pool and unknown to the store (by the \
`sub` of the pool), users of this source whom the pool does not have, users of the pool who were erased (delete them in the \
pool), and users who are disabled on one side only. In the direction to-pool only the users of the list are looked for: whom \
the pool lacks will come with the next login. In AWS the function reconcile-sources compares every day and repairs; it \
suspends none if more users are gone than 20 and a twentieth of the pool.

The exit code is 0 if there is no difference, 1 if there is one, and 2 if not everything could be read.

In AWS it also needs, in the home region of the source: dynamodb:Scan, Query and GetItem on PREFIX-users, Query on \
PREFIX-linked_accounts, GetItem and BatchGetItem on PREFIX-identifiers; kms:Decrypt, for the deployment's secrets and for \
users' data keys."
)]
#[command(after_help = "Examples:
  umoja source compare soko-pool --list pool.json --dir DIR
  umoja source compare soko-pool --list pool.json \\
      --prefix PREFIX --region eu-west-1 --json")]
pub(super) struct Compare {
    /// The source's id.
    id: SourceId,
    /// The list of the pool. - is standard input.
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    #[command(flatten)]
    target: Target,
    /// How many users of each difference are named; all are counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    most: usize,
}

impl Compare {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let deployment = self.target.regions().await?;
        let source = known(&deployment, &self.id).await?;
        let Some(pool) = source.pool.clone() else {
            return Err(CliError::Failed(format!("the source {} has no user pool to compare", self.id)));
        };
        let fed = company::known(&deployment, &source.company).await?;
        let region = deployment.get(&source.home)?;
        let (list, began) = self.read(deployment.clock.now())?;
        let importer = Importer::of_source(region.people_within(PEER_WRAP_BUDGET_MS).await?, hashing()?, Arc::new(fed));
        let source = Arc::new(source);
        let compared = compare(importer, Arc::clone(&source), &list, began, self.most).await;
        let compared =
            compared.map_err(|error| CliError::Failed(format!("{} is not read to its end: {error}", region.name())))?;
        output.answer(&value(&source, &pool, &compared), || text(&source, &pool, &compared));
        if compared.unreadable > 0 {
            Err(CliError::Unseen)
        } else if compared.is_equal() {
            Ok(())
        } else {
            Err(CliError::Said)
        }
    }

    /// The list, and when it was made.
    fn read(&self, now: Millis) -> Result<(PoolList, Millis), CliError> {
        let path = &self.list;
        let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
        if path == Path::new("-") {
            return Ok((PoolList::read(io::stdin().lock()).map_err(|error| failed(&error))?, now));
        }
        let file = File::open(path).map_err(|error| failed(&error))?;
        let written = file.metadata().and_then(|metadata| metadata.modified()).map_err(|error| failed(&error))?;
        let written = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let list = PoolList::read(BufReader::with_capacity(BUFFER, file)).map_err(|error| failed(&error))?;
        Ok((list, Millis(u64::try_from(written).unwrap_or(u64::MAX)).min(now)))
    }
}

/// A comparison hashes no password.
fn hashing() -> Result<Hashing, CliError> {
    Ok(Hashing::Threads(Arc::new(Passwords::new(Params::OWASP, EngineChoice::Auto, None)?)))
}

fn value(source: &IngestSource, pool: &UserPool, compared: &Compared) -> Value {
    json!({
        "source": source.id,
        "pool": { "id": pool.id, "direction": pool.direction },
        "region": source.home,
        "equal": compared.is_equal() && compared.unreadable == 0,
        "found": compared,
    })
}

fn text(source: &IngestSource, pool: &UserPool, compared: &Compared) -> String {
    let mut rows = Vec::new();
    let mut add = |what: &str, count: usize, ids: Vec<String>| {
        let named = ids.len();
        if count > 0 {
            rows.push(vec![what.to_owned(), count.to_string()]);
        }
        rows.extend(ids.into_iter().map(|id| vec![format!("  {id}")]));
        if named > 0 && named < count {
            rows.push(vec![format!("  and {} more (--most)", count - named)]);
        }
    };
    add("only in the pool, by sub", compared.only_in_pool.count, ids(&compared.only_in_pool));
    add("only in the store, by user", compared.only_in_store.count, ids(&compared.only_in_store));
    add("erased in the store, by sub", compared.erased.count, ids(&compared.erased));
    add("disabled on one side, by user", compared.other_standing.count, ids(&compared.other_standing));
    add("cannot be read", compared.unreadable, Vec::new());
    let listed = counted(compared.listed as u64, "user");
    let held = if compared.is_held {
        "\nMore users are gone than reconcile-sources believes: it suspends none of them. Is it the list of this pool?"
    } else {
        ""
    };
    let end = if rows.is_empty() { "\nThe store has the same users." } else { "" };
    let differences = table(&rows);
    let (id, direction) = (&pool.id, pool.direction.as_str());
    format!("The list of {id} ({direction}, source {}) has {listed}.{end}\n{differences}{held}", source.id)
}

fn ids<T: ToString>(sample: &Sample<T>) -> Vec<String> {
    // A list is what a provider says: a `sub` may have any characters.
    sample.ids.iter().map(|id| id.to_string().escape_debug().to_string()).collect()
}
