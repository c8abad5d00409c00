//! The contract of the ports, run by every adapter.

mod dynamodb;
mod emulator;
