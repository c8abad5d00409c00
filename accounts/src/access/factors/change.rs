//! Changes of factors, each with the end of everything that began before it.

use umoja_schema::UserId;
use umoja_schema::access::{Factor, ended};
use umoja_schema::replicated::ACCESS;
use umoja_store::ports::ItemWrite;

use super::super::{DescribedSession, Standing};
use crate::accounts::until_written;
use crate::items::{over, replace_all};
use crate::{Error, People};

/// What becomes of a factor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// It is added.
    Add(&'a Factor),
    /// It ends.
    End(&'a Factor),
}

impl<'a> Change<'a> {
    const fn of(self) -> (&'a Factor, bool) {
        match self {
            Self::Add(factor) => (factor, false),
            Self::End(factor) => (factor, true),
        }
    }
}

impl People {
    /// Changes factors of the person of a user, and ends everything of the person but the session that is kept, in one transaction. False if
    /// a factor that is added is there already, ended or live: then nothing is changed.
    pub(super) async fn change_factors(
        &self,
        standing: &Standing,
        (user, kept): (UserId, Option<DescribedSession<'_>>),
        changes: &[Change<'_>],
    ) -> Result<bool, Error> {
        let all = standing.ends_all().with_factors(changes.iter().map(|change| change.of()));
        let is_changed = until_written!({
            let Some(mut writes) = self.writes_of(changes).await? else { return Ok(Some(false)) };
            writes.extend(self.ends_of_all(&all, kept).await?);
            Ok(replace_all(self, writes).await?.then_some(true))
        })?;
        if is_changed {
            self.end_what_has_ended(user).await?;
        }
        Ok(is_changed)
    }

    /// The writes of changes, by what is stored. `None` if a factor that is added is there already.
    async fn writes_of(&self, changes: &[Change<'_>]) -> Result<Option<Vec<ItemWrite>>, Error> {
        let mut writes = Vec::new();
        for change in changes {
            let (factor, ends) = change.of();
            let key = Factor::key(&factor.id);
            let stored = self.home.own.items.item(&ACCESS, factor.user, &key).await?.map(|stored| stored.version);
            if !ends {
                if stored.is_some() {
                    return Ok(None);
                }
                writes.push(over(None, factor.to_item(self.next_version(false, None)?)));
            } else if !stored.as_ref().is_some_and(|stored| stored.erased) {
                let version = self.next_version(true, stored.as_ref())?;
                writes.push(over(stored.as_ref(), ended(factor.user, key, version, None)));
            }
        }
        Ok(Some(writes))
    }
}
