#![no_main]

// What clients sign: assertions and proofs, and the keys that they publish.
libfuzzer_sys::fuzz_target!(|text: &str| umoja_fuzz::sign_on::signed(text));
