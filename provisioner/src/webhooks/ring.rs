//! Wakes webhooks, where a function posts to them.

use std::collections::BTreeSet;

use umoja_schema::events::MADE;
use umoja_schema::names::{attribute, table};
use umoja_schema::replica::Image;
use umoja_schema::{CompanyId, Millis, Region, Webhook, WebhookId};
use umoja_store::events::{ReadError, Window, read};
use umoja_store::ports::StoreError;
use umoja_store::{Change, Home};

use super::backlog::backlog;
use super::state::State;
use crate::retry::NEVER;

/// The companies of the events that other regions made and that arrive with these changes.
pub fn arrived(changes: &[Change], own: &Region) -> BTreeSet<CompanyId> {
    let company = |change: &Change| {
        let image = Image(&change.image);
        let is_made = change.table == table::EVENTS && image.text(attribute::KIND) == Some(MADE);
        let is_from_elsewhere = image.origin() != Some(own.as_str());
        // `umoja_schema::events::made_key`.
        let company = image.text(attribute::KEY).filter(|_| is_made && is_from_elsewhere)?.rsplit_once('#')?.1;
        company.parse().ok()
    };
    changes.iter().filter_map(company).collect()
}

/// Wakes the webhooks of companies whose home the region is. Returns how many.
///
/// # Errors
/// If the settings cannot be read.
pub async fn wake(home: &Home, companies: &BTreeSet<CompanyId>) -> Result<usize, StoreError> {
    if companies.is_empty() {
        return Ok(0);
    }
    let webhooks = all(home).await?.into_iter().filter(|webhook| {
        let is_here = webhook.home == home.own.name && !webhook.is_ended() && webhook.enabled;
        is_here && companies.contains(&webhook.company)
    });
    let mut woken = 0;
    for webhook in webhooks {
        home.wake(&Webhook::setting(&webhook.id)).await;
        woken += 1;
    }
    Ok(woken)
}

/// Wakes the webhooks at which there is something to do: rows that are due, orders of an operator, events without a
/// ring. Returns how many.
///
/// # Errors
/// If the store fails.
pub async fn wake_due(home: &Home) -> Result<usize, StoreError> {
    let mut woken = 0;
    for webhook in all(home).await? {
        if has_work(home, &webhook).await? {
            home.wake(&Webhook::setting(&webhook.id)).await;
            woken += 1;
        }
    }
    Ok(woken)
}

async fn has_work(home: &Home, webhook: &Webhook) -> Result<bool, StoreError> {
    let name = Webhook::setting(&webhook.id);
    let has_row = async |until| Ok::<_, StoreError>(!home.due.due_page(&name, until, None, 1).await?.rows.is_empty());
    if webhook.is_ended() || webhook.home != home.own.name {
        return has_row(NEVER).await;
    }
    let Some(state) = State::load(&*home.checkpoints, &webhook.id).await? else { return Ok(webhook.enabled) };
    if state.clone().carry_out(webhook).is_changed {
        return Ok(true);
    }
    if !webhook.enabled || state.is_off(webhook) {
        return Ok(false);
    }
    if has_row(home.clock.now()).await? {
        return Ok(true);
    }
    match read(home, &webhook.company, &state.position(), 1, Window::Recent).await {
        Ok(page) => Ok(!page.events.is_empty()),
        Err(ReadError::Expired) => Ok(true),
        Err(ReadError::Store(error)) => Err(error),
    }
}

/// The ids of the webhooks that have work in a region: those whose home it is, and those that are removed or have another
/// home and have rows here.
///
/// # Errors
/// If the settings or the rows cannot be read.
pub async fn ids(home: &Home) -> Result<Vec<WebhookId>, StoreError> {
    let mut ids = Vec::new();
    for webhook in all(home).await? {
        let is_here = webhook.home == home.own.name && !webhook.is_ended();
        let name = Webhook::setting(&webhook.id);
        if is_here || !home.due.due_page(&name, NEVER, None, 1).await?.rows.is_empty() {
            ids.push(webhook.id);
        }
    }
    Ok(ids)
}

/// For how long the oldest event has been waiting that a webhook of a region has not accepted, in milliseconds; 0 if none
/// waits.
///
/// # Errors
/// If the settings or the rows cannot be read.
pub async fn oldest_ms(home: &Home) -> Result<u64, StoreError> {
    let mut oldest = 0;
    for id in ids(home).await? {
        let since: Option<Millis> = backlog(&*home.due, &id).await?.oldest;
        oldest = oldest.max(since.map_or(0, |since| home.clock.now().since(since)));
    }
    Ok(oldest)
}

/// The webhooks of a deployment that can be read.
async fn all(home: &Home) -> Result<Vec<Webhook>, StoreError> {
    let stored = home.registry.settings(Webhook::SETTINGS).await?;
    let read = |(name, document): (String, _)| {
        Webhook::read(name.strip_prefix(Webhook::SETTINGS).unwrap_or_default(), document).ok()
    };
    Ok(stored.into_iter().filter_map(read).collect())
}
