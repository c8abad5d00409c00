//! How the page looks for a company.

use serde::Serialize;
use umoja_schema::{Colour, Company};

/// The colours of the page without others.
const HEAD: Colour = Colour::new([0x1f, 0x3a, 0x5f]);

/// What the page shows of a company.
#[derive(Debug, Serialize)]
pub(crate) struct Look {
    name: String,
    colours: Colours,
}

/// The colours, by the names of their variables in the style. What is read stands in the ink of what is behind it, so a
/// company can choose no colours in which it could not be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Colours {
    head: Colour,
    on_head: Colour,
    page: Colour,
    ink: Colour,
}

impl Look {
    pub(crate) fn of(company: &Company) -> Self {
        let settings = company.status_page.as_ref();
        let head = settings.and_then(|page| page.colour).unwrap_or(HEAD);
        let page = settings.and_then(|page| page.background).unwrap_or(Colour::WHITE);
        let colours = Colours { head, on_head: head.ink(), page, ink: page.ink() };
        Self { name: company.display_name().to_owned(), colours }
    }
}
