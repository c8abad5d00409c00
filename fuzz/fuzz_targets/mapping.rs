#![no_main]

use umoja_migrate::formats::{Format, Mapping, Options};

/// Any mapping, over records with the columns of the other targets' mapping.
const RECORDS: &[u8] = include_bytes!("../seeds/records.ndjson");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(mapping) = Mapping::parse(bytes) {
        let options = Options { mapping: Some(mapping), ..umoja_fuzz::OPTIONS.clone() };
        umoja_fuzz::with_options(Format::Ndjson, RECORDS, &options);
        umoja_fuzz::with_options(Format::Csv, b"id,mail,h,s\n1,a@example.com,x,y\n", &options);
    }
});
