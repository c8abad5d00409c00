//! Opening every user of a region.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use umoja_schema::{CompanyId, Part, PartRecord, UserId};
use umoja_store::Home;
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::seal::{SealError, Sealer};

use super::{FORMAT, Header, Record};
use crate::import::Stopped;

/// The number of parts that are read at a time, and of users that are opened at a time.
const PAGE: usize = 500;
const AT_ONCE: usize = 64;

/// Reads all users of a region, a page at a time.
pub struct Exporter {
    /// The region.
    pub home: Home,
    /// The service that opens their parts.
    pub sealer: Arc<Sealer>,
    /// Only users that are linked to this company.
    pub company: Option<CompanyId>,
}

/// The outcome of one user.
#[derive(Debug)]
pub enum Exported {
    /// The whole user.
    User(Box<Record>),
    /// A user whose parts cannot be opened here: they are damaged, of a newer version of Umoja, or incomplete. `None`
    /// if even the id is unreadable.
    Unreadable(Option<UserId>),
}

impl Exporter {
    /// The first line.
    pub fn header(&self) -> Header {
        Header {
            umoja_export: FORMAT,
            exported_at: self.home.clock.now(),
            region: self.home.own.name.clone(),
            company: self.company.clone(),
        }
    }

    /// The users of a page that begins after `after`, and the position of the next page. A user that is written
    /// meanwhile is exported in its old or its new version.
    ///
    /// # Errors
    /// If the region or its keys fail.
    pub async fn page(&self, after: Option<String>) -> Result<(Vec<Exported>, Option<String>), Stopped> {
        let page = self.home.own.users.scan(after, PAGE).await?;
        let mut users: Vec<_> = page.unreadable.into_iter().map(Exported::Unreadable).collect();
        let is_wanted = |record: &PartRecord| {
            let links = |company| record.profile_facts().is_some_and(|facts| facts.links.contains_key(company));
            record.part == Part::Profile && record.live().is_some() && self.company.as_ref().is_none_or(links)
        };
        let opened: Vec<_> = page.records.into_iter().filter(is_wanted).map(|profile| self.open(profile)).collect();
        let mut opened = stream::iter(opened).buffered(AT_ONCE);
        while let Some(user) = opened.next().await {
            users.extend(user?);
        }
        drop(opened);
        Ok((users, page.next))
    }

    /// `None` if the user is erased by now.
    async fn open(&self, profile: PartRecord) -> Result<Option<Exported>, Stopped> {
        let id = profile.id;
        let unreadable = Some(Exported::Unreadable(Some(id)));
        let credentials = match self.home.own.users.part(id, Part::Credentials).await {
            Ok(Some(credentials)) if credentials.version.erased => return Ok(None),
            Ok(Some(credentials)) => credentials,
            Ok(None) | Err(StoreError::Unreadable(_)) => return Ok(unreadable),
            Err(error) => return Err(error.into()),
        };
        let (Some(facts), Some(status)) = (profile.profile_facts(), credentials.status()) else {
            return Ok(unreadable);
        };
        match futures_util::future::try_join(self.sealer.open(&profile), self.sealer.open(&credentials)).await {
            Ok((identity, held)) => Ok(Some(Exported::User(Box::new(Record::new(id, facts, status, identity, held))))),
            Err(SealError::Opaque | SealError::Newer | SealError::Keys(KeysError::Rejected)) => Ok(unreadable),
            Err(SealError::Keys(error)) => Err(error.into()),
        }
    }
}
