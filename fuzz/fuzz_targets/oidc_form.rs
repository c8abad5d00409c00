#![no_main]

// The query or the body of a request to the provider of single sign-on.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| umoja_fuzz::sign_on::form(bytes));
