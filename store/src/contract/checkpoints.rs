//! Cases of [`Checkpoints`](crate::ports::Checkpoints).

use super::Tables;

pub async fn a_pass_that_never_ran_has_no_checkpoint(t: Tables) {
    assert_eq!(t.checkpoints.checkpoint("peer/eu-west-1").await, Ok(None));
}

pub async fn the_last_stored_state_is_read(t: Tables) {
    for state in [&b"\0first\xff"[..], b"second"] {
        t.checkpoints.put_checkpoint("peer/eu-west-1", state).await.unwrap();
        assert_eq!(t.checkpoints.checkpoint("peer/eu-west-1").await, Ok(Some(state.to_vec())));
    }
}

pub async fn states_of_two_passes_are_separate(t: Tables) {
    t.checkpoints.put_checkpoint("peer/a", b"a").await.unwrap();
    t.checkpoints.put_checkpoint("peer/b", b"b").await.unwrap();
    assert_eq!(t.checkpoints.checkpoint("peer/a").await, Ok(Some(b"a".to_vec())));
    assert_eq!(t.checkpoints.checkpoint("peer").await, Ok(None));
}

pub async fn a_state_of_300_kilobytes_is_stored_completely(t: Tables) {
    let state: Vec<u8> = (0..300_000u32).map(|n| n.to_be_bytes()[3]).collect();
    t.checkpoints.put_checkpoint("derived", &state).await.unwrap();
    assert_eq!(t.checkpoints.checkpoint("derived").await, Ok(Some(state)));
}

pub async fn a_state_is_replaced_only_if_it_is_the_expected_one(t: Tables) {
    let replaced = async |expected, state: &'static [u8]| {
        let replaced = t.checkpoints.replace_checkpoint("feed/epoch", expected, state).await.unwrap();
        (replaced, t.checkpoints.checkpoint("feed/epoch").await.unwrap().unwrap_or_default())
    };
    assert_eq!(replaced(Some(&b"one"[..]), b"two").await, (false, b"".to_vec()));
    assert_eq!(replaced(None, b"one").await, (true, b"one".to_vec()));
    assert_eq!(replaced(None, b"two").await, (false, b"one".to_vec()));
    assert_eq!(replaced(Some(&b"other"[..]), b"two").await, (false, b"one".to_vec()));
    assert_eq!(replaced(Some(&b"one"[..]), b"two").await, (true, b"two".to_vec()));
}

pub async fn of_several_writers_that_expect_the_same_one_succeeds(t: Tables) {
    let writers = (0..8u8).map(async |n| t.checkpoints.replace_checkpoint("feed/epoch", None, &[n]).await.unwrap());
    let writers: Vec<_> = writers.collect();
    let succeeded: Vec<bool> = futures_util::future::join_all(writers).await;
    assert_eq!(succeeded.iter().filter(|succeeded| **succeeded).count(), 1);
    let winner = succeeded.iter().position(|succeeded| *succeeded).unwrap();
    assert_eq!(t.checkpoints.checkpoint("feed/epoch").await, Ok(Some(vec![u8::try_from(winner).unwrap()])));
}
