//! The failure table: each row is a test here.

mod anti_entropy;
mod audit;
mod away;
mod delivery;
mod feed;
mod feed_pages;
mod feeds_at_once;
mod join;
mod keys;
mod kills;
mod peers;
mod proofs;
mod races;
mod redrive;
mod reencrypt;
mod removal;
mod replaced;
mod rotation;
mod sources;
mod stream;
mod tables;
mod trail;
mod unopened;
mod versions;
mod webhooks;
