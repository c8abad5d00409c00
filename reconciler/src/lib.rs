//! Umoja: reconciler.
