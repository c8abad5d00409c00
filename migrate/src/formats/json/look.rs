//! The form of a JSON source, from its first bytes.

use serde_json::from_slice;

/// The arrangement of objects in a source that begins with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::formats) struct Look {
    /// The members of the first object whose names are in the first bytes, each with the first byte of its value; of an
    /// array only if it is one of objects.
    members: Vec<(String, u8)>,
    /// Whether the first object goes over several lines.
    pub(in crate::formats) is_over_lines: bool,
}

impl Look {
    /// Looks at the first object. Bytes after it are of no interest, and neither is an object that ends later.
    pub(in crate::formats) fn at(beginning: &[u8]) -> Self {
        let beginning = beginning.trim_ascii_start();
        let mut lines = beginning.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let (first, second) = (lines.next().unwrap_or_default(), lines.next());
        let is_open = Scan::default().run(first).is_some_and(|depth| depth > 0);
        // A broken line before another object is one broken line.
        let is_over_lines = is_open && second.is_some_and(|line| !line.starts_with(b"{") || first == b"{");
        Self { members: members(beginning), is_over_lines }
    }

    pub(in crate::formats) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(member, _)| member == name)
    }

    pub(in crate::formats) fn has_array(&self, name: &str) -> bool {
        self.members.iter().any(|(member, first)| member == name && *first == b'[')
    }

    pub(in crate::formats) fn has_any_array(&self) -> bool {
        self.members.iter().any(|(_, first)| *first == b'[')
    }
}

#[derive(Default)]
struct Scan {
    depth: usize,
    string: bool,
    escaped: bool,
}

impl Scan {
    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.string => self.escaped = true,
            b'"' => self.string = !self.string,
            b'{' | b'[' if !self.string => self.depth += 1,
            b'}' | b']' if !self.string => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// The depth after a line; `None` inside of a string.
    fn run(mut self, line: &[u8]) -> Option<usize> {
        for byte in line {
            self.step(*byte);
        }
        (!self.string).then_some(self.depth)
    }
}

/// The members at the first level of an object that may be cut off.
fn members(bytes: &[u8]) -> Vec<(String, u8)> {
    let mut members = Vec::new();
    let mut scan = Scan::default();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let was_string = scan.string;
        scan.step(*byte);
        match (scan.depth, was_string, scan.string) {
            (0, ..) if at > 0 => break,
            (1, false, true) => start = at,
            (1, true, false) => {
                let after = bytes[at + 1..].trim_ascii_start();
                let value = after.strip_prefix(b":").unwrap_or_default().trim_ascii_start();
                let is_of_others =
                    |inner: &[u8]| inner.trim_ascii_start().first().is_some_and(|byte| !b"{]".contains(byte));
                let first = match value {
                    [b'[', inner @ ..] if is_of_others(inner) => 0,
                    [first, ..] => *first,
                    [] => continue,
                };
                if let Ok(name) = from_slice::<String>(&bytes[start..=at]) {
                    members.push((name, first));
                }
            }
            _ => {}
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_first_level_are_seen() {
        let look =
            Look::at(br#" {"a{": "x\"}", "users" : [{"inner": 1}], "c": {"d": []}, "cut": [{"z": 1, "n": [1]}, "#);
        let members: Vec<_> = look.members.iter().map(|(name, first)| (name.as_str(), *first)).collect();
        assert_eq!(members, [("a{", b'"'), ("users", b'['), ("c", b'{'), ("cut", b'[')]);
        assert!(!Look::at(br#"{"a": [1, {}]}"#).has_any_array() && Look::at(br#"{"a": [ ]}"#).has_any_array());
        assert!(look.has("c") && look.has_array("users") && !look.has_array("c") && !look.has("inner"));
        assert!(!Look::at(br#"{"a": 1} {"users": []}"#).has("users"));
    }

    #[test]
    fn objects_over_lines_are_distinguished_from_broken_lines() {
        for (text, over) in [
            ("{\"a\": 1}\n{\"a\": 2}", false),
            ("{\n  \"a\": 1\n}\n{", true),
            ("{\"a\":\n[1]}", true),
            ("{\"a\": {\"b\": 1}\n{\"a\": 2}", false),
            ("{\"a\": \"cut\n{\"a\": 2}", false),
            ("{\"a\": 1", false),
            ("", false),
        ] {
            assert_eq!(Look::at(text.as_bytes()).is_over_lines, over, "{text}");
        }
    }
}
