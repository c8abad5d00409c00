//! Umoja: local.
