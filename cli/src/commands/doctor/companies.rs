//! Companies, which operators' commands write in every region. Something else may have written one of a region's rows,
//! an older document may have been put back, and an interrupted command may leave the regions different.

use std::collections::BTreeSet;

use umoja_schema::{Company, CompanyId};
use umoja_store::ports::CompanyRow;

use crate::deployment::{Answered, DeployedRegion, Held, Regions, newest_companies};

/// A row that one region should not hold, or lacks.
struct Flaw<'a> {
    region: &'a DeployedRegion,
    key: &'a str,
    what: String,
    cure: Cure<'a>,
}

/// What repairs a row.
enum Cure<'a> {
    /// The newest company of this id.
    Newest(Held, &'a Company),
    /// The row is removed: no region has such a company.
    Remove(&'a CompanyRow),
    /// It may be a company that every region's table has lost, or that a region has which does not answer.
    None(&'static str),
}

/// The flaws of the rows of all regions that answer. A region that does not answer is reported elsewhere.
fn flaws<'a>(answered: &'a Answered<'a, Vec<CompanyRow>>) -> Vec<Flaw<'a>> {
    let rows = || answered.regions.iter().flat_map(|(_, rows)| rows);
    let newest = newest_companies(rows());
    let keys: BTreeSet<&str> = rows().map(|row| row.key.as_str()).collect();
    let mut flaws = Vec::new();
    for key in keys {
        let newest = newest.get(key).copied();
        let holders = rows().filter(|row| row.key == key).count();
        for (region, rows) in &answered.regions {
            let row = rows.iter().find(|row| row.key == key);
            let flaw = match (row, newest) {
                (Some(CompanyRow { company: Some(company), .. }), Some(newest)) if company != newest => {
                    let what = if company.revision == newest.revision {
                        format!("another document with the revision {}", newest.revision)
                    } else {
                        format!("the revision {}, and another region {}", company.revision, newest.revision)
                    };
                    let before = Held::Company(Box::new(company.clone()));
                    Some((format!("holds {what}"), Cure::Newest(before, newest)))
                }
                (Some(row @ CompanyRow { company: None, .. }), newest) => {
                    let cure = match newest {
                        Some(newest) => Cure::Newest(Held::Unreadable(Box::new(row.clone())), newest),
                        None => unknown(answered, row, holders),
                    };
                    Some(("holds no document that Umoja wrote; it is not used".to_owned(), cure))
                }
                (None, Some(newest)) => Some(("is missing".to_owned(), Cure::Newest(Held::Nothing, newest))),
                (None | Some(_), _) => None,
            };
            flaws.extend(flaw.map(|(what, cure)| Flaw { region, key, what, cure }));
        }
    }
    flaws
}

/// What is done with a row that holds no company and of whose key no region has one.
fn unknown<'a>(answered: &Answered<'_, Vec<CompanyRow>>, row: &'a CompanyRow, holders: usize) -> Cure<'a> {
    // No company has such an id.
    if row.key.parse::<CompanyId>().is_err() {
        return Cure::Remove(row);
    }
    match (answered.failed.is_empty(), holders < answered.regions.len()) {
        (true, true) => Cure::Remove(row),
        (false, _) => Cure::None("`--repair` repairs it once every region answers"),
        (true, false) => Cure::None("no region can read the company; `umoja company add` replaces it by a new one"),
    }
}

/// Replaces or removes the rows that have a flaw, if they are still as they were read. Returns what was done.
pub(super) async fn repair(regions: &Regions) -> Vec<String> {
    let answered = regions.company_rows().await;
    let mut repaired = Vec::new();
    for Flaw { region, key, what, cure } in flaws(&answered) {
        let done = match cure {
            Cure::Newest(before, newest) => {
                region.bring_company(before, newest).await.map(|is_held| is_held.then_some("replaced"))
            }
            Cure::Remove(row) => {
                let removed = region.home.registry.replace_company_row(row, None).await;
                removed.map(|is_removed| is_removed.then_some("removed"))
            }
            Cure::None(_) => Ok(None),
        };
        let (name, key) = (region.name(), key.escape_debug());
        match done {
            Ok(Some(how)) => repaired.push(format!("{name}: the company {key} {what}: {how}")),
            Ok(None) => {}
            Err(error) => repaired.push(format!("{name}: the company {key} {what}: not repaired ({error})")),
        }
    }
    repaired
}

/// The flaws, each with what repairs it.
pub(super) async fn attention(regions: &Regions) -> Vec<String> {
    let answered = regions.company_rows().await;
    let line = |flaw: Flaw<'_>| {
        let cure = match flaw.cure {
            Cure::Newest(..) => "`--repair` replaces it by the newest one",
            Cure::Remove(_) => "`--repair` removes it, as no region has such a company",
            Cure::None(why) => why,
        };
        format!("{}: the company {} {}; {cure}", flaw.region.name(), flaw.key.escape_debug(), flaw.what)
    };
    flaws(&answered).into_iter().map(line).collect()
}
