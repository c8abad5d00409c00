#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match umoja_migrate::formats::keys::parse(bytes) {
        Ok(keys) => assert!(keys.firebase.keys().all(|id| keys.hash_keys.contains(id))),
        // The error text is short for any input.
        Err(error) => assert!(error.to_string().len() < 160),
    }
});
