//! The cells of one row, from its bytes.
//!
//! `csv-core` takes a quote inside of a cell for a letter or the end of a quotation, whichever comes first, and then one
//! user gets what belongs to another. This reader rejects a row whose quotes do not fit.

use std::str::Utf8Error;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// RFC 4180: a cell in quotes may hold anything, with its quotes doubled, or after an escape character if there is
    /// one.
    Quotes { escape: Option<u8> },
    /// A quote is a letter, and a backslash begins an escape: `mysql --batch` and PostgreSQL's `COPY`.
    Escapes,
}

/// The effect of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    More,
    /// The row ends with this byte.
    Row,
    /// The quotes do not fit, or a carriage return is inside of a line.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Start,
    Plain,
    /// Inside of quotes.
    Inside,
    /// After the escape character, inside of quotes.
    Escaped,
    /// After a quote that ends the quotation unless another one follows.
    Closed,
    /// After a carriage return that has to end the line.
    Return,
}

/// Splits rows byte by byte, because a row may be too large for memory.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    style: Style,
    delimiter: u8,
    line_end: u8,
    state: State,
    row: Vec<Vec<u8>>,
    /// Whether the row has a byte other than that of its end.
    begun: bool,
    /// Whether bytes are stored. The bytes of a row that is too large are not.
    pub(super) is_kept: bool,
}

impl Cells {
    pub(super) fn new(style: Style, delimiter: u8, line_end: u8) -> Self {
        let row = vec![Vec::new()];
        Self { style, delimiter, line_end, state: State::Start, row, begun: false, is_kept: true }
    }

    /// Begins a new row.
    pub(super) fn reset(&mut self) {
        (self.state, self.begun, self.is_kept) = (State::Start, false, true);
        self.row.clear();
        self.row.push(Vec::new());
    }

    /// Whether the row is inside of quotes.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Inside | State::Escaped)
    }

    /// Whether the row has a byte.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// Stops storing bytes.
    pub(super) fn give_up(&mut self) {
        self.is_kept = false;
        self.row = vec![Vec::new()];
    }

    pub(super) fn feed(&mut self, byte: u8) -> Fed {
        if matches!(self.state, State::Start | State::Plain | State::Closed | State::Return) {
            if byte == self.line_end {
                return Fed::Row;
            }
            if byte == b'\r' {
                self.state = State::Return;
                return Fed::More;
            }
        }
        self.begun = true;
        let Style::Quotes { escape } = self.style else {
            if self.state == State::Return {
                return Fed::Broken;
            }
            return self.plain(byte);
        };
        match self.state {
            State::Start if byte == b'"' => self.state = State::Inside,
            State::Start | State::Plain => return self.plain(byte),
            State::Inside if Some(byte) == escape => self.state = State::Escaped,
            State::Inside if byte == b'"' => self.state = State::Closed,
            State::Inside => self.push(byte),
            State::Escaped => {
                self.push(byte);
                self.state = State::Inside;
            }
            State::Closed if byte == b'"' => {
                self.push(byte);
                self.state = State::Inside;
            }
            State::Closed if byte == self.delimiter => return self.plain(byte),
            State::Closed | State::Return => return Fed::Broken,
        }
        Fed::More
    }

    fn plain(&mut self, byte: u8) -> Fed {
        if byte == self.delimiter {
            self.state = State::Start;
            if self.is_kept {
                self.row.push(Vec::new());
            }
        } else {
            self.state = State::Plain;
            self.push(byte);
        }
        Fed::More
    }

    fn push(&mut self, byte: u8) {
        if let Some(cell) = self.row.last_mut().filter(|_| self.is_kept) {
            cell.push(byte);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.row.len()
    }

    /// The texts of the row; `None` for those that are `nulls` or empty, and an error for those that are not UTF-8.
    pub(super) fn texts(&self, nulls: &[String]) -> Vec<Result<Option<String>, Utf8Error>> {
        let text = |cell: &Vec<u8>| {
            let text = std::str::from_utf8(cell)?;
            if text.is_empty() || nulls.iter().any(|null| null == text) {
                return Ok(None);
            }
            Ok(Some(if self.style == Style::Escapes { unescaped(text) } else { text.to_owned() }))
        };
        self.row.iter().map(text).collect()
    }
}

/// `\t`, `\n` and the like as the characters that they stand for. Other backslashes stay.
fn unescaped(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            unescaped.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => unescaped.push('\t'),
            Some('n') => unescaped.push('\n'),
            Some('r') => unescaped.push('\r'),
            Some('0') => unescaped.push('\0'),
            Some('b') => unescaped.push('\u{8}'),
            Some(other) if other != '\\' => unescaped.extend(['\\', other]),
            Some(_) | None => unescaped.push('\\'),
        }
    }
    unescaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(style: Style, row: &str) -> Result<Vec<Option<String>>, Fed> {
        let mut cells = Cells::new(style, if style == Style::Escapes { b'\t' } else { b',' }, b'\n');
        for byte in row.bytes() {
            match cells.feed(byte) {
                Fed::More => {}
                Fed::Row => return Ok(cells.texts(&["\\N".to_owned()]).into_iter().map(Result::unwrap).collect()),
                Fed::Broken => return Err(Fed::Broken),
            }
        }
        Err(Fed::More)
    }

    fn texts(style: Style, row: &str) -> Vec<String> {
        cells(style, row).unwrap().into_iter().map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn quotes_are_read_as_rfc_4180_says() {
        let quotes = Style::Quotes { escape: None };
        assert_eq!(texts(quotes, "a,\"b,\"\"c\"\"\r\nd\",\\\"e\"\r\n"), ["a", "b,\"c\"\r\nd", "\\\"e\""]);
        assert_eq!(texts(quotes, ",\"\",\n"), ["", "", ""]);
        assert_eq!(texts(Style::Quotes { escape: Some(b'\\') }, "\"\\\"a\\\" \\\\\"\"\",b\n"), ["\"a\" \\\"", "b"]);
    }

    #[test]
    fn quotes_that_do_not_fit_break_the_row() {
        let quotes = Style::Quotes { escape: None };
        for row in ["\"a\"b,c\n", "\"\\\"a\\\"\",c\n", "a\rb\n", "\"a\" ,b\n"] {
            assert_eq!(cells(quotes, row), Err(Fed::Broken), "{row:?}");
        }
        assert_eq!(cells(quotes, "a,\"b\n"), Err(Fed::More), "the row is still inside of quotes");
    }

    #[test]
    fn quotes_are_letters_where_tabs_are_escaped() {
        assert_eq!(
            texts(Style::Escapes, "\"The Boss\t\"Q\" A\tx\\ty\\nz\\\\\\N\t\\N\ta\\q\\\r\n"),
            ["\"The Boss", "\"Q\" A", "x\ty\nz\\\\N", "", "a\\q\\"]
        );
    }
}
