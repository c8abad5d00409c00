//! The status page: a person sees how the accounts come about that a company asked for, live.
//!
//! The company gets a ticket with its answer and sends the person to `/s#TICKET`. The fragment reaches no server and no
//! log. The page posts it once and gets a cookie for it; from then on the cookie stands for the ticket.
//!
//! | route | answers |
//! |---|---|
//! | `GET /s` | the page, the same for every person: text, style and program in one answer |
//! | `POST /s/session` | `{ticket}`: the cookie, and the state |
//! | `GET /s/state` | the state |
//! | `GET /s/events` | the state and its changes as server-sent events |
//!
//! # What is promised
//!
//! - A page shows the states of the ticket's targets, the company's name, colours and return URL, and no data of a person.
//! - Every region answers for every ticket. The id of an event is the vector of the sequences of all rows, so an
//!   `EventSource` that is cut and connects to another region gets each newer state and none that it has.
//! - No answer is stored by a browser or what stands between, and no page of others frames it.
//!
//! The crate knows the rows only through [`Statuses`], so the same page runs in `umoja serve`, which streams, and behind an
//! API Gateway, which does not ([`Events`]).

mod events;
mod html;
mod page;
mod problem;
mod region;
mod routes;
mod session;
mod statuses;
#[cfg(test)]
mod testing;
mod watchers;

pub use page::{Events, Page};
pub use problem::{PROBLEMS, ProblemKind};
pub use routes::router;
pub use statuses::{Account, Statuses};
pub use watchers::Watchers;
