//! Companies and sources, which operators' commands write in every region. Something else may have written one of a
//! region's rows, an older document may have been put back, and an interrupted command may leave the regions different.

use std::collections::BTreeSet;

use umoja_schema::{Company, IngestSource};

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
    /// The row is removed, and this is why.
    Remove(&'a Row<D>, &'static str),
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
        let holders: Vec<&Row<D>> = rows().filter(|row| row.key == key).collect();
        let is_ended = newest.is_some_and(Document::is_ended);
        // While a region holds another document, the ended one has to stay in all regions: it is newer.
        let is_dropped =
            is_ended && answered.failed.is_empty() && holders.iter().all(|row| row.document.as_ref() == newest);
        for (region, rows) in &answered.regions {
            let row = rows.iter().find(|row| row.key == key);
            let flaw = match (row, newest) {
                (Some(row), Some(_)) if is_dropped => Some((
                    "says that it was removed".to_owned(),
                    Cure::Remove(row, "`--repair` drops it, as every region knows"),
                )),
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
                        None => unknown(answered, row, holders.len()),
                    };
                    Some(("holds no document that Umoja wrote; it is not used".to_owned(), cure))
                }
                (None, Some(newest)) if !is_ended => {
                    Some(("is missing".to_owned(), Cure::Newest(Held::Nothing, newest)))
                }
                (None | Some(_), _) => None,
            };
            flaws.extend(flaw.map(|(what, cure)| Flaw { region, key, what, cure }));
        }
    }
    flaws
}

/// What is done with a row that holds no document and of whose key no region has one.
fn unknown<'a, D: Document>(answered: &Answered<'_, Vec<Row<D>>>, row: &'a Row<D>, holders: usize) -> Cure<'a, D> {
    let remove = |row| Cure::Remove(row, "`--repair` removes it, as no other region has it");
    // Nothing has such an id.
    if row.key.parse::<D::Id>().is_err() {
        return remove(row);
    }
    match (answered.failed.is_empty(), holders < answered.regions.len()) {
        (true, true) => remove(row),
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
    repaired
}

async fn repair_kind<D: Document>(regions: &Regions) -> Vec<String> {
    let mut repaired = repair_once::<D>(regions).await;
    // A document that was removed is dropped once every region knows that, so it takes a second look.
    for line in repair_once::<D>(regions).await {
        if !repaired.contains(&line) {
            repaired.push(line);
        }
    }
    repaired
}

async fn repair_once<D: Document>(regions: &Regions) -> Vec<String> {
    let answered = regions.rows::<D>().await;
    let mut repaired = Vec::new();
    for Flaw { region, key, what, cure } in flaws(&answered) {
        let done = match cure {
            Cure::Newest(before, newest) => {
                region.bring(before, newest).await.map(|is_held| is_held.then_some("replaced"))
            }
            Cure::Remove(row, _) => {
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
    attention
}

async fn attention_of<D: Document>(regions: &Regions) -> Vec<String> {
    let answered = regions.rows::<D>().await;
    let line = |flaw: Flaw<'_, D>| {
        let cure = match &flaw.cure {
            Cure::Newest(..) => "`--repair` replaces it by the newest one",
            Cure::Remove(_, why) => why,
            Cure::None(why) => why,
        };
        format!("{}: the {} {} {}; {cure}", flaw.region.name(), D::NAME, flaw.key.escape_debug(), flaw.what)
    };
    flaws(&answered).into_iter().map(line).collect()
}
