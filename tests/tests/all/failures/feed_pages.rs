//! How much of a company's events one call reads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use umoja_schema::{EventRow, Log, LogRow, Millis, Place, UserId};
use umoja_store::Home;
use umoja_store::events::{Position, Window, read};
use umoja_store::ports::{Logs, RowPage, StoreError};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, run};

/// The rows of a region. It counts how often the rows of a block are read.
struct Counting(Arc<dyn Logs>, AtomicUsize);

impl Counting {
    /// The blocks that were read since the last call.
    fn taken(&self) -> usize {
        self.1.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl Logs for Counting {
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        self.0.append(log, row).await
    }

    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.row(log, user, key).await
    }

    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.rows(log, user).await
    }

    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.last_row(log, user, prefix).await
    }

    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError> {
        self.0.drop_row(log, user, key).await
    }

    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        self.0.scan_rows(log, after, limit).await
    }
}

#[test]
fn a_call_reads_the_days_that_its_limit_needs() {
    const DAYS: usize = 20;
    run(async {
        let d = Deployment::of(World::new(727, 1).await).await;
        let from = d.world.regions[0].home.clock.now();
        for n in 0..DAYS {
            d.register(0, &format!("ada{n}@example.com"), "correct horse").await;
            d.world.feed().await;
            d.world.clock.advance(Millis::DAY_MS);
        }
        let home = &d.world.regions[0].home;
        let logs = Arc::new(Counting(Arc::clone(&home.own.logs), AtomicUsize::new(0)));
        let mut home: Home = home.clone();
        home.own.logs = Arc::<Counting>::clone(&logs);
        let shop = "shop".parse().unwrap();
        let position = Position { from, ..Position::default() };
        let list = async |position: &Position, limit| read(&home, &shop, position, limit, Window::Whole).await.unwrap();

        let first = list(&position, 1).await;
        assert_eq!((first.events.len(), first.more, logs.taken()), (1, true, 1), "the day of the first event");
        let few = list(&position, 3).await;
        assert_eq!((few.events.len(), few.more, logs.taken()), (3, true, 3));
        let all = list(&position, 500).await;
        assert_eq!((all.events.len(), all.more), (DAYS, false));
        // Today and tomorrow have no events.
        assert_eq!(logs.taken(), DAYS + 2);

        // However small its pages are, a reader gets every event once.
        let (mut position, mut places): (_, BTreeSet<Place>) = (position, BTreeSet::new());
        loop {
            let page = list(&position, 1).await;
            assert!(page.events.iter().all(|event: &EventRow| places.insert(event.place)), "an event comes twice");
            position = page.position;
            if !page.more {
                break;
            }
        }
        assert_eq!((places.len(), position), (DAYS, all.position));
    });
}
