#![no_main]

// What the provider finds in a code, a step or a cookie after it has opened it.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umoja_fuzz::sign_on::opened(bytes));
