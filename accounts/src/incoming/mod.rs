//! Applies what sources say about their users. A source speaks for its company only.
//!
//! - **Order.** The values of a user and its standing at the company are ordered by the provider's time, each for
//!   itself. Both times are kept in the user's profile part and are compared in the round that writes it. Events may
//!   therefore arrive in any order, several times, and at several workers at the same time: the newest state and the
//!   newest standing count. Of two at the same time, the greater one counts.
//! - **Values.** A state sets the values that it has on the user that has its subject as external id, and leaves the
//!   others. A state that repeats the values of the one before sets none of them, so that it undoes no change that a
//!   company made since.
//! - **Standing.** A user that the provider has suspended or deleted is suspended at the company. No other company
//!   notices, unless the source may disable accounts or erase people.
//! - **Passwords.** A source sets no password: the hash of a state is not taken, whichever kind of source says it.
//! - **Unknown users.** The standing of a user that no part remembers is remembered as a [`Mark`](umoja_schema::Mark).
//!   A state that is not newer than a deletion makes no user, even if an activation has ended the deletion: it says how
//!   the user was before.
//! - **Erased users** stay erased, whichever company had registered them. No state of them makes a user again, until a
//!   company registers the person.

mod change;
mod content;
mod feeder;
mod found;
mod holder;
mod marks;
mod order;
mod password;
mod unknown;

pub use self::change::{Applied, Change, IncomingChange};
pub use self::feeder::Feeder;
pub use self::holder::Holder;
pub use self::marks::Marks;
