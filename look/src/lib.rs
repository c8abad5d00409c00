//! How everything looks that a person sees: the status page, and the pages of single sign-on. One style, one set of pieces, five
//! languages.
//!
//! | module | what it holds |
//! |---|---|
//! | [`language`] | the languages, and which of them a person wants |
//! | [`text`] | what is said, in all languages |
//! | [`texts`] | the texts, by area |
//! | [`look`] | the name and the colours of a company |
//! | [`html`] | text that is safe within HTML |
//! | [`form`] | forms, with the labels and the names that programs fill in by |
//! | [`export`] | everything that is kept about a person, as a file to read |
//! | [`page`] | a page: its pieces, its headers, and the policy of what it may do |
//!
//! # A page
//!
//! [`Page`] takes pieces, and makes the answer. No piece takes HTML, so what others have written is always text. What a page may do is
//! its policy (CSP): its own style, forms to the issuer, and no program, except where the page says so.
//!
//! # A text
//!
//! A text is a line in each of the five files of its area (`look/texts/AREA/LANGUAGE.json`) and a line in `look/src/texts/AREA.rs`.
//! A test holds that all five have the same texts with the same places. `{client}` is a place: [`Text::with`] fills it in.

pub mod export;
pub mod form;
pub mod html;
pub mod language;
pub mod look;
pub mod page;
pub mod text;
pub mod texts;

pub use form::{Field, Form};
pub use language::{Language, Wanted};
pub use look::Look;
pub use page::{Card, Choice, Page};
pub use text::{Phrase, Text};
