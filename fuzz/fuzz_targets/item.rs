#![no_main]

use umoja_schema::access::AccessRow;
use umoja_schema::replicated::ACCESS;
use umoja_schema::{Attributes, IdentifierItem, LogRow, PartRecord, VersionedItem};

// Items of another region, as JSON: an item that is read can be written and read again.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(item) = serde_json::from_slice::<Attributes>(bytes) else { return };
    if let Ok(record) = PartRecord::from_item(item.clone()) {
        assert!(PartRecord::from_item(record.to_item()).is_ok());
    }
    if let Ok(ownership) = IdentifierItem::from_item(item.clone()) {
        assert!(IdentifierItem::from_item(ownership.to_item()).is_ok());
    }
    if let Ok(row) = VersionedItem::from_item(&ACCESS, item.clone()) {
        assert!(VersionedItem::from_item(&ACCESS, row.to_item()).is_ok());
        let _ = AccessRow::from_item(&row);
    }
    let _ = LogRow::from_item(item);
});
