//! `umoja user find`: which users an identifier names.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use umoja_schema::{BlindIndex, CompanyId, IdentifierItem, IdentifierKind, Region, UserId};
use umoja_store::identifiers::parse;
use umoja_store::person::PersonParts;

use crate::CliError;
use crate::commands::sessions::asked::failed;
use crate::commands::target::Target;
use crate::output::{Output, table};

/// Find the users that an id, an e-mail address, a phone number, a user name or a company's own id names.
#[derive(Debug, Args)]
#[command(
    long_about = "Find the users that an id, an e-mail address, a phone number, a user name or a company's own id names. \
The command tries everything that the text can be; with --company only that company's own id. It prints ids only, no \
personal data. Several users are found if they are in conflict over an identifier, or if the text is one thing at one \
company and another thing at another.

The command asks one region that serves. The exit code is 1 if nothing is found.

In AWS it needs credentials that may: dynamodb:GetItem on PREFIX-settings in every region; in the region that is asked, \
Scan on PREFIX-companies, BatchGetItem on PREFIX-identifiers, Query on PREFIX-users and PREFIX-linked_accounts; \
kms:Decrypt with the data key."
)]
#[command(after_help = "Examples:
  umoja user find amina@example.com --dir DIR
  umoja user find +254712123456 --dir DIR
  umoja user find 4711 --company soko --dir DIR --json
  umoja user find amina@example.com --prefix PREFIX --region eu-west-1")]
pub(super) struct Find {
    /// What names the user.
    text: String,
    /// Look only for this company's own id of the user.
    #[arg(long, value_name = "ID")]
    company: Option<CompanyId>,
    #[command(flatten)]
    target: Target,
}

/// A user that was found.
#[derive(Serialize)]
struct Found {
    id: UserId,
    /// `id`, or the kind of identifier.
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<CompanyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    /// True if look-ups by this identifier find this user, and not another one in conflict.
    #[serde(rename = "found_first")]
    is_first: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_into: Option<UserId>,
}

impl Find {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let regions = self.target.regions().await?;
        let region = regions.serving()?;
        let people = region.people().await?;
        let read = async |id| people.reader().person(id).await.map_err(|error| failed(region.name(), &error));
        let mut found = Vec::new();
        if let (Ok(id), None) = (self.text.parse::<UserId>(), &self.company)
            && let Some(person) = read(id).await?
        {
            found.push(Found { by: "id", company: None, verified: None, is_first: true, ..named(id, &person) });
        }
        for (kind, company) in self.slots(region.home.registry.companies().await.map_err(|e| region.failed(e))?) {
            let Ok(parsed) = parse(kind, &self.text, None) else { continue };
            let indexes = people.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
            let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
            let owned = region.home.own.users.ownerships(&indexes).await.map_err(|error| region.failed(error))?;
            let first = IdentifierItem::winner_of(&owned).map(|(id, _)| id);
            let owners: BTreeSet<UserId> = owned.iter().flat_map(|item| item.owners.keys().copied()).collect();
            for id in owners {
                let Some(person) = read(id).await? else { continue };
                // No MAC protects the table of identifiers: the user's own part decides.
                let profile = person.get(id).and_then(|parts| parts.profile.as_ref());
                let ownership = profile.and_then(|part| indexes.iter().find_map(|index| part.ownerships().get(index)));
                let Some(ownership) = ownership else { continue };
                let (verified, is_first) = (Some(ownership.verified), first == Some(id));
                let company = company.clone();
                found.push(Found { by: kind.as_str(), company, verified, is_first, ..named(id, &person) });
            }
        }
        show(output, region.name(), &found)
    }

    /// What the text may be.
    fn slots(&self, companies: Vec<umoja_schema::Company>) -> Vec<(IdentifierKind, Option<CompanyId>)> {
        if let Some(company) = &self.company {
            return vec![(IdentifierKind::ExternalId, Some(company.clone()))];
        }
        let shared = [IdentifierKind::Email, IdentifierKind::PhoneNumber, IdentifierKind::Username];
        let own = companies.into_iter().map(|company| (IdentifierKind::ExternalId, Some(company.id)));
        shared.into_iter().map(|kind| (kind, None)).chain(own).collect()
    }
}

/// A user of a person, without how it was found.
fn named(id: UserId, person: &PersonParts) -> Found {
    let status = person.primary.credentials.as_ref().and_then(umoja_schema::PartRecord::status);
    let merged_into = person.primary.id().filter(|primary| *primary != id);
    let status = status.map_or("unknown", umoja_schema::AccountStatus::as_str);
    Found { id, by: "", company: None, verified: None, is_first: false, status, merged_into }
}

fn show(output: Output, region: &Region, found: &[Found]) -> Result<(), CliError> {
    if found.is_empty() {
        return Err(CliError::Failed(format!(
            "no such user: {region} has no user of whom this is an id or an identifier"
        )));
    }
    output.answer(&json!({ "region": region, "users": found }), || {
        let row = |found: &Found| {
            let of = found.company.as_ref().map(|company| format!(" of {company}")).unwrap_or_default();
            let verified = match found.verified {
                Some(true) => ", verified",
                Some(false) => ", not verified",
                None => "",
            };
            let merged = found.merged_into.map(|into| format!("one person with {into}")).unwrap_or_default();
            let rival = if found.is_first { "" } else { "in conflict: look-ups find another user" };
            vec![
                found.id.to_string(),
                format!("by {}{of}{verified}", found.by.replace('_', " ")),
                found.status.to_owned(),
                merged,
                rival.to_owned(),
            ]
        };
        table(&found.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}
