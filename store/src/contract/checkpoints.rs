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
