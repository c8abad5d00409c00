//! Queries (RFC 7644 section 3.4.2), with pages by index and by cursor (RFC 9865).
//!
//! There is no index of a company's users. A filter that names a user name, an id, an e-mail address or a phone number
//! is answered by an index. Everything else reads the users of the region, as far as [`MAX_SCANNED`] and [`MAX_OPENED`]
//! allow; beyond, the answer is `tooMany`, and a client reads on by cursor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use umoja_schema::UserId;

use super::directory::{Client, Directory, Entry};
use super::error::{CURSOR, ScimError};
use super::filter::{self, Filter, Key};
use super::path::get;
use super::projection::Projection;
use super::represent::represent;
use crate::query::parameters;

/// The most users of one page.
pub(super) const MAX_COUNT: usize = 100;

/// The most stored items that one request reads to find users. A user has two.
const MAX_SCANNED: usize = 20_000;

/// The most users that one request decrypts to find those that a filter selects. A page by cursor ends there.
pub(super) const MAX_OPENED: usize = 1_000;

/// How many items are read at once.
const BATCH: usize = 1_000;

const TOO_MANY: ScimError = ScimError::too_many(
    "The deployment has too many users for this query. Filter by userName, id, emails or phoneNumbers with eq, or use \
     pages by cursor.",
);
const INTEGER: ScimError = ScimError::value("`startIndex` and `count` have to be whole numbers.");

/// Where a page by cursor begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cursor {
    First,
    After(String),
}

/// A query.
pub(super) struct Query {
    filter: Option<Filter>,
    start: usize,
    count: usize,
    cursor: Option<Cursor>,
    /// Which attributes the answer has.
    pub(super) projection: Projection,
}

