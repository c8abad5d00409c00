//! The interface of a rule.

use crate::{Accounts, Context, Error};

/// An operation on accounts that is requested.
pub trait Rule: Sized + Send + Sync {
    /// The result of the first read.
    type Read: Send;
    /// The result of the rule.
    type Done: Send;

    /// The first read. It makes no changes, so a caller may do other work at the same time, and may drop it.
    fn read(&self, accounts: &Accounts, context: &Context) -> impl Future<Output = Result<Self::Read, Error>> + Send;

    /// Carries the rule out. A caller may drop it at any await: the writes so far are consistent, and a retry completes
    /// them.
    fn act(
        self,
        accounts: &Accounts,
        context: &Context,
        read: Self::Read,
    ) -> impl Future<Output = Result<Self::Done, Error>> + Send;

    /// Reads, and carries the rule out.
    fn run(self, accounts: &Accounts, context: &Context) -> impl Future<Output = Result<Self::Done, Error>> + Send {
        async move {
            let read = self.read(accounts, context).await?;
            self.act(accounts, context, read).await
        }
    }
}

/// The reason that a caller or an operator gave: at most 256 characters. It is stored in encrypted form only.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The maximum number of characters.
    pub const MAX_CHARS: usize = umoja_schema::api::MAX_REASON;

    /// A reason, or `None` if the text is too long.
    pub fn new(text: String) -> Option<Self> {
        (text.chars().count() <= Self::MAX_CHARS).then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
