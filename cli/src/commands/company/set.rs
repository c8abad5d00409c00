//! Changes what a company may do, and what is known of it.

use std::num::NonZeroU32;

use clap::{ArgGroup, Args};
use umoja_schema::foreign_url::{Location, location};
use umoja_schema::{Company, CompanyId, OldSystem, RequireMfa, RestrictionLevel};

use super::known::change_known;
use super::options::{
    OrNone, Scopes, chosen, country, old_system, or_none, require_mfa, restriction, scopes, settings,
};
use super::page::Look;
use crate::CliError;
use crate::commands::foreign;
use crate::commands::offered::{Offered, check_offered, offered, replace_offered};
use crate::commands::pools::check_old_system;
use crate::commands::target::Target;
use crate::output::Output;

/// The options that change something; at least one of them is needed.
const CHANGES: [&str; 20] = [
    "name",
    "scopes",
    "add_scopes",
    "remove_scopes",
    "trusted",
    "phone_country",
    "username_restriction",
    "rate_limit",
    "old_system",
    "require_mfa",
    "providers",
    "registration",
    "mfa_by_mail",
    "enabled",
    Look::NAMES[0],
    Look::NAMES[1],
    Look::NAMES[2],
    Look::NAMES[3],
    Look::NAMES[4],
    Look::NAMES[5],
];

/// Change a company: its name, scopes, trust, phone country, user names, rate limit, old system, second factors,
/// providers, registration, status page, or whether it is enabled. What is not named stays.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja company set soko --trusted false --dir DIR
  umoja company set soko --scopes users:lookup,users:authenticate \\
      --rate-limit 50 --dir DIR
  umoja company set soko --add-scopes events:list --dir DIR
  umoja company set soko --require-mfa always --dir DIR
  umoja company set soko --provider google --dir DIR
  umoja company set soko --registration true --dir DIR
  umoja company set soko --old-system https://login.soko.example/verify \\
      --dir DIR
  umoja company set soko --page-name Soko --page-colour '#0b5fff' \\
      --return-url shop=https://soko.example/account --dir DIR
  umoja company set soko --name 'Soko Ltd' --phone-country none \\
      --prefix PREFIX --region eu-west-1")]
#[command(override_usage = "umoja company set [OPTIONS] <ID>")]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(CHANGES)))]
pub(super) struct Set {
    /// The company's id.
    id: CompanyId,
    #[command(flatten)]
    target: Target,
    /// Its name, for people.
    #[arg(long)]
    name: Option<String>,
    /// All of its scopes: `all`, or names separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE,...", value_parser = scopes)]
    scopes: Vec<Scopes>,
    /// Scopes that it gets besides those that it has.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE,...", value_parser = scopes, conflicts_with = "scopes")]
    add_scopes: Vec<Scopes>,
    /// Scopes that it loses.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE,...", value_parser = scopes, conflicts_with = "scopes")]
    remove_scopes: Vec<Scopes>,
    /// Whether it is trusted to verify e-mail addresses and phone numbers.
    #[arg(long, value_name = "BOOL")]
    trusted: Option<bool>,
    /// The country of its national phone numbers, such as KE, or `none`.
    #[arg(long, value_name = "COUNTRY", value_parser = |text: &str| or_none(text, country))]
    phone_country: Option<OrNone<String>>,
    /// Which scripts its new user names may mix (UTS 39): ascii_only, single_script, highly_restrictive, or `none` for
    /// any.
    #[arg(long, value_name = "LEVEL", value_parser = |text: &str| or_none(text, restriction))]
    username_restriction: Option<OrNone<RestrictionLevel>>,
    /// How many requests it may make in a second, in each region.
    #[arg(long, value_name = "N")]
    rate_limit: Option<NonZeroU32>,
    /// Where the password of a user without one is verified at the first login, and then kept: https://HOST/PATH, an
    /// endpoint of the company; cognito:POOL_ID/CLIENT_ID, a pool that does not ask Umoja for users in turn; or `none`.
    /// docs/migrate.md has the request.
    #[arg(long, value_name = "SYSTEM", value_parser = |text: &str| or_none(text, old_system))]
    old_system: Option<OrNone<OldSystem>>,
    /// Let the old system be on this machine, to try it out. `umoja serve` asks it with the same option only.
    #[arg(long, requires = "old_system")]
    old_system_loopback: bool,
    /// When persons who sign in to its clients have to show a second factor: never, `if_enrolled` or always.
    #[arg(long, value_name = "WHEN", value_parser = require_mfa)]
    require_mfa: Option<RequireMfa>,
    /// A provider at which persons may sign in to the pages of their account instead, in the order of the page; `none` takes all away. See
    /// `umoja provider`.
    #[arg(long = "provider", value_name = "PROVIDER", value_parser = offered)]
    providers: Vec<Offered>,
    /// Whether persons may make an account at the page on which they sign in to its clients. The page offers it where the deployment sends
    /// mail.
    #[arg(long, value_name = "BOOL")]
    registration: Option<bool>,
    /// Whether a code by mail to a verified address is enough where a second factor is always needed, for persons who have none. It is no
    /// second factor: `acr` stays `1`, and `amr` gets `mca`. It needs a deployment that sends mail.
    #[arg(long, value_name = "BOOL")]
    mfa_by_mail: Option<bool>,
    /// Whether its requests are answered.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
    #[command(flatten)]
    page: Look,
}

