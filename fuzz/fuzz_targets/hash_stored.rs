#![no_main]

use umoja_crypto::legacy::{cost, runs_argon2};

// What the database holds: nothing is computed for these two.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if runs_argon2(text) {
        assert!(cost(text).is_ok());
    }
});
