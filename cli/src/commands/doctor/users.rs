//! Whether the users are as the audit trails say.

use std::collections::BTreeMap;

use serde::Serialize;
use umoja_reconciler::{Contradicted, Contradiction, TrailCheck};
use umoja_schema::{Region, UserId};
use umoja_store::ports::StoreError;

use crate::deployment::{DeployedRegion, Regions};
use crate::output::note;

/// After how many pages the check of a region reports its progress.
const REPORT_PAGES: u64 = 100;

/// What was found in all regions.
#[derive(Serialize)]
pub(super) struct Users {
    /// How many users contradict the audit trail.
    found: usize,
    /// The first of them.
    contradicted: Vec<Contradicted>,
    /// The regions whose check did not reach the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unread>,
}

#[derive(Serialize)]
struct Unread {
    region: Region,
    error: String,
}

/// Compares the users of each region with its audit trail. What one region has, the others get by anti-entropy, so a
/// user is named once.
pub(super) async fn look(regions: &Regions, most: usize) -> Users {
    let (mut found, mut unread) = (BTreeMap::new(), Vec::new());
    for region in regions.list.iter().filter(|region| region.state.is_compared()) {
        if let Err(error) = one(region, &mut found).await {
            unread.push(Unread { region: region.name().clone(), error: error.to_string() });
        }
    }
    let contradicted = found.iter().take(most);
    let contradicted = contradicted.map(|(user, one)| Contradicted { user: *user, contradiction: one.clone() });
    Users { found: found.len(), contradicted: contradicted.collect(), unread }
}

async fn one(region: &DeployedRegion, found: &mut BTreeMap<UserId, Contradiction>) -> Result<(), StoreError> {
    let (mut check, mut pages) = (TrailCheck::new(&region.home), 0);
    while let Some(page) = check.page().await? {
        for Contradicted { user, contradiction } in page {
            found.entry(user).or_insert(contradiction);
        }
        pages += 1;
        if pages % REPORT_PAGES == 0 {
            note(&format!("{}: {pages} pages compared with the audit trail", region.name()));
        }
    }
    Ok(())
}

impl Users {
    /// True if not everything could be read.
    pub(super) fn is_blind(&self) -> bool {
        !self.unread.is_empty()
    }

    /// What needs an operator's attention.
    pub(super) fn said(&self) -> Vec<String> {
        let mut said: Vec<String> =
            self.contradicted.iter().map(|one| format!("{}: {}", one.user, one.contradiction)).collect();
        if self.found > said.len() {
            said.push(format!("users that contradict the audit trail: {} more", self.found - said.len()));
        }
        said
    }

    /// The result as a line of text.
    pub(super) fn line(&self) -> String {
        let end = match self.unread.first() {
            Some(Unread { region, error }) => format!("not read to the end in {region}: {error}"),
            None if self.found == 0 => "every user is as recorded".to_owned(),
            None => format!("users that contradict it: {}", self.found),
        };
        format!("users and the audit trail: {end}")
    }
}
