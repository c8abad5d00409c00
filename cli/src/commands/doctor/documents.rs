//! Companies, sources, webhooks and targets, which operators' commands write in every region. Something else may have written one of a
//! region's rows, an older document may have been put back, and an interrupted command may leave the regions different.

use std::collections::BTreeSet;

use umoja_schema::{Client, Company, IngestSource, LoginProvider, OidcKeySet, Target, Webhook};

use crate::deployment::{Answered, DeployedRegion, Document, Held, Regions, Row, newest_of};

/// A row that one region should not hold, or lacks.
struct Flaw<'a, D> {
    region: &'a DeployedRegion,
    key: &'a str,
    what: String,
    cure: Cure<'a, D>,
}

/// What repairs a row.
enum Cure<'a, D> {
    /// The newest document of this id.
    Newest(Held<D>, &'a D),
    /// The row is removed: no region has such a document.
    Remove(&'a Row<D>),
    /// It may be a document that every region's table has lost, or that a region has which does not answer.
    None(String),
}

/// The flaws of the rows of all regions that answer. A region that does not answer is reported elsewhere.
fn flaws<'a, D: Document>(answered: &'a Answered<'a, Vec<Row<D>>>) -> Vec<Flaw<'a, D>> {
    let rows = || answered.regions.iter().flat_map(|(_, rows)| rows);
    let newest = newest_of(rows());
    let keys: BTreeSet<&str> = rows().map(|row| row.key.as_str()).collect();
    let mut flaws = Vec::new();
    for key in keys {
        let newest = newest.get(key).copied();
        let holders = rows().filter(|row| row.key == key).count();
        for (region, rows) in &answered.regions {
            let row = rows.iter().find(|row| row.key == key);
            let flaw = match (row, newest) {
                (Some(Row { document: Some(document), .. }), Some(newest)) if document != newest => {
                    let revision = newest.revision();
                    let what = if document.revision() == revision {
                        format!("another document with the revision {revision}")
                    } else {
                        format!("the revision {}, and another region {revision}", document.revision())
                    };
                    let before = Held::Document(Box::new(document.clone()));
                    Some((format!("holds {what}"), Cure::Newest(before, newest)))
                }
                (Some(row @ Row { document: None, .. }), newest) => {
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

/// What is done with a row that holds no document and of whose key no region has one.
fn unknown<'a, D: Document>(answered: &Answered<'_, Vec<Row<D>>>, row: &'a Row<D>, holders: usize) -> Cure<'a, D> {
    // Nothing has such an id.
    if row.key.parse::<D::Id>().is_err() {
        return Cure::Remove(row);
    }
    match (answered.failed.is_empty(), holders < answered.regions.len()) {
        (true, true) => Cure::Remove(row),
        (false, _) => Cure::None("`--repair` repairs it once every region answers".to_owned()),
        (true, false) => {
            let name = D::NAME;
            Cure::None(format!("no region can read the {name}; `umoja {name} add` replaces it by a new one"))
        }
    }
}

/// Replaces or removes the rows that have a flaw, if they are still as they were read. Returns what was done.
pub(super) async fn repair(regions: &Regions) -> Vec<String> {
    let mut repaired = repair_kind::<Company>(regions).await;
    repaired.extend(repair_kind::<IngestSource>(regions).await);
    repaired.extend(repair_kind::<Webhook>(regions).await);
    repaired.extend(repair_kind::<Target>(regions).await);
    repaired.extend(repair_kind::<Client>(regions).await);
    repaired.extend(repair_kind::<LoginProvider>(regions).await);
    repaired.extend(repair_kind::<OidcKeySet>(regions).await);
    repaired
}

async fn repair_kind<D: Document>(regions: &Regions) -> Vec<String> {
    let answered = regions.rows::<D>().await;
    let mut repaired = Vec::new();
    for Flaw { region, key, what, cure } in flaws(&answered) {
        let done = match cure {
            Cure::Newest(before, newest) => {
                region.bring(before, newest).await.map(|is_held| is_held.then_some("replaced"))
            }
            Cure::Remove(row) => {
                let removed = D::replace_row(&*region.home.registry, row, None).await;
                removed.map(|is_removed| is_removed.then_some("removed"))
            }
            Cure::None(_) => Ok(None),
        };
        let (name, kind, key) = (region.name(), D::NAME, key.escape_debug());
        match done {
            Ok(Some(how)) => repaired.push(format!("{name}: the {kind} {key} {what}: {how}")),
            Ok(None) => {}
            Err(error) => repaired.push(format!("{name}: the {kind} {key} {what}: not repaired ({error})")),
        }
    }
    repaired
}

/// The flaws, each with what repairs it.
pub(super) async fn attention(regions: &Regions) -> Vec<String> {
    let mut attention = attention_of::<Company>(regions).await;
    attention.extend(attention_of::<IngestSource>(regions).await);
    attention.extend(attention_of::<Webhook>(regions).await);
    attention.extend(attention_of::<Target>(regions).await);
    attention.extend(attention_of::<Client>(regions).await);
    attention.extend(attention_of::<LoginProvider>(regions).await);
    attention.extend(attention_of::<OidcKeySet>(regions).await);
    attention
}

async fn attention_of<D: Document>(regions: &Regions) -> Vec<String> {
    let answered = regions.rows::<D>().await;
    let line = |flaw: Flaw<'_, D>| {
        let cure = match flaw.cure {
            Cure::Newest(..) => "`--repair` replaces it by the newest one".to_owned(),
            Cure::Remove(_) => format!("`--repair` removes it, as no region has such a {}", D::NAME),
            Cure::None(why) => why,
        };
        format!("{}: the {} {} {}; {cure}", flaw.region.name(), D::NAME, flaw.key.escape_debug(), flaw.what)
    };
    flaws(&answered).into_iter().map(line).collect()
}
