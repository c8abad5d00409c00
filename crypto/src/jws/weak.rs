//! Public keys that parse and give no security: a stranger can make signatures that they verify.
//!
//! Under an Ed25519 key of small order, one signature is valid for every message or for each eighth one, without any
//! private key. RFC 8032 does not exclude such keys, and aws-lc accepts them.

use aws_lc_rs::rsa;

/// The y coordinates of the eight points of small order, little-endian and without the sign bit (Chalkias, Garillot,
/// Nikolaenko, "Taming the many EdDSAs", IACR ePrint 2020/1244, table 1; the same as in libsodium).
const SMALL_ORDER_Y: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// The prime of the field, 2^255 - 19, little-endian. A coordinate that is not below it is a second spelling of one
/// that is (RFC 8032 section 5.1.3, step 1, has a decoder reject it).
const PRIME: &str = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";

/// True for an Ed25519 key of small order, and for one that is not spelled canonically.
pub(super) fn is_weak_ed25519(key: &[u8; 32]) -> bool {
    // In hexadecimal and with the most significant byte first, the order of texts is that of the numbers.
    let big_endian = |bytes: &[u8]| hex::encode(bytes.iter().rev().copied().collect::<Vec<_>>());
    let prime: Vec<u8> = hex::decode(PRIME).unwrap_or_default();
    let mut y = *key;
    y[31] &= 0x7f;
    SMALL_ORDER_Y.contains(&hex::encode(y).as_str()) || big_endian(&y) >= big_endian(&prime)
}

/// True for an RSA key whose public exponent is 1 or even. Under the first a message is its own signature, and the
/// second has no private key (RFC 8017 section 3.1: 3 to n - 1, coprime to lambda(n)).
pub(super) fn is_weak_rsa(key: &rsa::PublicKey) -> bool {
    let exponent = key.exponent();
    let exponent = exponent.big_endian_without_leading_zero();
    let is_odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    !is_odd || exponent == [1]
}
