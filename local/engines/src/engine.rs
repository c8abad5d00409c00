//! The candidates behind one small interface: the three tables of the local adapter and group commit.

use std::{error::Error, path::Path, sync::Arc};

use fjall::{KeyspaceCreateOptions, PersistMode, Readable, SingleWriterTxDatabase, SingleWriterTxKeyspace};
use redb::{ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition, backends::InMemoryBackend};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The name of every candidate, in the order of the report.
pub const ENGINES: [&str; 5] = ["redb", "redb-quick", "redb-multi", "fjall", "sqlite"];

const CACHE: usize = 64 << 20;

/// One write: an item, its ownership, and its image in the change log.
pub struct Op {
    pub id: [u8; 16],
    pub ownership: [u8; 32],
    pub body: Vec<u8>,
}

pub trait Store: Send + Sync {
    fn writer(&self) -> Result<Box<dyn Writer>>;
    fn reader(&self) -> Result<Box<dyn Reader>>;
}

pub trait Writer: Send {
    /// Commits all operations durably in one transaction; returns which items existed before.
    fn commit(&mut self, ops: &[Op], log: bool) -> Result<Vec<bool>>;
}

pub trait Reader: Send {
    /// Reads one item from its own snapshot.
    fn get(&mut self, id: &[u8; 16]) -> Result<Option<Vec<u8>>>;
}

/// Opens an engine in a directory, or in memory when there is none.
pub fn open(engine: &str, dir: Option<&Path>) -> Result<Box<dyn Store>> {
    Ok(match engine {
        "sqlite" => Box::new(Sqlite::open(dir)?),
        "fjall" => Box::new(Fjall::open(dir.ok_or("fjall has no in-memory mode")?)?),
        "redb" | "redb-quick" | "redb-multi" => Box::new(Redb::open(engine, dir)?),
        other => return Err(format!("no engine {other}; there are {ENGINES:?}").into()),
    })
}

const ITEMS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("items");
const OWNERSHIPS: TableDefinition<'_, [u8; 32], [u8; 16]> = TableDefinition::new("ownerships");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

#[derive(Clone)]
struct Redb {
    db: Arc<Database>,
    quick_repair: bool,
}

impl Redb {
    fn open(engine: &str, dir: Option<&Path>) -> Result<Self> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        if engine == "redb-multi" {
            builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
        }
        let db = match dir {
            Some(dir) => builder.create(dir.join("umoja.redb"))?,
            None => builder.create_with_backend(InMemoryBackend::new())?,
        };
        let store = Self { db: Arc::new(db), quick_repair: engine == "redb-quick" };
        store.clone().commit(&[], true)?; // creates the tables
        Ok(store)
    }
}

impl Store for Redb {
    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(self.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(self.clone()))
    }
}

impl Writer for Redb {
    fn commit(&mut self, ops: &[Op], log: bool) -> Result<Vec<bool>> {
        let mut transaction = self.db.begin_write()?;
        transaction.set_quick_repair(self.quick_repair);
        let mut existed = Vec::with_capacity(ops.len());
        {
            let mut items = transaction.open_table(ITEMS)?;
            let mut ownerships = transaction.open_table(OWNERSHIPS)?;
            let mut changes = transaction.open_table(LOG)?;
            let mut next = changes.last()?.map_or(0, |(sequence, _)| sequence.value() + 1);
            for op in ops {
                existed.push(items.get(op.id)?.is_some());
                items.insert(op.id, op.body.as_slice())?;
                ownerships.insert(op.ownership, op.id)?;
                if log {
                    changes.insert(next, op.body.as_slice())?;
                    next += 1;
                }
            }
        }
        transaction.commit()?;
        Ok(existed)
    }
}

impl Reader for Redb {
    fn get(&mut self, id: &[u8; 16]) -> Result<Option<Vec<u8>>> {
        let items = self.db.begin_read()?.open_table(ITEMS)?;
        Ok(items.get(*id)?.map(|body| body.value().to_vec()))
    }
}

#[derive(Clone)]
struct Fjall {
    db: SingleWriterTxDatabase,
    items: SingleWriterTxKeyspace,
    ownerships: SingleWriterTxKeyspace,
    log: SingleWriterTxKeyspace,
}

impl Fjall {
    fn open(dir: &Path) -> Result<Self> {
        let db = SingleWriterTxDatabase::builder(dir.join("umoja.fjall")).cache_size(CACHE as u64).open()?;
        let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default);
        let (items, ownerships, log) = (keyspace("items")?, keyspace("ownerships")?, keyspace("log")?);
        Ok(Self { db, items, ownerships, log })
    }
}

