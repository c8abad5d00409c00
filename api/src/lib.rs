//! Umoja: api.
