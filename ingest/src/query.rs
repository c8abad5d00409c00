//! The query string of a URL.

/// The parameters of a query (application/x-www-form-urlencoded). One that cannot be read is left out.
pub(crate) fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, value)| Some((decoded(name)?, decoded(value)?))).collect()
}

/// A part of a query without its escapes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_with_a_broken_escape_is_left_out() {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let read = parameters("a=1+2&b=%f&c=%zz&d=%ff&e&=x&%c3%a4=%26");
        assert_eq!(read, [own("a", "1 2"), own("", "x"), own("\u{e4}", "&")]);
    }
}
