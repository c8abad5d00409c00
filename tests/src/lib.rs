//! Umoja: tests.
