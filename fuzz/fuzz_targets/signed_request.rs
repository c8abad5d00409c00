#![no_main]

libfuzzer_sys::fuzz_target!(|token: &[u8]| {
    if let Ok(request) = umoja_crypto::jws::parse_request(token) {
        if let Ok(timely) = request.check_times(1_600_000_000) {
            assert!(!timely.kid().is_empty() && !timely.issuer().is_empty());
        }
    }
});
