//! Cases of [`Sweeps`](crate::ports::Sweeps).

use super::Tables;

pub async fn a_sweep_that_never_ran_has_no_state(t: Tables) {
    assert_eq!(t.sweeps.sweep("peer/eu-west-1").await, Ok(None));
}

pub async fn a_state_is_read_as_it_was_last_stored(t: Tables) {
    for state in [&b"\0first\xff"[..], b"second"] {
        t.sweeps.put_sweep("peer/eu-west-1", state).await.unwrap();
        assert_eq!(t.sweeps.sweep("peer/eu-west-1").await, Ok(Some(state.to_vec())));
    }
}

pub async fn states_of_two_sweeps_are_apart(t: Tables) {
    t.sweeps.put_sweep("peer/a", b"a").await.unwrap();
    t.sweeps.put_sweep("peer/b", b"b").await.unwrap();
    assert_eq!(t.sweeps.sweep("peer/a").await, Ok(Some(b"a".to_vec())));
    assert_eq!(t.sweeps.sweep("peer").await, Ok(None));
}

pub async fn a_state_of_300_kilobytes_is_kept_whole(t: Tables) {
    let state: Vec<u8> = (0..300_000u32).map(|n| n.to_be_bytes()[3]).collect();
    t.sweeps.put_sweep("derived", &state).await.unwrap();
    assert_eq!(t.sweeps.sweep("derived").await, Ok(Some(state)));
}
