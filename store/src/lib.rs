//! How users are kept, whatever keeps them: the ports that an adapter implements, and the rules that every writer
//! (API, replicator, reconcilers, import) applies through them.

pub mod change;
pub mod ports;

