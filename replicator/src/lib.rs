//! Umoja: replicator.
