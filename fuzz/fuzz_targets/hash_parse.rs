#![no_main]

use umoja_crypto::legacy::ForeignHash;

libfuzzer_sys::fuzz_target!(|text: &str| umoja_fuzz::hash(ForeignHash::parse(text)));
