#![no_main]

// What the program of a page sends of a passkey: JSON with the CBOR of an authenticator.
libfuzzer_sys::fuzz_target!(|text: &str| umoja_fuzz::sign_on::passkey(text));
