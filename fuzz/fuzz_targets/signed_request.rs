#![no_main]

libfuzzer_sys::fuzz_target!(|token: &[u8]| {
    if let Ok(request) = umoja_crypto::jws::parse_request(token) {
        let _ = request.check_times(1_600_000_000);
        assert!(!request.kid().is_empty() && !request.issuer().is_empty());
    }
});
