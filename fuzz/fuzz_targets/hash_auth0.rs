#![no_main]

use umoja_crypto::legacy::ForeignHash;

libfuzzer_sys::fuzz_target!(|text: &str| {
    umoja_fuzz::hash(ForeignHash::auth0(text, &umoja_fuzz::OPTIONS.keys.hash_keys));
});
