#![no_main]

use umoja_schema::{Attributes, ClaimItem, LogRow, PartRecord};

// Items of another region, as JSON: what is read is written as it was read.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(item) = serde_json::from_slice::<Attributes>(bytes) else { return };
    if let Ok(record) = PartRecord::from_item(item.clone()) {
        assert!(PartRecord::from_item(record.to_item()).is_ok());
    }
    if let Ok(claim) = ClaimItem::from_item(item.clone()) {
        assert!(ClaimItem::from_item(claim.to_item()).is_ok());
    }
    let _ = LogRow::from_item(item);
});
