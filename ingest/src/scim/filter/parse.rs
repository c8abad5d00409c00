//! The parser of filters.

use serde_json::Value;

use super::super::error::ScimError;
use super::super::path::Name;
use super::tree::{Filter, Operator};

/// The most bytes of a filter.
const MAX_BYTES: usize = 4_096;

/// The most brackets within each other.
const MAX_DEPTH: usize = 16;

/// The most comparisons.
const MAX_TERMS: usize = 64;

const FORM: ScimError = ScimError::filter("The filter does not have the form of RFC 7644.");
const TOO_LONG: ScimError = ScimError::filter("The filter is too long or has too many brackets.");

/// Reads a filter.
///
/// # Errors
/// `invalidFilter` if the text is none.
pub fn parse(text: &str) -> Result<Filter, ScimError> {
    if text.len() > MAX_BYTES {
        return Err(TOO_LONG);
    }
    let mut parser = Parser { rest: text, depth: 0, terms: 0 };
    let filter = parser.or()?;
    parser.skip();
    if parser.rest.is_empty() { Ok(filter) } else { Err(FORM) }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    terms: usize,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Filter, ScimError> {
        let mut filter = self.and()?;
        while self.word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.and()?));
        }
        Ok(filter)
    }

    fn and(&mut self) -> Result<Filter, ScimError> {
        let mut filter = self.term()?;
        while self.word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.term()?));
        }
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter, ScimError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(TOO_LONG);
        }
        self.skip();
        let before = self.rest;
        if self.word("not") {
            self.skip();
            if self.rest.starts_with('(') {
                return Ok(Filter::Not(Box::new(self.bracket('(', ')')?)));
            }
            self.rest = before;
        }
        if self.rest.starts_with('(') {
            return self.bracket('(', ')');
        }
        let name = Name::parse(self.token()).filter(|name| name.attribute.is_some()).ok_or(FORM)?;
        if self.rest.starts_with('[') {
            return Ok(Filter::Any(name, Box::new(self.bracket('[', ']')?)));
        }
        if self.word("pr") {
            return Ok(Filter::Present(name));
        }
        let operator = self.operator().ok_or(FORM)?;
        let value = self.value()?;
        Ok(Filter::Compare(name, operator, value))
    }

    fn bracket(&mut self, open: char, close: char) -> Result<Filter, ScimError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(TOO_LONG);
        }
        self.rest = self.rest.strip_prefix(open).ok_or(FORM)?;
        let filter = self.or()?;
        self.skip();
        self.rest = self.rest.strip_prefix(close).ok_or(FORM)?;
        self.depth -= 1;
        Ok(filter)
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// The text up to a space or a bracket.
    fn token(&mut self) -> &'a str {
        self.skip();
        let end = self.rest.find([' ', '[', ']', '(', ')']).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }

    /// Takes a word in any case, if it is next.
    fn word(&mut self, word: &str) -> bool {
        let before = self.rest;
        let is_next = self.token().eq_ignore_ascii_case(word);
        if !is_next {
            self.rest = before;
        }
        is_next
    }

    fn operator(&mut self) -> Option<Operator> {
        let operators = [
            ("eq", Operator::Eq),
            ("ne", Operator::Ne),
            ("co", Operator::Co),
            ("sw", Operator::Sw),
            ("ew", Operator::Ew),
            ("gt", Operator::Gt),
            ("ge", Operator::Ge),
            ("lt", Operator::Lt),
            ("le", Operator::Le),
        ];
        let token = self.token();
        operators.into_iter().find(|(name, _)| token.eq_ignore_ascii_case(name)).map(|(_, operator)| operator)
    }

    /// A JSON text, number, truth value or null. Entra writes truth values with capital letters.
    fn value(&mut self) -> Result<Value, ScimError> {
        self.skip();
        if !self.rest.starts_with('"') {
            let token = self.token();
            let value: Value = serde_json::from_str(&token.to_ascii_lowercase()).map_err(|_| FORM)?;
            return if value.is_array() || value.is_object() { Err(FORM) } else { Ok(value) };
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = values.next().and_then(Result::ok).ok_or(FORM)?;
        self.rest = self.rest.get(values.byte_offset()..).ok_or(FORM)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn and_binds_closer_than_or() {
        let name = |text| Box::new(Filter::Present(Name::parse(text).unwrap()));
        let expected = Filter::Or(name("a"), Box::new(Filter::And(name("b"), Box::new(Filter::Not(name("c"))))));
        assert_eq!(parse("a pr or b pr and not (c pr)"), Ok(expected.clone()));
        assert_eq!(parse(" a PR OR (b pr AND NOT(c pr)) "), Ok(expected));
    }

    #[test]
    fn texts_have_the_escapes_of_json() {
        let Ok(Filter::Compare(_, Operator::Eq, value)) = parse(r#"title eq "a \"b\") and (\u00e9""#) else {
            panic!("a comparison")
        };
        assert_eq!(value, "a \"b\") and (é");
    }

    #[test]
    fn other_texts_are_no_filters() {
        for text in [
            "",
            "userName",
            "userName eq",
            "userName is \"a\"",
            "userName eq a",
            "userName eq \"a",
            "eq \"a\"",
            "(a pr",
            "a pr)",
            "a pr b pr",
            "emails[type eq \"a\"",
            "not a pr",
            "a eq {}",
            "a eq \"b\" and",
        ] {
            assert_eq!(parse(text).map_err(|error| error.kind), Err(Some("invalidFilter")), "{text}");
        }
    }

    #[test]
    fn deep_and_long_filters_are_rejected() {
        let deep = format!("{}a pr{}", "(".repeat(MAX_DEPTH + 1), ")".repeat(MAX_DEPTH + 1));
        assert_eq!(parse(&deep), Err(TOO_LONG));
        assert_eq!(parse(&vec!["a pr"; MAX_TERMS + 1].join(" or ")), Err(TOO_LONG));
        assert_eq!(parse(&format!("title eq \"{}\"", "a".repeat(MAX_BYTES))), Err(TOO_LONG));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[a-z.:\\[\\]()\"\\\\ é]{0,60}", any in "\\PC{0,60}") {
            let _ = (parse(&text), parse(&any), parse(&format!("a eq {text} and {any}")));
        }
    }
}
