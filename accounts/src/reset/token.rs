//! Password reset tokens, which are not stored. A token contains the version of the user that it is for, its expiry,
//! and a tag that every region can check. It sets one password only, because that makes another version.
//!
//! The format is `<version>.<expiry, Unix seconds>.<tag>`. The version is a [`RecordVersion`] as callers know it. The
//! tag is 32 bytes in unpadded base64url, computed over the company and over the version and the expiry as written.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_schema::{CompanyId, RecordVersion};
use umoja_store::secrets::Secrets;

/// The maximum length of a token in characters.
const MAX_CHARS: usize = 512;

/// The content of a genuine token. The operation checks the expiry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ResetToken {
    /// The user whose own credentials are to be set, in the version of that time. Its profile version only has to have
    /// arrived in the region.
    pub(crate) version: RecordVersion,
    /// The expiry, in seconds since the Unix epoch.
    pub(crate) expires_at: u64,
}

impl ResetToken {
    /// The text of a token for a company.
    pub(crate) fn seal(&self, secrets: &Secrets, company: &CompanyId) -> String {
        let (version, expires_at) = (self.version.to_string(), self.expires_at.to_string());
        let tag = secrets.reset_tag(&[company.as_str(), &version, &expires_at]);
        format!("{version}.{expires_at}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads a token of a company. `None` if this deployment did not issue it for the company.
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
