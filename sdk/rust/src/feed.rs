//! A reader of the company's events, in order and without a gap.

use crate::client::{Answer, Client};
use crate::error::Error;
use crate::types::{Events, ListEvents};

/// A reader of events. It asks again at once while there are more, and otherwise waits for the next one in the region.
///
/// Store the cursor in the same transaction as the effects of the events: then none is lost or done twice.
///
/// ```no_run
/// # async fn run(client: &umoja_client::Client, stored: Option<String>) -> Result<(), umoja_client::Error> {
/// let mut feed = client.feed(stored);
/// loop {
///     let page = feed.next().await?;
///     for event in &page.events {
///         println!("{} {}", event.r#type, event.subject);
///     }
///     // store page.cursor
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Feed {
    client: Client,
    cursor: Option<String>,
    after: Option<u64>,
    more: bool,
}

impl Client {
    /// Reads the company's events from a cursor on, of any region; without one, from the oldest that is kept.
    pub fn feed(&self, cursor: Option<String>) -> Feed {
        Feed { client: self.clone(), cursor, after: None, more: true }
    }

    /// Reads the company's events from a time on, in seconds since 1970.
    pub fn feed_after(&self, after_secs: u64) -> Feed {
        Feed { client: self.clone(), cursor: None, after: Some(after_secs), more: true }
    }
}

impl Feed {
    /// The next events. There may be none, and the cursor is another one then too.
    ///
    /// # Errors
    /// [`Error`]; the code [`CursorExpired`](crate::ProblemCode::CursorExpired) says that events are lost. The same events come again
    /// after an error.
    pub async fn next(&mut self) -> Result<Answer<Events>, Error> {
        let wait_secs = (!self.more).then(|| self.client.longest_wait_secs());
        let after = self.after.filter(|_| self.cursor.is_none());
        let asked = ListEvents { cursor: self.cursor.clone(), after, wait_secs, ..ListEvents::default() };
        let page = self.client.list_events(&asked).await?;
        self.cursor = Some(page.cursor.clone());
        self.more = page.more;
        Ok(page)
    }
}
