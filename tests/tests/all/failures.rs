//! The failure table: each row is a test here.

mod delivery;
mod join;
mod keys;
mod kills;
mod peers;
mod races;
mod redrive;
mod rewrap;
mod rotation;
mod stream;
mod sweep;
mod versions;
