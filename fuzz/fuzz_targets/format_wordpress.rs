#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umoja_fuzz::source(umoja_migrate::formats::Format::WordPress, bytes));