impl Query {
    /// The query of a URL.
    ///
    /// # Errors
    /// If a parameter cannot be read.
    pub(super) fn of_url(query: &str) -> Result<Self, ScimError> {
        let parameters = parameters(query);
        let value = |name: &str| {
            parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let number = |name: &str| value(name).map(|text| text.trim().parse::<i64>().map_err(|_| INTEGER)).transpose();
        let names = |name: &str| value(name).unwrap_or_default().split(',');
        let projection = Projection::new(names("attributes"), names("excludedAttributes"))?;
        Self::new(value("filter"), number("startIndex")?, number("count")?, value("cursor"), projection)
    }

    /// The query of a search request (RFC 7644 section 3.4.3).
    ///
    /// # Errors
    /// If a member cannot be read.
    pub(super) fn of_search(body: &Value) -> Result<Self, ScimError> {
        let members = body.as_object().ok_or(ScimError::syntax("The body has to be a search request."))?;
        let text = |name: &str| get(members, name).and_then(Value::as_str);
        let number = |name: &str| match get(members, name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or(INTEGER),
        };
        let names = |name: &str| {
            let names = get(members, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            names.iter().filter_map(Value::as_str)
        };
        let projection = Projection::new(names("attributes"), names("excludedAttributes"))?;
        Self::new(text("filter"), number("startIndex")?, number("count")?, text("cursor"), projection)
    }

    fn new(
        filter: Option<&str>,
        start: Option<i64>,
        count: Option<i64>,
        cursor: Option<&str>,
        projection: Projection,
    ) -> Result<Self, ScimError> {
        let filter = filter.filter(|text| !text.trim().is_empty()).map(filter::parse).transpose()?;
        let cursor = cursor.map(position).transpose()?;
        // A value below the least one counts as the least one (RFC 7644 section 3.4.2.4).
        let start = usize::try_from(start.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
        let count = count.map_or(MAX_COUNT, |count| usize::try_from(count.max(0)).unwrap_or(MAX_COUNT).min(MAX_COUNT));
        Ok(Self { filter, start, count, cursor, projection })
    }

    fn selects(&self, base: &str, entry: &Entry) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(&represent(base, entry), None))
    }

    /// Answers the query.
    ///
    /// # Errors
    /// `tooMany` if it would take too much work.
    pub(super) async fn answer(
        &self,
        directory: &dyn Directory,
        client: &Client,
        base: &str,
    ) -> Result<Value, ScimError> {
        let keys = self.filter.as_ref().and_then(Filter::keys);
        let found = match (&self.cursor, keys) {
            (_, Some(keys)) => self.found(directory, client, base, &keys).await?,
            (Some(cursor), None) => return self.by_cursor(directory, client, base, cursor).await,
            (None, None) => {
                let ids = all(directory, client).await?;
                if self.filter.is_none() {
                    let page = ids.iter().skip(self.start - 1).take(self.count);
                    let mut entries = Vec::new();
                    for id in page {
                        entries.extend(directory.read(client, *id).await?);
                    }
                    return Ok(self.envelope(base, Some(ids.len()), &entries, None));
                }
                self.selected(directory, client, base, &ids).await?
            }
        };
        let page: Vec<_> = found.iter().skip(self.start - 1).take(self.count).cloned().collect();
        Ok(self.envelope(base, Some(found.len()), &page, None))
    }

    /// The users that have one of the keys and that the filter selects.
    async fn found(
        &self,
        directory: &dyn Directory,
        client: &Client,
        base: &str,
        keys: &[Key],
    ) -> Result<Vec<Entry>, ScimError> {
        let mut found: Vec<Entry> = Vec::new();
        for key in keys {
            for entry in directory.find(client, key).await? {
                if !found.iter().any(|other| other.id == entry.id) && self.selects(base, &entry) {
                    found.push(entry);
                }
            }
        }
        Ok(found)
    }

    /// The users that the filter selects.
    async fn selected(
        &self,
        directory: &dyn Directory,
        client: &Client,
        base: &str,
        ids: &[UserId],
    ) -> Result<Vec<Entry>, ScimError> {
        if ids.len() > MAX_OPENED {
            return Err(TOO_MANY);
        }
        let mut selected = Vec::new();
        for id in ids {
            selected.extend(directory.read(client, *id).await?.filter(|entry| self.selects(base, entry)));
        }
        Ok(selected)
    }

    /// A page by cursor. It may have fewer users than were asked for, also none, while there are more.
    async fn by_cursor(
        &self,
        directory: &dyn Directory,
        client: &Client,
        base: &str,
        cursor: &Cursor,
    ) -> Result<Value, ScimError> {
        let mut after = match cursor {
            Cursor::First => None,
            Cursor::After(position) => Some(position.clone()),
        };
        let (mut entries, mut scanned, mut opened) = (Vec::new(), 0, 0);
        while entries.len() < self.count && opened < MAX_OPENED {
            // An item is of one user at most, so a page never has more users than are left.
            let limit = (self.count - entries.len()).min(MAX_OPENED - opened);
            let page = directory.page(client, after, limit).await?;
            opened += page.ids.len();
            for id in page.ids {
                entries.extend(directory.read(client, id).await?.filter(|entry| self.selects(base, entry)));
            }
            scanned += limit;
            after = page.next;
            if after.is_none() || scanned >= MAX_SCANNED {
                break;
            }
        }
        Ok(self.envelope(base, None, &entries, after))
    }

    fn envelope(&self, base: &str, total: Option<usize>, page: &[Entry], next: Option<String>) -> Value {
        let shown = page.iter().map(|entry| Value::Object(self.projection.of(represent(base, entry)))).collect();
        let mut answer = envelope(total, total.map(|_| self.start), shown);
        if let Some(next) = next {
            answer.insert("nextCursor".to_owned(), URL_SAFE_NO_PAD.encode(next).into());
        }
        Value::Object(answer)
    }
}

/// A list of resources.
pub(super) fn envelope(total: Option<usize>, start: Option<usize>, resources: Vec<Value>) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("schemas".to_owned(), json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    members.extend(total.map(|total| ("totalResults".to_owned(), total.into())));
    members.extend(start.map(|start| ("startIndex".to_owned(), start.into())));
    members.insert("itemsPerPage".to_owned(), resources.len().into());
    members.insert("Resources".to_owned(), resources.into());
    members
}

/// All users of the company.
async fn all(directory: &dyn Directory, client: &Client) -> Result<Vec<UserId>, ScimError> {
    let (mut ids, mut after) = (Vec::new(), None);
    for _ in 0..MAX_SCANNED / BATCH {
        let page = directory.page(client, after, BATCH).await?;
        ids.extend(page.ids);
        after = page.next;
        if after.is_none() {
            return Ok(ids);
        }
    }
    Err(TOO_MANY)
}

/// The position that a cursor names. An empty one asks for the first page.
fn position(cursor: &str) -> Result<Cursor, ScimError> {
    if cursor.is_empty() {
        return Ok(Cursor::First);
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CURSOR)?;
    String::from_utf8(bytes).map(Cursor::After).map_err(|_| CURSOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_without_their_escapes() {
        let query =
            Query::of_url("filter=userName+eq%20%22a%2Bb%40c%22&startIndex=0&COUNT=7&attributes=id,name").unwrap();
        let keys = query.filter.and_then(|filter| filter.keys());
        assert_eq!(keys, Some(vec![Key::UserName("a+b@c".to_owned())]));
        assert_eq!((query.start, query.count, query.cursor), (1, 7, None));
        assert!(matches!(query.projection, Projection::Only(names) if names.len() == 2));
    }

    #[test]
    fn a_search_request_has_the_same_members() {
        let body =
            json!({ "filter": "title pr", "startIndex": 3, "count": -1, "cursor": "", "excludedAttributes": ["name"] });
        let query = Query::of_search(&body).unwrap();
        assert_eq!((query.start, query.count, query.cursor), (3, 0, Some(Cursor::First)));
        assert!(query.filter.is_some() && matches!(query.projection, Projection::Without(_)));
    }

    #[test]
    fn other_parameters_are_rejected() {
        for (query, kind) in [
            ("count=many", "invalidValue"),
            ("startIndex=1.5", "invalidValue"),
            ("filter=a", "invalidFilter"),
            ("cursor=!", "invalidCursor"),
            ("attributes=a%20b", "invalidPath"),
        ] {
            assert_eq!(Query::of_url(query).err().and_then(|error| error.kind), Some(kind), "{query}");
        }
        assert!(Query::of_search(&json!({ "count": "1" })).is_err());
    }
}
