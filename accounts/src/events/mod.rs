//! The events of a company: what changed about its users, from a position that is valid in every region.

mod cursor;
mod waiting;

use std::time::Duration;

use umoja_schema::CompanyId;
use umoja_store::events::{Page, Position, ReadError, Window, read};

pub use cursor::{open, seal};
pub use waiting::Waiting;

use crate::{Accounts, Context, Error, Rule};

/// How often a waiting request looks for an event.
const POLL: Duration = Duration::from_millis(500);

/// Lists the events of the company of the context.
pub struct ListEvents {
    /// The position after which to begin.
    pub position: Position,
    /// The most changes.
    pub limit: usize,
    /// How long to wait for an event, in seconds.
    pub wait_secs: u16,
    /// The requests that wait in this process.
    pub waiting: Waiting,
}

impl Rule for ListEvents {
    type Read = Page;
    type Done = Page;

    async fn read(&self, accounts: &Accounts, context: &Context) -> Result<Page, Error> {
        self.page(accounts, &context.company.id, &self.position, Window::Whole).await
    }

    /// Waits for an event if there is none. A request that may not wait is answered at once.
    async fn act(self, accounts: &Accounts, context: &Context, mut page: Page) -> Result<Page, Error> {
        let company = &context.company.id;
        if self.wait_secs == 0 {
            return Ok(page);
        }
        let Some(_place) = self.waiting.enter(company).filter(|_| is_empty(&page)) else { return Ok(page) };
        let waited = tokio::time::timeout(Duration::from_secs(self.wait_secs.into()), async {
            while is_empty(&page) {
                tokio::time::sleep(POLL).await;
                page = self.page(accounts, company, &page.position, Window::Recent).await?;
            }
            Ok::<_, Error>(())
        });
        match waited.await {
            Ok(found) => found?,
            // However slow the store is, the wait ends in time. What arrived late from another region is found now.
            Err(_) => page = self.page(accounts, company, &page.position, Window::Whole).await?,
        }
        Ok(page)
    }
}

impl ListEvents {
    async fn page(
        &self,
        accounts: &Accounts,
        company: &CompanyId,
        position: &Position,
        window: Window,
    ) -> Result<Page, Error> {
        read(&accounts.home, company, position, self.limit, window).await.map_err(|error| match error {
            ReadError::Store(error) => error.into(),
            ReadError::Expired => Error::EventsExpired,
        })
    }
}

fn is_empty(page: &Page) -> bool {
    page.events.is_empty() && !page.more
}
