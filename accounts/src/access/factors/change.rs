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
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// It is added.
    Add(Factor),
    /// It ends.
    End(Factor),
}

/// What is done, by what the person has.
pub(super) struct Decided<T> {
    /// The changes. Without any, nothing is written and nothing ends.
    pub(super) changes: Vec<Change>,
    /// What the caller gets then.
    pub(super) done: T,
}

impl<T> Decided<T> {
    /// Nothing changes.
    pub(super) const fn nothing(done: T) -> Self {
        Self { changes: Vec::new(), done }
    }
}

/// Writes of factors, and what the audit trail says of them.
type Written = (Vec<ItemWrite>, Vec<(UserId, AuditEvent)>);

/// What is stored of a factor that is added.
enum Found {
    /// It was there and has ended, so it is not added again.
    Ended,
    /// Another write came between.
    Overtaken,
}

impl Change {
    const fn of(&self) -> (&Factor, bool) {
        match self {
            Self::Add(factor) => (factor, false),
            Self::End(factor) => (factor, true),
        }
    }
}

impl People {
    /// Changes the factors of the person of a user as it is decided by what the person has, records each change in the audit trail, and ends
    /// everything of the person but the session that is kept, in one transaction. If another change comes between, it is decided again: so of
    /// two that remove the last two factors, one knows that it removes the last. `None` if a factor that is added has ended before: then
    /// nothing is changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live user; if the store fails.
    pub(super) async fn change_factors<T>(
        &self,
        By { user, kept, actor }: By<'_>,
        decide: impl Fn(&Standing) -> Decided<T>,
    ) -> Result<Option<T>, Error> {
        let (done, events) = until_written!({
            let standing = Standing::read(self, user).await?.ok_or(Error::NotFound)?;
            let Decided { changes, done } = decide(&standing);
            if changes.is_empty() {
                return Ok(Some((Some(done), Vec::new())));
            }
            let (mut writes, events) = match self.writes_of(&changes).await? {
                Ok(written) => written,
                Err(Found::Ended) => return Ok(Some((None, Vec::new()))),
                Err(Found::Overtaken) => return Ok(None),
            };
            let all = standing.ends_all_as_read(&self.home.own.name);
            let all = all.with_factors(changes.iter().map(Change::of));
            writes.extend(self.ends_of_all(&all, kept).await?);
            let rows = self.recorder().rows(actor, &events).await?;
            Ok(replace_recorded(self, writes, rows).await?.then_some((Some(done), events)))
        })?;
        for (user, event) in &events {
            match event {
                AuditEvent::FactorAdded(kind) => tracing::info!(%user, kind, "a factor was added"),
                AuditEvent::FactorRemoved(kind) => tracing::info!(%user, kind, "a factor was removed"),
                _ => {}
            }
        }
        if !events.is_empty() {
            self.end_what_has_ended(user).await?;
        }
        Ok(done)
    }

    /// The writes of changes, by what is stored, and their events. The inner error is why a factor is not added.
    async fn writes_of(&self, changes: &[Change]) -> Result<Result<Written, Found>, Error> {
        let (mut writes, mut events) = (Vec::new(), Vec::new());
        for change in changes {
            let (factor, ends) = change.of();
            let (key, kind) = (Factor::key(&factor.id), factor.kind.name());
            let stored = self.home.own.items.item(&ACCESS, factor.user, &key).await?.map(|stored| stored.version);
            let has_ended = stored.as_ref().is_some_and(|stored| stored.erased);
            match (&stored, ends) {
                (Some(_), false) => return Ok(Err(if has_ended { Found::Ended } else { Found::Overtaken })),
                (_, true) if has_ended => return Ok(Err(Found::Overtaken)),
                (_, true) => {
                    let version = self.next_version(true, stored.as_ref())?;
                    writes.push(over(stored.as_ref(), ended(factor.user, key, version, None)));
                    events.push((factor.user, AuditEvent::FactorRemoved(kind)));
                }
                (None, false) => {
                    writes.push(over(None, factor.to_item(self.next_version(false, None)?)));
                    events.push((factor.user, AuditEvent::FactorAdded(kind)));
                }
            }
        }
        Ok(Ok((writes, events)))
    }
}
