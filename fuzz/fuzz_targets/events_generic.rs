#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umoja_fuzz::posted(umoja_schema::SourceKind::Generic, bytes));
