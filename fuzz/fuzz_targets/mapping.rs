#![no_main]

use umoja_migrate::formats::{Format, Mapping, Options};

/// Any mapping, over records with the columns of the other targets' mapping.
const RECORDS: &[u8] = include_bytes!("../seeds/records.ndjson");

/// Events with the members of the mapping that is the seed.
const EVENTS: [&[u8]; 2] = [
    include_bytes!("../../ingest/tests/fixtures/generic-cloudevents.json"),
    include_bytes!("../../ingest/tests/fixtures/generic-plain.json"),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(mapping) = Mapping::parse(bytes) {
        let options = Options { mapping: Some(mapping), ..umoja_fuzz::OPTIONS.clone() };
        umoja_fuzz::with_options(Format::Ndjson, RECORDS, &options);
        umoja_fuzz::with_options(Format::Csv, b"id,mail,h,s\n1,a@example.com,x,y\n", &options);
    }
    if let Ok(mapping) = serde_json::from_slice(bytes) {
        for events in EVENTS {
            umoja_fuzz::posted_by(umoja_schema::SourceKind::Generic, &mapping, events);
        }
    }
});
