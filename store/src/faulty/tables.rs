use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_schema::{Company, CompanyId, Log, LogRow, Millis, Replicated, UserId, VersionedItem};

use super::Faulty;
use crate::ports::{
    CompanyRow, Etag, Inbox, InboxDocument, InboxPage, ItemPage, Items, Logs, Registry, RowPage, SettingRow, StoreError,
};

#[async_trait]
impl Items for Faulty<dyn Items> {
    async fn item(
        &self,
        table: &'static Replicated,
        user: UserId,
        key: &str,
    ) -> Result<Option<VersionedItem>, StoreError> {
        self.faults.call("item", self.inner.item(table, user, key)).await
    }

    async fn items(&self, table: &'static Replicated, user: UserId) -> Result<Vec<VersionedItem>, StoreError> {
        self.faults.call("items", self.inner.items(table, user)).await
    }

    async fn items_under(
        &self,
        table: &'static Replicated,
        user: UserId,
        prefixes: &[String],
    ) -> Result<Vec<VersionedItem>, StoreError> {
        self.faults.call("items", self.inner.items_under(table, user, prefixes)).await
    }

    async fn drop_items(&self, table: &'static Replicated, user: UserId) -> Result<u64, StoreError> {
        self.faults.call("drop_items", self.inner.drop_items(table, user)).await
    }

    async fn drop_item(&self, item: &VersionedItem) -> Result<bool, StoreError> {
        self.faults.call("drop_item", self.inner.drop_item(item)).await
    }

    async fn scan_items(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        self.faults.call("scan_items", self.inner.scan_items(table, after, limit)).await
    }
}

#[async_trait]
impl Logs for Faulty<dyn Logs> {
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        self.faults.call("append", self.inner.append(log, row)).await
    }

    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError> {
        self.faults.call("row", self.inner.row(log, user, key)).await
    }

    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        self.faults.call("rows", self.inner.rows(log, user)).await
    }

    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError> {
        self.faults.call("last_row", self.inner.last_row(log, user, prefix)).await
    }

    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError> {
        self.faults.call("drop_row", self.inner.drop_row(log, user, key)).await
    }

    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        self.faults.call("scan_rows", self.inner.scan_rows(log, after, limit)).await
    }
}

#[async_trait]
impl Inbox for Faulty<dyn Inbox> {
    async fn inbox_document(&self, key: &[u8; 32], now: Millis) -> Result<Option<InboxDocument>, StoreError> {
        self.faults.call("inbox_document", self.inner.inbox_document(key, now)).await
    }

    async fn replace_inbox_document(
        &self,
        key: &[u8; 32],
        stored: Option<&Etag>,
        document: &Map<String, Value>,
        now: Millis,
        expires_at: Millis,
    ) -> Result<bool, StoreError> {
        self.faults
            .call("replace_inbox_document", self.inner.replace_inbox_document(key, stored, document, now, expires_at))
            .await
    }

    async fn scan_inbox(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        self.faults.call("scan_inbox", self.inner.scan_inbox(after, limit, now)).await
    }

    async fn scan_waiting(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        self.faults.call("scan_waiting", self.inner.scan_waiting(after, limit, now)).await
    }
}

#[async_trait]
impl Registry for Faulty<dyn Registry> {
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, StoreError> {
        self.faults.call("company", self.inner.company(id)).await
    }

    async fn company_rows(&self) -> Result<Vec<CompanyRow>, StoreError> {
        self.faults.call("companies", self.inner.company_rows()).await
    }

    async fn replace_company_row(&self, row: &CompanyRow, company: Option<&Company>) -> Result<bool, StoreError> {
        self.faults.call("replace_company_row", self.inner.replace_company_row(row, company)).await
    }

    async fn put_company(&self, company: &Company) -> Result<(), StoreError> {
        self.faults.call("put_company", self.inner.put_company(company)).await
    }

    async fn replace_company(&self, expected: Option<&Company>, company: &Company) -> Result<bool, StoreError> {
        self.faults.call("replace_company", self.inner.replace_company(expected, company)).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>, StoreError> {
        self.faults.call("setting", self.inner.setting(name)).await
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<(), StoreError> {
        self.faults.call("put_setting", self.inner.put_setting(name, value)).await
    }

    async fn replace_setting(&self, name: &str, expected: Option<&Value>, value: &Value) -> Result<bool, StoreError> {
        self.faults.call("replace_setting", self.inner.replace_setting(name, expected, value)).await
    }

    async fn setting_rows(&self, prefix: &str) -> Result<Vec<SettingRow>, StoreError> {
        self.faults.call("settings", self.inner.setting_rows(prefix)).await
    }

    async fn remove_setting(&self, row: &SettingRow) -> Result<bool, StoreError> {
        self.faults.call("remove_setting", self.inner.remove_setting(row)).await
    }
}
