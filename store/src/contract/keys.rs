//! Cases of [`Keys`](crate::ports::Keys): a wrapped key is unwrapped only with its own context and its own key, and
//! only if undamaged.

use umoja_crypto::DataKey;

use super::KeyPair;
use crate::ports::{EncryptionContext, KeysError};

fn context(user: &str) -> EncryptionContext {
    EncryptionContext::from([
        ("fmt".into(), "1".into()),
        ("user".into(), user.into()),
        ("part".into(), "profile".into()),
    ])
}

pub async fn a_generated_key_can_be_unwrapped(k: KeyPair) {
    let (key, wrapped) = k.own.generate(&context("a")).await.unwrap();
    let opened = k.own.unwrap(&wrapped, &context("a")).await.unwrap();
    assert_eq!(opened.expose(), key.expose());
    assert!(!wrapped.windows(32).any(|window| window == key.expose()), "the key in clear");
}

pub async fn every_generated_key_is_different(k: KeyPair) {
    let (first, first_wrapped) = k.own.generate(&context("a")).await.unwrap();
    let (second, second_wrapped) = k.own.generate(&context("a")).await.unwrap();
    assert_ne!(first.expose(), second.expose());
    assert_ne!(first_wrapped, second_wrapped);
    assert_ne!(first.expose(), &[0; 32]);
}

pub async fn a_key_of_another_region_can_be_wrapped(k: KeyPair) {
    let (key, theirs) = k.other.generate(&context("a")).await.unwrap();
    let ours = k.own.wrap(&key, &context("a")).await.unwrap();
    assert_ne!(ours, theirs);
    assert_eq!(k.own.unwrap(&ours, &context("a")).await.unwrap().expose(), key.expose());
    assert_eq!(k.other.unwrap(&theirs, &context("a")).await.unwrap().expose(), key.expose());
}

pub async fn another_context_is_rejected(k: KeyPair) {
    let (_, wrapped) = k.own.generate(&context("a")).await.unwrap();
    let mut less = context("a");
    less.remove("part");
    let mut more = context("a");
    more.insert("more".into(), "x".into());
    let swapped = EncryptionContext::from([
        ("fmt".into(), "a".into()),
        ("user".into(), "1".into()),
        ("part".into(), "profile".into()),
    ]);
    for other in [context("b"), context(""), less, more, swapped, EncryptionContext::new()] {
        assert_eq!(rejection(k.own.unwrap(&wrapped, &other).await), KeysError::Rejected, "{other:?}");
    }
}

pub async fn another_keys_blob_is_rejected(k: KeyPair) {
    let (key, theirs) = k.other.generate(&context("a")).await.unwrap();
    // An adapter may also report that the caller may not use the blob's key.
    let rejected = |error| assert!(matches!(error, KeysError::Rejected | KeysError::Denied), "{error}");
    rejected(rejection(k.own.unwrap(&theirs, &context("a")).await));
    let ours = k.own.wrap(&key, &context("a")).await.unwrap();
    rejected(rejection(k.other.unwrap(&ours, &context("a")).await));
}

pub async fn a_damaged_blob_is_rejected(k: KeyPair) {
    let (_, wrapped) = k.own.generate(&context("a")).await.unwrap();
    let mut damaged = vec![vec![], vec![0], wrapped[..wrapped.len() - 1].to_vec(), [&wrapped[..], &[0]].concat()];
    for at in [wrapped.len() / 2, wrapped.len() - 1] {
        let mut flipped = wrapped.clone();
        flipped[at] ^= 1;
        damaged.push(flipped);
    }
    for blob in damaged {
        assert_eq!(rejection(k.own.unwrap(&blob, &context("a")).await), KeysError::Rejected, "{} bytes", blob.len());
    }
}

pub async fn a_disabled_key_is_reported_until_it_is_enabled(k: KeyPair) {
    let (key, wrapped) = k.own.generate(&context("a")).await.unwrap();
    assert_eq!(k.own.probe().await, Ok(()));
    k.switch.set_enabled(false).await;
    assert_eq!(rejection(k.own.unwrap(&wrapped, &context("a")).await), KeysError::Disabled);
    assert_eq!(k.own.wrap(&key, &context("a")).await, Err(KeysError::Disabled));
    assert_eq!(k.own.generate(&context("a")).await.map(|_| ()), Err(KeysError::Disabled));
    assert_eq!(k.own.probe().await, Err(KeysError::Disabled));
    assert_eq!(k.other.probe().await, Ok(()), "the other region's key is enabled");
    k.switch.set_enabled(true).await;
    assert_eq!(k.own.probe().await, Ok(()));
    assert_eq!(k.own.unwrap(&wrapped, &context("a")).await.unwrap().expose(), key.expose());
}

fn rejection(result: Result<DataKey, KeysError>) -> KeysError {
    match result {
        Ok(_) => panic!("the blob was unwrapped"),
        Err(error) => error,
    }
}
