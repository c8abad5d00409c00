//! The logo of a company, as its pages show it: a picture so small that it is a part of the page. A page on which a person types a password
//! asks no other site for anything.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A picture (PNG) of at most 8 KB and 1,024 by 512 pixels. It is stored as base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Logo {
    png: Vec<u8>,
    width: u32,
    height: u32,
}

/// The file is no logo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a logo is a PNG of at most 8 KB, and of at most 1024 pixels in width and 512 in height")]
pub struct NoLogo;

impl Logo {
    /// The most bytes of a logo.
    pub const MAX_BYTES: usize = 8 * 1024;
    /// Its media type.
    pub const MEDIA_TYPE: &'static str = "image/png";
    const MAX_WIDTH: u32 = 1024;
    const MAX_HEIGHT: u32 = 512;

    /// The logo of a file.
    ///
    /// # Errors
    /// [`NoLogo`] if it is larger, or if it does not begin and end as a PNG does (PNG third edition, sections 5.2, 11.2.1 and 11.2.4).
    pub fn new(png: Vec<u8>) -> Result<Self, NoLogo> {
        const BEGINS: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
        const ENDS: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
        let rest = png.strip_prefix(BEGINS).filter(|_| png.len() <= Self::MAX_BYTES && png.ends_with(ENDS));
        let size = rest.and_then(|rest| {
            let (width, rest) = rest.split_first_chunk()?;
            let (height, _) = rest.split_first_chunk()?;
            Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
        });
        let (width, height) = size.ok_or(NoLogo)?;
        let fits = (1..=Self::MAX_WIDTH).contains(&width) && (1..=Self::MAX_HEIGHT).contains(&height);
        if fits { Ok(Self { png, width, height }) } else { Err(NoLogo) }
    }

    /// The file.
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// Its width and height in pixels.
    pub const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({} bytes, {} by {})", self.png.len(), self.width, self.height)
    }
}

impl TryFrom<String> for Logo {
    type Error = NoLogo;

    fn try_from(text: String) -> Result<Self, NoLogo> {
        Self::new(STANDARD.decode(text).map_err(|_| NoLogo)?)
    }
}

impl From<Logo> for String {
    fn from(logo: Logo) -> Self {
        STANDARD.encode(logo.png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One white pixel, which says that it is of another size.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGDlc6wAAAABJRU5ErkJggg==";
        let mut png = STANDARD.decode(pixel).unwrap();
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        png
    }

    #[test]
    fn a_logo_is_stored_as_text_and_read_again() {
        let logo = Logo::new(png(200, 48)).unwrap();
        assert_eq!(logo.size(), (200, 48));
        let stored = serde_json::to_value(&logo).unwrap();
        assert_eq!(serde_json::from_value::<Logo>(stored).unwrap(), logo);
    }

    #[test]
    fn what_is_no_small_png_is_no_logo() {
        let large = [&png(1, 1)[..33], &vec![0; Logo::MAX_BYTES], &png(1, 1)[33..]].concat();
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
        let cut = png(1, 1)[..40].to_vec();
        let followed = [png(1, 1), b"<script>".to_vec()].concat();
        for file in [large, svg, cut, followed, Vec::new(), png(0, 1), png(1025, 1), png(1, 513), png(u32::MAX, 1)] {
            assert_eq!(Logo::new(file), Err(NoLogo));
        }
        assert!(serde_json::from_str::<Logo>("\"no base64\"").is_err());
    }
}
