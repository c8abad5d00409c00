//! Bodies: objects in an array, or one after the other.

use serde_json::value::RawValue;

use super::event::{MAX_EVENTS, Malformed};

/// The bytes with which gzip starts (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The objects of a body, not yet read: a faulty one must not take the others of its batch with it.
pub(super) fn objects(body: &[u8]) -> Result<Vec<&RawValue>, Malformed> {
    let objects = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => serde_json::from_slice::<Vec<&RawValue>>(body).map_err(|_| Malformed::Json)?,
        Some(b'{') => {
            let values = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
            let values = values.take(MAX_EVENTS + 1).collect::<Result<Vec<_>, _>>();
            values.map_err(|_| Malformed::Json)?
        }
        Some(_) => return Err(other(body)),
        None => return Err(Malformed::Empty),
    };
    checked(objects)
}

/// At most as many as are taken at once, and all objects.
pub(super) fn checked(objects: Vec<&RawValue>) -> Result<Vec<&RawValue>, Malformed> {
    if objects.len() > MAX_EVENTS {
        return Err(Malformed::TooMany);
    }
    let are_objects = objects.iter().all(|object| object.get().starts_with('{'));
    if are_objects { Ok(objects) } else { Err(Malformed::NoObjects) }
}

/// What is wrong with a body that has neither objects nor an array.
pub(super) fn other(body: &[u8]) -> Malformed {
    match serde_json::from_slice::<&RawValue>(body) {
        Ok(_) => Malformed::NoObjects,
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => Malformed::Empty,
        Err(_) if body.starts_with(&GZIP) => Malformed::Compressed,
        Err(_) => Malformed::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(body: &str) -> Result<Vec<&str>, Malformed> {
        Ok(objects(body.as_bytes())?.into_iter().map(RawValue::get).collect())
    }

    #[test]
    fn objects_stand_alone_in_an_array_or_one_after_the_other() {
        assert_eq!(cut(" {\"a\":1} "), Ok(vec!["{\"a\":1}"]));
        assert_eq!(cut("[{\"a\":1}, {}]"), Ok(vec!["{\"a\":1}", "{}"]));
        assert_eq!(cut("{\"a\":1}\n{}\r\n{\"b\":[]}"), Ok(vec!["{\"a\":1}", "{}", "{\"b\":[]}"]));
        assert_eq!(cut("[]"), Ok(vec![]));
    }

    #[test]
    fn an_object_that_cannot_be_read_leaves_the_others_of_its_batch() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(9999), "]".repeat(9999));
        for faulty in ["{\"a\":1,\"a\":2}", "{\"a\":\"\\ud83d\"}", "{\"a\":1e9999}", &deep] {
            assert_eq!(cut(&format!("[{{}},{faulty},{{}}]")), Ok(vec!["{}", faulty, "{}"]));
        }
    }

    #[test]
    fn a_body_of_something_else_is_rejected() {
        for body in ["text", "[{}", "{}{", "[{}] {}"] {
            assert_eq!(cut(body), Err(Malformed::Json), "{body}");
        }
        for body in ["7", "[7]", "[1,2]", "{} 7", "\"{}\""] {
            assert_eq!(cut(body), Err(Malformed::NoObjects), "{body}");
        }
        assert_eq!(objects(&[0x1f, 0x8b, 8]).map(drop), Err(Malformed::Compressed));
        assert_eq!((cut(""), cut(" ")), (Err(Malformed::Empty), Err(Malformed::Empty)));
        assert_eq!(objects(b"{\"a\":\"\xff\"}").map(drop), Err(Malformed::Json));
    }

    #[test]
    fn a_body_has_a_limited_number_of_events() {
        let many = vec!["{}"; MAX_EVENTS];
        assert_eq!(cut(&many.join(" ")).map(|cut| cut.len()), Ok(MAX_EVENTS));
        assert_eq!(cut(&format!("{} {{}}", many.join(" "))), Err(Malformed::TooMany));
        assert_eq!(cut(&format!("[{},{{}}]", many.join(","))), Err(Malformed::TooMany));
    }
}
