#![no_main]

use umoja_crypto::legacy::ForeignHash;

// Two texts with a tab between.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some((credential, secret)) = text.split_once('\t') {
        umoja_fuzz::hash(ForeignHash::keycloak(credential, secret));
    }
});