/// What the old system of a company in a directory needs besides.
fn needed(system: &OldSystem) -> &'static str {
    match system {
        OldSystem::Cognito { .. } => " WARNING: `umoja serve --dir` asks no user pool; only a deployment in AWS does.",
        OldSystem::Http { url } if location(url) == Some(Location::ThisMachine) => {
            " It is asked only by `umoja serve --old-system-loopback`."
        }
        OldSystem::Http { .. } => "",
    }
}

impl Set {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        if let Some(OrNone(Some(OldSystem::Http { url }))) = &self.old_system {
            foreign::check("--old-system", url, self.old_system_loopback, "--old-system-loopback")?;
        }
        let (deployment, alone) = self.target.changing_documents().await?;
        if let Some(OrNone(Some(system))) = &self.old_system {
            check_old_system(&deployment, &self.id, system).await?;
        }
        check_offered(&deployment, &self.providers).await?;
        let changed = change_known(&deployment, &self.id, |company| {
            self.change(company);
            Ok(())
        });
        let changed = changed.await?;
        changed.everywhere?;
        let needs = match (&self.old_system, alone.is_some()) {
            (Some(OrNone(Some(system))), true) => needed(system),
            _ => "",
        };
        output.answer(&settings(&changed.document), || {
            format!(
                "The company {} is changed; this takes effect within 5 seconds in regions that are being served.{needs}",
                self.id
            )
        });
        Ok(())
    }

    fn change(&self, company: &mut Company) {
        if let Some(name) = &self.name {
            company.name.clone_from(name);
        }
        if !self.scopes.is_empty() {
            company.scopes = chosen(&self.scopes);
        }
        let (added, removed) = (chosen(&self.add_scopes), chosen(&self.remove_scopes));
        company.scopes.extend(added);
        company.scopes.sort();
        company.scopes.dedup();
        company.scopes.retain(|scope| !removed.contains(scope));
        company.trusted = self.trusted.unwrap_or(company.trusted);
        if let Some(OrNone(country)) = &self.phone_country {
            company.phone_country.clone_from(country);
        }
        if let Some(OrNone(level)) = &self.username_restriction {
            company.username_restriction = *level;
        }
        if let Some(OrNone(system)) = &self.old_system {
            company.old_system.clone_from(system);
        }
        company.require_mfa = self.require_mfa.or(company.require_mfa);
        replace_offered(&mut company.providers, &self.providers);
        company.registration = self.registration.unwrap_or(company.registration);
        company.mfa_by_mail = self.mfa_by_mail.unwrap_or(company.mfa_by_mail);
        company.rate_limit = self.rate_limit.or(company.rate_limit);
        company.switch(self.enabled.unwrap_or(company.enabled));
        self.page.change(company);
    }
}
