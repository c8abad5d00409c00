//! What a rule looks like to its callers.

use crate::{Accounts, Context, Error};

/// Something that is done to accounts at somebody's request.
pub trait Rule: Sized + Send + Sync {
    /// What it reads first.
    type Read: Send;
    /// What it ends with.
    type Done: Send;

    /// The first read. Changes nothing, so a caller may do something else at the same time, and drop it.
    fn read(&self, accounts: &Accounts, context: &Context) -> impl Future<Output = Result<Self::Read, Error>> + Send;

    /// Does it. May be dropped at any await: what was written by then is whole, and doing it again completes it.
    fn act(
        self,
        accounts: &Accounts,
        context: &Context,
        read: Self::Read,
    ) -> impl Future<Output = Result<Self::Done, Error>> + Send;

    /// Reads and does it.
    fn run(self, accounts: &Accounts, context: &Context) -> impl Future<Output = Result<Self::Done, Error>> + Send {
        async move {
            let read = self.read(accounts, context).await?;
            self.act(accounts, context, read).await
        }
    }
}

/// Why something was done, as somebody wrote it: at most 256 characters. It is stored sealed only.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The most characters.
    pub const MAX_CHARS: usize = 256;

    /// A reason; `None` if the text is too long.
    pub fn new(text: String) -> Option<Self> {
        (text.chars().count() <= Self::MAX_CHARS).then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
