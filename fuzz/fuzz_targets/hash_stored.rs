#![no_main]

use umoja_crypto::legacy::{cost, runs_argon2};

// Strings from the database: these two functions compute no hash.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if runs_argon2(text) {
        assert!(cost(text).is_ok());
    }
});
