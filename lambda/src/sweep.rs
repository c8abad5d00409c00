//! The sweep: reads every part of the own region, lists those that lack a wrapped key for repair, and says what the
//! region holds. Comparing regions belongs to the anti-entropy that is not built yet.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::Service;
use umoja_store::Home;
use umoja_store::digest::Digest;
use umoja_store::ports::StoreError;
use umoja_store::repairs::enqueue_if_incomplete;

use crate::aws::Needs;
use crate::function::{Function, time_left};
use crate::reconcile::{BuildHome, ready};

/// What the sweep calls.
pub const NEEDS: Needs = Needs { own: &[Service::Sqs], peers: &[] };

/// Parts of a page.
const PAGE: usize = 500;

/// Messages that are sent at the same time.
const CONCURRENT: usize = 16;

/// What a sweep found, as far as it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    digest: Digest,
    /// Parts that lack a wrapped key.
    missing: u64,
    /// Of those, how many could not be listed for repair.
    unlisted: u64,
}

/// Sweeps the region once. Of a sweep that was not finished nothing is told but that: a part of the number of missing
/// keys would be a lie.
///
/// # Errors
/// Never: the next sweep starts over.
pub async fn handle(function: &Function<BuildHome>, event: LambdaEvent<Value>) -> Result<(), Error> {
    if let Some(home) = ready(function).await {
        let time = time_left(&event.context, function.live.clock().now());
        if let Some(found) = sweep(&home, time).await {
            function.metrics.write_missing_keys(found.missing);
        }
    }
    function.metrics.write();
    Ok(())
}

/// Sweeps within a time. Nothing if that was not enough, or the table failed.
async fn sweep(home: &Home, time: Duration) -> Option<Found> {
    let mut found = Found::default();
    let ended = tokio::time::timeout(time, pages(home, &mut found)).await;
    let Found { digest, missing, unlisted } = found;
    match ended {
        Ok(Ok(())) => {
            tracing::info!(parts = digest.parts, missing, unlisted, %digest, "swept");
            Some(found)
        }
        Ok(Err(error)) => {
            tracing::error!(%error, parts = digest.parts, "the sweep was broken off");
            None
        }
        Err(_) => {
            tracing::error!(parts = digest.parts, "the sweep did not end in its time; give the function more");
            None
        }
    }
}

async fn pages(home: &Home, found: &mut Found) -> Result<(), StoreError> {
    let regions = home.region_names().count();
    let mut after = None;
    loop {
        let page = home.own.users.scan(after, PAGE).await?;
        page.records.iter().for_each(|record| found.digest.add(record, regions));
        let listed = stream::iter(page.records.iter().map(|record| enqueue_if_incomplete(home, record)));
        for listed in listed.buffer_unordered(CONCURRENT).collect::<Vec<_>>().await {
            match listed {
                Ok(missing) => found.missing += u64::from(missing),
                Err(error) => {
                    tracing::warn!(%error, "a missing key could not be listed for repair");
                    found.missing += 1;
                    found.unlisted += 1;
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Regions, Silent, document};
    use umoja_schema::{AccountStatus, Attributes, Credentials, Facts, Hlc, Millis, UserId, Version};
    use umoja_store::RegionState::Serving;
    use umoja_store::keyring::KeyRing;
    use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
    use umoja_store::seal::Sealer;

    /// Stores the credentials of a user, wrapped by the regions of `home`.
    async fn store(home: &Home, user: u8) {
        let sealer = Sealer::new(KeyRing::new(home, 300), std::sync::Arc::clone(&home.entropy));
        let version = Version { erased: false, hlc: Hlc::at(Millis(1)), origin: home.own.name.clone() };
        let facts = Facts::Credentials { status: AccountStatus::Active };
        let id = UserId::v8([user; 16]);
        let record = sealer.seal(id, version, facts, &Credentials::default(), Attributes::new()).await.unwrap();
        let parts = vec![PartWrite { record, condition: Condition::Absent }];
        let written = home.own.users.commit(&Writes { parts, ..Writes::default() }).await.unwrap();
        assert_eq!(written, Commit::Done);
    }

    #[tokio::test]
    async fn parts_from_before_a_region_came_are_counted_and_listed_for_repair() {
        let regions = Regions::new(&["eu", "us"]);
        let alone = regions.home_of(&document(&[("eu", Serving)]));
        let both = regions.home_of(&document(&[("eu", Serving), ("us", Serving)]));
        store(&alone, 1).await;
        store(&both, 2).await;
        let found = sweep(&both, Duration::from_mins(1)).await.unwrap();
        assert_eq!((found.digest.parts, found.missing, found.unlisted), (2, 1, 0));
        assert_eq!(both.repairs.depth().await.unwrap().waiting, 1);
    }

    #[tokio::test]
    async fn a_sweep_that_does_not_end_in_time_says_nothing() {
        let regions = Regions::new(&["eu", "us"]);
        store(&regions.home_of(&document(&[("eu", Serving)])), 1).await;
        let mut home = regions.home_of(&document(&[("eu", Serving), ("us", Serving)]));
        home.repairs = std::sync::Arc::new(Silent);
        assert_eq!(sweep(&home, Duration::from_secs(1)).await, None);
    }
}
