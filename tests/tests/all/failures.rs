//! The failure table: each row is a test here.

mod audit;
mod away;
mod delivery;
mod join;
mod keys;
mod kills;
mod peers;
mod races;
mod redrive;
mod removal;
mod rewrap;
mod rotation;
mod stream;
mod sweep;
mod tables;
mod versions;
