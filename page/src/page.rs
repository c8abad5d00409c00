//! The page of a region: what its routes share.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use umoja_accounts::People;
use umoja_look::{Language, Look};
use umoja_schema::{Company, CompanyId, Millis};
use umoja_store::ports::Clock;
use umoja_store::remembered::Remembered;

use crate::problem::Problem;
use crate::region::Region;
use crate::statuses::{Account, Opened, Statuses};
use crate::watchers::Watchers;
use crate::{html, session};

/// How events reach the browser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Events {
    /// At once: the connection stays open. The rows are read when [`Watchers`](crate::Watchers) say that they changed, and
    /// after each of these periods.
    Streamed(Duration),
    /// When the browser asks again: each answer ends, because the host passes on only whole answers.
    #[default]
    Buffered,
}

/// The page of a region.
pub struct Page {
    pub(crate) statuses: Arc<dyn Statuses>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Events,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) base_url: String,
    pub(crate) policy: String,
    companies: Remembered<CompanyId, Company>,
    pages: Vec<(Language, axum::body::Bytes)>,
}

/// What a page shows.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    company: Look,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_url: Option<String>,
    expires_at: u64,
    accounts: Vec<Account>,
}

impl Page {
    /// The page of a region with these people, at `base_url`.
    pub fn of_region(people: People, base_url: &str, events: Events) -> Self {
        let clock = Arc::clone(&people.home.clock);
        Self::new(Arc::new(Region(people)), clock, base_url, events)
    }

    /// The page of the region at `base_url`, which has no trailing slash.
    pub fn new(statuses: Arc<dyn Statuses>, clock: Arc<dyn Clock>, base_url: &str, events: Events) -> Self {
        let page = |language| (language, html::page(language).into());
        Self {
            statuses,
            clock,
            events,
            watchers: Arc::default(),
            base_url: base_url.to_owned(),
            policy: html::policy(),
            companies: Remembered::default(),
            pages: Language::ALL.map(page).into(),
        }
    }

    /// Who waits for changes. A host that sees changes reports them here; otherwise the page looks now and then.
    pub fn watchers(&self) -> Arc<Watchers> {
        Arc::clone(&self.watchers)
    }

    pub(crate) fn html(&self, language: Language) -> axum::body::Bytes {
        let found = self.pages.iter().find(|(other, _)| *other == language);
        found.map(|(_, page)| page.clone()).unwrap_or_default()
    }

    /// The ticket, and the company that it is of.
    pub(crate) async fn opened(&self, text: &str, now: Millis) -> Result<(Opened, Arc<Company>), Problem> {
        let ticket = Some(text).filter(|text| session::is_ticket(text));
        let ticket = ticket.and_then(|text| self.statuses.open(text, now)).ok_or(Problem::Ticket)?;
        let company = if let Some((_, company)) = self.companies.get(&ticket.company, now) {
            company
        } else {
            let read = self.statuses.company(&ticket.company).await?.ok_or(Problem::Ticket)?;
            let read = Arc::new(read);
            self.companies.remember(ticket.company.clone(), &(now, Arc::clone(&read)));
            read
        };
        if company.enabled { Ok((Opened { text: text.to_owned(), ticket }, company)) } else { Err(Problem::Ticket) }
    }

    /// What the page shows now.
    pub(crate) async fn view(&self, opened: &Opened, company: &Company) -> Result<View, Problem> {
        let ticket = &opened.ticket;
        let accounts = self.statuses.accounts(ticket).await?;
        let return_url = ticket.return_url.as_ref().and_then(|id| company.return_url(id.as_str())).map(str::to_owned);
        Ok(View { company: Look::of(company), return_url, expires_at: ticket.expires_at, accounts })
    }
}
