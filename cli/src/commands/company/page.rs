//! What a company sets for its status page.

use clap::Args;
use umoja_schema::{Colour, Company, Logo, ReturnUrlId, StatusPage};

use super::options::{OrNone, colour, display_name, logo, or_none, return_url};

const HEADING: &str = "Status page";

/// The options of the status page.
#[derive(Debug, Args)]
pub(super) struct Look {
    /// The name that the status page shows, or `none` for the company's name.
    #[arg(long, help_heading = HEADING, value_name = "NAME", value_parser = |text: &str| or_none(text, display_name))]
    page_name: Option<OrNone<String>>,
    /// The colour of the head and of the button of the status page, such as #0b5fff, or `none`. Umoja writes on it in
    /// black or white, whichever can be read better.
    #[arg(long, help_heading = HEADING, value_name = "COLOUR", value_parser = |text: &str| or_none(text, colour))]
    page_colour: Option<OrNone<Colour>>,
    /// The colour behind the text of the status page, or `none`.
    #[arg(long, help_heading = HEADING, value_name = "COLOUR", value_parser = |text: &str| or_none(text, colour))]
    page_background: Option<OrNone<Colour>>,
    /// A picture that the pages of single sign-on show in the place of the name, or `none`: a PNG of at most 8 KB, up to 1024 by 512 pixels.
    #[arg(long, help_heading = HEADING, value_name = "FILE", value_parser = |text: &str| or_none(text, logo))]
    page_logo: Option<OrNone<Logo>>,
    /// A URL to which the status page leads back, with the id by which requests name it. Can be given again.
    #[arg(long, help_heading = HEADING, value_name = "ID=URL", value_parser = return_url)]
    return_url: Vec<(ReturnUrlId, String)>,
    /// The id of a return URL that is removed. Can be given again.
    #[arg(long, help_heading = HEADING, value_name = "ID")]
    remove_return_url: Vec<ReturnUrlId>,
}

impl Look {
    /// The names of the options.
    pub(super) const NAMES: [&str; 6] =
        ["page_name", "page_colour", "page_background", "page_logo", "return_url", "remove_return_url"];

    /// Changes what is named.
    pub(super) fn change(&self, company: &mut Company) {
        let mut page = company.status_page.take().unwrap_or_default();
        if let Some(OrNone(name)) = &self.page_name {
            page.name.clone_from(name);
        }
        if let Some(OrNone(colour)) = self.page_colour {
            page.colour = colour;
        }
        if let Some(OrNone(colour)) = self.page_background {
            page.background = colour;
        }
        if let Some(OrNone(logo)) = &self.page_logo {
            page.logo.clone_from(logo);
        }
        page.return_urls.extend(self.return_url.iter().cloned());
        page.return_urls.retain(|id, _| !self.remove_return_url.contains(id));
        company.status_page = Some(page).filter(|page| *page != StatusPage::default());
    }
}