impl Store for Fjall {
    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(self.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(self.clone()))
    }
}

impl Writer for Fjall {
    fn commit(&mut self, ops: &[Op], log: bool) -> Result<Vec<bool>> {
        let mut transaction = self.db.write_tx().durability(Some(PersistMode::SyncData));
        let mut next = match transaction.last_key_value(&self.log) {
            Some(last) => u64::from_be_bytes(last.key()?.as_ref().try_into()?) + 1,
            None => 0,
        };
        let mut existed = Vec::with_capacity(ops.len());
        for op in ops {
            existed.push(transaction.get(&self.items, op.id)?.is_some());
            transaction.insert(&self.items, op.id, op.body.as_slice());
            transaction.insert(&self.ownerships, op.ownership, op.id);
            if log {
                transaction.insert(&self.log, next.to_be_bytes(), op.body.as_slice());
                next += 1;
            }
        }
        transaction.commit()?;
        Ok(existed)
    }
}

impl Reader for Fjall {
    fn get(&mut self, id: &[u8; 16]) -> Result<Option<Vec<u8>>> {
        Ok(self.db.read_tx().get(&self.items, id)?.map(|body| body.to_vec()))
    }
}

/// Sequential row ids keep the 2 KiB rows appended; only the small indexes are written at random.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS items (id BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS ownerships (name BLOB PRIMARY KEY, id BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS log (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);";

struct Sqlite {
    path: String,
    /// Keeps the database of the in-memory mode alive.
    _first: std::sync::Mutex<Connection>,
}

impl Sqlite {
    fn open(dir: Option<&Path>) -> Result<Self> {
        let path = match dir {
            Some(dir) => dir.join("umoja.sqlite").to_str().ok_or("the path is not UTF-8")?.to_owned(),
            None => "file:/umoja?vfs=memdb".to_owned(),
        };
        let first = Self::connect(&path, 1)?;
        first.execute_batch(SCHEMA)?;
        Ok(Self { path, _first: first.into() })
    }

    fn connect(path: &str, share_of_cache: usize) -> Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let page = std::env::var("SQLITE_PAGE").unwrap_or_else(|_| "8192".to_owned());
        connection.pragma_update(None, "page_size", page)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        connection.pragma_update(None, "cache_size", -i64::try_from((CACHE / share_of_cache) >> 10)?)?;
        Ok(connection)
    }
}

impl Store for Sqlite {
    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(SqliteConnection(Self::connect(&self.path, 2)?)))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(SqliteConnection(Self::connect(&self.path, 2)?)))
    }
}

struct SqliteConnection(Connection);

impl Writer for SqliteConnection {
    fn commit(&mut self, ops: &[Op], log: bool) -> Result<Vec<bool>> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut existed = Vec::with_capacity(ops.len());
        {
            let mut read = transaction.prepare_cached("SELECT rowid, body FROM items WHERE id = ?1")?;
            let mut insert = transaction.prepare_cached("INSERT INTO items (id, body) VALUES (?1, ?2)")?;
            let mut update = transaction.prepare_cached("UPDATE items SET body = ?2 WHERE rowid = ?1")?;
            let mut ownership = transaction.prepare_cached("INSERT OR REPLACE INTO ownerships (name, id) VALUES (?1, ?2)")?;
            let mut change = transaction.prepare_cached("INSERT INTO log (body) VALUES (?1)")?;
            for op in ops {
                let row = read
                    .query_row([op.id], |row| {
                        std::hint::black_box(row.get_ref(1)?.as_blob()?);
                        row.get::<_, i64>(0)
                    })
                    .optional()?;
                match row {
                    Some(row) => update.execute((row, &op.body))?,
                    None => insert.execute((op.id, &op.body))?,
                };
                existed.push(row.is_some());
                ownership.execute((op.ownership, op.id))?;
                if log {
                    change.execute([&op.body])?;
                }
            }
        }
        transaction.commit()?;
        Ok(existed)
    }
}

impl Reader for SqliteConnection {
    fn get(&mut self, id: &[u8; 16]) -> Result<Option<Vec<u8>>> {
        let mut read = self.0.prepare_cached("SELECT body FROM items WHERE id = ?1")?;
        Ok(read.query_row([id], |row| row.get(0)).optional()?)
    }
}
