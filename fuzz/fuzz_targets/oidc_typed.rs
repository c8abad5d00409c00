#![no_main]

// A header of a browser or a client, or what a person types for a device.
libfuzzer_sys::fuzz_target!(|text: &str| umoja_fuzz::sign_on::typed(text));
