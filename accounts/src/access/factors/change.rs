//! Changes of factors, each with the end of everything that began before it.

use umoja_schema::access::{Factor, ended};
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Actor, AuditEvent, UserId};
use umoja_store::ports::ItemWrite;

use super::super::{DescribedSession, Standing};
use crate::accounts::until_written;
use crate::items::{over, replace_recorded};
use crate::{Error, People};

/// Who changes the factors of a person.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The user.
    pub user: UserId,
    /// The session in which the person does it, which stays. Everything else ends; `None` ends all.
    pub kept: Option<DescribedSession<'a>>,
    /// Who does it, for the audit trail.
    pub actor: &'a Actor,
}

/// What becomes of a factor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// It is added.
    Add(&'a Factor),
    /// It ends.
    End(&'a Factor),
}

/// Writes of factors, and what the audit trail says of them.
type Written = (Vec<ItemWrite>, Vec<(UserId, AuditEvent)>);

impl<'a> Change<'a> {
    const fn of(self) -> (&'a Factor, bool) {
        match self {
            Self::Add(factor) => (factor, false),
            Self::End(factor) => (factor, true),
        }
    }
}

impl People {
    /// Changes factors of the person of a user, records each change in the audit trail, and ends everything of the person but the session that
    /// is kept, in one transaction. False if a factor that is added is there already, ended or live: then nothing is changed.
    pub(super) async fn change_factors(
        &self,
        standing: &Standing,
        By { user, kept, actor }: By<'_>,
        changes: &[Change<'_>],
    ) -> Result<bool, Error> {
        let all = standing.ends_all().with_factors(changes.iter().map(|change| change.of()));
        let events = until_written!({
            let Some((mut writes, events)) = self.writes_of(changes).await? else { return Ok(Some(None)) };
            writes.extend(self.ends_of_all(&all, kept).await?);
            let rows = self.recorder().rows(actor, &events).await?;
            Ok(replace_recorded(self, writes, rows).await?.then_some(Some(events)))
        })?;
        let Some(events) = events else { return Ok(false) };
        for (user, event) in events {
            match event {
                AuditEvent::FactorAdded(kind) => tracing::info!(%user, kind, "a factor was added"),
                AuditEvent::FactorRemoved(kind) => tracing::info!(%user, kind, "a factor was removed"),
                _ => {}
            }
        }
        self.end_what_has_ended(user).await?;
        Ok(true)
    }

    /// The writes of changes, by what is stored, and their events. `None` if a factor that is added is there already.
    async fn writes_of(&self, changes: &[Change<'_>]) -> Result<Option<Written>, Error> {
        let (mut writes, mut events) = (Vec::new(), Vec::new());
        for change in changes {
            let (factor, ends) = change.of();
            let (key, kind) = (Factor::key(&factor.id), factor.kind.name());
            let stored = self.home.own.items.item(&ACCESS, factor.user, &key).await?.map(|stored| stored.version);
            if !ends {
                if stored.is_some() {
                    return Ok(None);
                }
                writes.push(over(None, factor.to_item(self.next_version(false, None)?)));
                events.push((factor.user, AuditEvent::FactorAdded(kind)));
            } else if !stored.as_ref().is_some_and(|stored| stored.erased) {
                let version = self.next_version(true, stored.as_ref())?;
                writes.push(over(stored.as_ref(), ended(factor.user, key, version, None)));
                events.push((factor.user, AuditEvent::FactorRemoved(kind)));
            }
        }
        Ok(Some((writes, events)))
    }
}
