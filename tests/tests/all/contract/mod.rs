//! The contract of the ports, run by every adapter.

#[cfg(feature = "aws")]
mod dynamodb;
#[cfg(feature = "aws")]
mod emulator;
