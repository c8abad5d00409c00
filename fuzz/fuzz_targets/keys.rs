#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match umoja_migrate::formats::keys::parse(bytes) {
        Ok(keys) => assert!(keys.firebase.keys().all(|id| keys.hash_keys.contains(id))),
        // What is said about it is short, whatever it is.
        Err(error) => assert!(error.to_string().len() < 160),
    }
});
