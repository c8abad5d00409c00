//! The CSV of `firebase auth:export`, as `accountExporter.ts` of firebase-tools writes it: a user a line, without a
//! header; a value with a comma is in quotes, a quote is not doubled, and a value without a comma is not in quotes.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::source::{Cut, Cutter, Source, SourceError};
use crate::Rejected;

/// The columns; a blank one ends each line. Older versions wrote fewer.
const COLUMNS: [&str; 29] = [
    "localId",
    "email",
    "emailVerified",
    "passwordHash",
    "salt",
    "displayName",
    "photoUrl",
    "google_id",
    "google_email",
    "google_name",
    "google_photo",
    "facebook_id",
    "facebook_email",
    "facebook_name",
    "facebook_photo",
    "twitter_id",
    "twitter_email",
    "twitter_name",
    "twitter_photo",
    "github_id",
    "github_email",
    "github_name",
    "github_photo",
    "createdAt",
    "lastLoginAt",
    "phoneNumber",
    "disabled",
    "customAttributes",
    "end",
];

/// The least number of columns: all columns that are read except `disabled`.
const FEWEST: usize = 26;

/// The most ways of reading a line that are tried.
const MOST_WAYS: usize = 1000;

pub(super) struct Lines<R> {
    source: Source<R>,
    line: Vec<u8>,
    /// The number of columns of the line before.
    columns: Option<usize>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: Source<R>) -> Self {
        Self { source, line: Vec::new(), columns: None }
    }
}

/// Reads a line. `columns` is the number of columns of the line before, and becomes that of this line.
fn object(line: &[u8], columns: &mut Option<usize>) -> Result<Map<String, Value>, Rejected> {
    let line = std::str::from_utf8(line).map_err(|_| Rejected::Form("not UTF-8"))?;
    let pieces: Vec<&str> = line.split(',').collect();
    let mut ways = Ways { pieces: &pieces, counts: *columns, tried: 0, found: Vec::new() };
    ways.find(0, &mut Vec::new());
    // Of several, the one with the columns of the present version, or with as many commas inside of values as fit.
    let counts = || ways.found.iter().map(Vec::len);
    let count = counts().find(|count| *count == COLUMNS.len()).or_else(|| counts().min());
    let mut fitting = ways.found.iter().filter(|cells| Some(cells.len()) == count);
    let (Some(cells), None) = (fitting.next(), fitting.next()) else {
        return Err(Rejected::Form("the columns are not those of the format, or cannot be distinguished"));
    };
    *columns = count;
    let values = COLUMNS.iter().zip(cells).filter(|(_, text)| !text.is_empty());
    let value = |name: &str, text: &str| if name == CLAIMS { claims(text) } else { text.to_owned() };
    Ok(values.map(|(name, text)| ((*name).to_owned(), Value::String(value(name, text)))).collect())
}

/// The one column that newer versions put in quotes whatever it is, with its quotes doubled.
const CLAIMS: &str = "customAttributes";

fn claims(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if inner.starts_with("{\"\"") { inner.replace("\"\"", "\"") } else { inner.to_owned() }
}

/// The ways to put the pieces between commas together, of which a line has one.
struct Ways<'a> {
    pieces: &'a [&'a str],
    counts: Option<usize>,
    tried: usize,
    found: Vec<Vec<String>>,
}

impl Ways<'_> {
    fn find(&mut self, at: usize, cells: &mut Vec<String>) {
        self.tried += 1;
        if self.tried > MOST_WAYS || cells.len() > COLUMNS.len() {
            return;
        }
        let Some(piece) = self.pieces.get(at) else {
            if self.fits(cells) {
                self.found.push(cells.clone());
            }
            return;
        };
        cells.push((*piece).to_owned());
        self.find(at + 1, cells);
        cells.pop();
        if !piece.starts_with('"') {
            return;
        }
        for end in at + 1..self.pieces.len() {
            if let Some(last) = self.pieces[end].strip_suffix('"') {
                let before = self.pieces[at..end].join(",");
                cells.push(format!("{},{last}", &before[1..]));
                self.find(end + 1, cells);
                cells.pop();
            }
        }
    }

    /// Whether the columns have the form that the format gives them.
    fn fits(&self, cells: &[String]) -> bool {
        let cell = |name: &str| {
            let at = COLUMNS.iter().position(|column| *column == name);
            at.and_then(|at| cells.get(at)).map_or("", String::as_str)
        };
        let is_flag = |text: &str| matches!(text, "" | "true" | "false");
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let count = (FEWEST..=COLUMNS.len()).contains(&cells.len()) && self.counts.is_none_or(|of| of == cells.len());
        count
            && [cell("emailVerified"), cell("disabled")].into_iter().all(is_flag)
            && [cell("createdAt"), cell("lastLoginAt")].into_iter().all(is_number)
            && cell("end").is_empty()
    }
}

impl<R: BufRead> Cutter for Lines<R> {
    type Record = Map<String, Value>;

    fn cut(&mut self) -> Result<Option<Cut<Map<String, Value>>>, SourceError> {
        let Self { source, line, columns } = self;
        source.cut_line(line, |line| object(line, columns))
    }
}
