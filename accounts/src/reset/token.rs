//! Password reset tokens: nothing is stored. A token says which version of which user it is for and until when, under a
//! tag that every region can check. It is good for one password, because setting one makes another version.
//!
//! `<version>.<expiry, Unix seconds>.<tag>`, where the version is a [`RecordVersion`] as callers know it and the tag 32
//! bytes in unpadded base64url, over the company, the version and the expiry as they are written.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_schema::{CompanyId, RecordVersion};
use umoja_store::secrets::Secrets;

/// The most characters of a token.
const MAX_CHARS: usize = 512;

/// What a genuine token says. Whether its time is over is for the operation to see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ResetToken {
    /// The user whose own credentials are to be set, as it was. Of the profile it asks that a region has heard of it.
    pub(crate) version: RecordVersion,
    /// When it ends, in seconds since the Unix epoch.
    pub(crate) expires_at: u64,
}

impl ResetToken {
    /// The text of a token for a company.
    pub(crate) fn seal(&self, secrets: &Secrets, company: &CompanyId) -> String {
        let (version, expires_at) = (self.version.to_string(), self.expires_at.to_string());
        let tag = secrets.reset_tag(&[company.as_str(), &version, &expires_at]);
        format!("{version}.{expires_at}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads a token of a company; `None` if it is not one that this deployment made for it.
    pub(crate) fn open(secrets: &Secrets, company: &CompanyId, text: &str) -> Option<Self> {
        if text.len() > MAX_CHARS {
            return None;
        }
        let (said, tag) = text.rsplit_once('.')?;
        let (version, expires_at) = said.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        if !secrets.is_reset_tag(&[company.as_str(), version, expires_at], &tag) {
            return None;
        }
        Some(Self { version: version.parse().ok()?, expires_at: expires_at.parse().ok()? })
    }
}
