//! Umoja: cli.
