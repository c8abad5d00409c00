//! How pages look for the people of a company.

use serde::Serialize;
use umoja_schema::{Colour, Company, Logo};

use crate::html::Html;

/// What all pages share.
const STYLE: &str = include_str!("../assets/look.css");
/// The colour of the head of a company without one.
const HEAD: Colour = Colour::new([0x1f, 0x3a, 0x5f]);

/// What pages show of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    name: String,
    colours: Colours,
    /// The program of the status page shows the name.
    #[serde(skip)]
    logo: Option<Logo>,
}

/// The colours, by the names of their variables in the style. What is read stands in the ink of what is behind it, so a company can
/// choose no colours in which it could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Colours {
    head: Colour,
    on_head: Colour,
    page: Colour,
    ink: Colour,
}

impl Look {
    /// The look of a company.
    pub fn of(company: &Company) -> Self {
        let settings = company.status_page.as_ref();
        let head = settings.and_then(|page| page.colour).unwrap_or(HEAD);
        let page = settings.and_then(|page| page.background).unwrap_or(Colour::WHITE);
        let logo = settings.and_then(|page| page.logo.clone());
        Self { logo, ..Self::new(company.display_name(), head, page) }
    }

    /// The look of a page that is of no company.
    pub fn plain() -> Self {
        Self::new("", HEAD, Colour::WHITE)
    }

    fn new(name: &str, head: Colour, page: Colour) -> Self {
        let colours = Colours { head, on_head: head.ink(), page, ink: page.ink() };
        Self { name: name.to_owned(), colours, logo: None }
    }

    /// What stands in the head of a page: the logo, which is called like the company, or the name. The picture is a part of the page, so
    /// it costs no further request, and no one else is asked for it.
    pub fn head(&self) -> Html {
        let Some(logo) = &self.logo else { return Html::isolated(&self.name) };
        let ((width, height), name, media_type) = (logo.size(), Html::escaped(&self.name), Logo::MEDIA_TYPE);
        let png = String::from(logo.clone());
        Html::own(&format!(
            "<img src=\"data:{media_type};base64,{png}\" width=\"{width}\" height=\"{height}\" alt=\"{name}\">"
        ))
    }

    /// The name of the company. Empty without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The style of a page, with what only this page has.
    pub fn style(&self, more: &str) -> String {
        let Colours { head, on_head, page, ink } = self.colours;
        format!(":root{{--head:{head};--on-head:{on_head};--page:{page};--ink:{ink}}}\n{STYLE}{more}")
    }
}
