//! What is remembered of deleted users whom no part remembers.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_accounts::incoming::Marks;
use umoja_schema::{Mark, Marked};
use umoja_store::Home;
use umoja_store::inbox;
use umoja_store::ports::{Inbox, StoreError};

use crate::source::KnownSource;

/// No marks: of what is applied at once, no older change is on its way.
pub(crate) struct NoMarks;

#[async_trait]
impl Marks for NoMarks {
    async fn marked(&self, _: &str) -> Result<Option<Marked>, StoreError> {
        Ok(None)
    }

    async fn remember(&self, _: &str, _: Mark) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The marks of a source in the inbox of a region.
pub(crate) struct InboxMarks {
    home: Home,
    known: Arc<KnownSource>,
}

impl InboxMarks {
    /// The marks of this source.
    pub(crate) const fn new(home: Home, known: Arc<KnownSource>) -> Self {
        Self { home, known }
    }

    fn inbox(&self) -> &dyn Inbox {
        &*self.home.own.inbox
    }
}

#[async_trait]
impl Marks for InboxMarks {
    async fn marked(&self, subject: &str) -> Result<Option<Marked>, StoreError> {
        inbox::marked(self.inbox(), &self.known.mark_key(subject), self.home.clock.now()).await
    }

    async fn remember(&self, subject: &str, mark: Mark) -> Result<(), StoreError> {
        inbox::raise_mark(self.inbox(), &self.known.mark_key(subject), mark, self.home.clock.now()).await.map(drop)
    }
}
