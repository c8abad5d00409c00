use async_trait::async_trait;

/// Calls foreign systems over HTTP. An operator chooses a URL, and its owner decides what its name resolves to: so an
/// adapter asks public addresses over TLS only, connects to the address that it has checked, follows no redirection, reads
/// no more of an answer than it has to, and ends after ten seconds.
///
/// An adapter makes one call and does not repeat it. Neither its errors nor its logs have anything of a call or an answer.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Makes a call. Every status is an answer.
    ///
    /// # Errors
    /// If there is no answer.
    async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError>;
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// A call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The URL. It must have no personal data and no secret.
    pub url: &'a str,
    /// Headers with lower-case names. `host` and `content-length` are added.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The answer to a call.
#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers, with lower-case names. A value that is no visible ASCII text is left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answered {
    /// The first header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// True if the status says that the call was successful.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// How many seconds the answer asks to wait (`Retry-After` as a number). A date is not read.
    pub fn retry_after_secs(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse().ok()
    }
}

/// Why a call has no answer. The text names the fault and never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The system does not answer now. The call may have taken effect.
    #[error("no answer: {0}")]
    Unavailable(&'static str),
    /// Nothing was sent, and nothing can be until an operator has repaired the settings.
    #[error("cannot be called: {0}")]
    Rejected(&'static str),
}

impl OutboundError {
    /// The fault.
    pub const fn fault(&self) -> &'static str {
        match self {
            Self::Unavailable(fault) | Self::Rejected(fault) => fault,
        }
    }
}
