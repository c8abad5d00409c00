#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umoja_fuzz::pool_list(bytes));
