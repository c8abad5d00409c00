//! The person that the commands are about, and the region that is asked.

use std::collections::BTreeMap;

use umoja_accounts::People;
use umoja_accounts::access::Standing;
use umoja_schema::access::Session;
use umoja_schema::{Region, UserId};

use crate::CliError;
use crate::commands::named::Named;
use crate::commands::target::Target;

/// A person as one region knows it.
pub(in crate::commands) struct Asked {
    pub(in crate::commands) region: Region,
    pub(in crate::commands) user: UserId,
    pub(in crate::commands) people: People,
    pub(in crate::commands) standing: Standing,
}

impl Asked {
    /// Asks the first region that serves.
    pub(in crate::commands) async fn of(user: &Named, target: &Target) -> Result<Self, CliError> {
        let regions = target.regions().await?;
        let user = user.id(&regions).await?;
        let region = regions.serving()?;
        let people = region.people().await?;
        let region = region.name().clone();
        let standing = Standing::read(&people, user).await.map_err(|error| failed(&region, &error))?;
        let no_such_user = || CliError::Failed(format!("no such user: {region} holds no user with this id"));
        let standing = standing.ok_or_else(no_such_user)?;
        Ok(Self { region, user, people, standing })
    }
}

impl Asked {
    /// What each client that got tokens in a session calls it (claim `sid`).
    pub(in crate::commands) fn names(&self, session: &Session) -> BTreeMap<String, String> {
        let clients = self.standing.clients_of(&session.id).into_iter();
        clients.map(|client| (client.clone(), self.people.secrets.session_name(&session.id, &client))).collect()
    }
}

/// An error of the region.
pub(in crate::commands) fn failed(region: &Region, error: &umoja_accounts::Error) -> CliError {
    CliError::Failed(format!("{region}: {error}"))
}

/// Reads the id of a session or of a factor.
pub(in crate::commands) fn row_id(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let fits = text.len() == 22 && text.bytes().all(fits);
    if fits { Ok(text.to_owned()) } else { Err("an id is 22 letters, digits, hyphens and underscores".into()) }
}
