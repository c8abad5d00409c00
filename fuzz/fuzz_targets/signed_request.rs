#![no_main]

/// When the example that the target starts with was signed, so that its times are right.
const NOW_SECS: u64 = 1_795_000_000;

libfuzzer_sys::fuzz_target!(|token: &[u8]| {
    let request = umoja_crypto::jws::parse_request(token);
    if let Ok(timely) = request.and_then(|request| request.check_times(NOW_SECS)) {
        assert!(!timely.kid().is_empty() && !timely.issuer().is_empty());
    }
});
