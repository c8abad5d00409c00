//! Replaces what a region cannot read about a user by the copies of its peers.

use umoja_schema::replicated::Rule;
use umoja_schema::{Item, Key, Part, Replicated, UserId};
use umoja_store::apply::Applied;
use umoja_store::ports::StoreError;
use umoja_store::replicate::replicate_newest;
use umoja_store::{Home, RegionPorts};

/// Replaces the unreadable items of a user in one table, and returns how many. A peer that cannot be asked has no copy.
///
/// # Errors
/// If the own region fails.
pub(crate) async fn restore(home: &Home, table: &'static Replicated, user: UserId) -> Result<u64, StoreError> {
    let mut restored = 0;
    for peer in &home.peers {
        let copies = match copies(&peer.ports, table, user).await {
            Ok(copies) => copies,
            Err(error) => {
                tracing::warn!(peer = %peer.ports.name, %error, "a peer was not asked for its copies");
                continue;
            }
        };
        for copy in copies {
            match home.own.read(&copy.key()).await {
                Err(StoreError::Unreadable(_)) => {
                    restored += u64::from(replicate_newest(home, &home.own, &copy).await? != Applied::Current);
                }
                read => drop(read?),
            }
        }
    }
    Ok(restored)
}

/// The item under a key. One that cannot be read or verified counts as absent, so that another region's replaces it.
pub(crate) async fn readable(ports: &RegionPorts, key: &Key) -> Result<Option<Item>, StoreError> {
    match ports.read(key).await {
        Err(StoreError::Unreadable(error)) => {
            tracing::error!(region = %ports.name, table = key.table.name, %key, %error, "an item is replaced by a peer's");
            Ok(None)
        }
        read => read,
    }
}

/// What a region can read of a user's items.
async fn copies(ports: &RegionPorts, table: &'static Replicated, user: UserId) -> Result<Vec<Item>, StoreError> {
    Ok(match table.rule {
        Rule::Parts => {
            let mut found = Vec::new();
            for part in Part::ALL {
                found.extend(readable(ports, &Key::of_part(user, part)).await?);
            }
            found
        }
        Rule::PutIfAbsent(log) => ports.logs.rows(log, user).await?.into_iter().map(|row| (log, row).into()).collect(),
        Rule::NewestWins => ports.items.items(table, user).await?.into_iter().map(Item::from).collect(),
    })
}
