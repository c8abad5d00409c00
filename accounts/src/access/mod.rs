//! The rules of single sign-on about people: what a person has signed in to, has consented to, and is called.
//!
//! - [`Standing`] reads the rows of a person once, and answers from them.
//! - [`refresh`](crate::People::refresh) uses a refresh token once, by a rule that gives every region the same answer in any order
//!   of replication ([`Reuse`]).
//! - All writes are rows of the table `access` of the own region. An end beats every live row in every region.
//!
//! - What ends everything of a person is compared with what each session knew when it began, and with no time.
//!
//! No rule compares the clocks of two machines, except for the time within which a refresh token may be used again, and for what has
//! not arrived: whether it is young, and whether a consent was withdrawn before it began.

mod consents;
mod described;
mod devices;
mod ended;
mod everything;
mod factors;
mod families;
mod label;
mod logins;
mod outliving;
mod reuse;
mod sessions;
mod standing;
mod subjects;
mod write;

pub use described::{Described, DescribedSession};
pub use devices::NewDevice;
pub use ended::{EndedSession, EndedSessions, LOGOUT, LogoutContent, LogoutNotice, change_ended};
pub use factors::{
    By, CodeUsed, Enrolled, ForeignFactor, MAX_APPLICATIONS, MAX_PASSKEYS, NewPasskey, PasskeyAnswer, PasskeyUsed,
    RecoveryCodes, Removal,
};
pub use families::{NewFamily, Refreshed};
pub use label::DeviceLabel;
pub(crate) use logins::NewLogin;
pub use outliving::MAX_OFFLINE;
pub use reuse::Reuse;
pub use sessions::NewSession;
pub use standing::{FamilyState, Needed, SessionState, Standing};
