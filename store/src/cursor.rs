//! Positions of scans by two keys, as one text.

/// The position after an item with these keys. A writer of a table can use any text as a key, so a slash of the first
/// one is escaped: a scan that continued at another item could run for ever.
pub fn write(first: &str, second: &str) -> String {
    format!("{}/{second}", first.replace('%', "%25").replace('/', "%2F"))
}

/// The keys of a position; `None` if it is of another form.
pub fn read(cursor: &str) -> Option<(String, String)> {
    let (first, second) = cursor.split_once('/')?;
    Some((first.replace("%2F", "/").replace("%25", "%"), second.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for (first, second) in [("a", "b"), ("", ""), ("a/b", "c/d"), ("%2F", "%"), ("a%/%25", "/")] {
            assert_eq!(read(&write(first, second)), Some((first.to_owned(), second.to_owned())), "{first} {second}");
        }
        assert_eq!((write("a-1", "b"), read("a")), ("a-1/b".to_owned(), None));
    }
}
