//! The rows of a region's database, as an attacker changes them.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use umoja_store::ports::Entropy;
use umoja_tests::world::SeededEntropy;

/// A row of a table of the database.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) table: &'static str,
    pub(super) columns: Vec<(String, Cell)>,
}

/// The tables that hold what a region could lose, and the columns of each that a writer may change.
pub(super) const TABLES: [&str; 5] = ["users", "logs", "identifiers", "linked_accounts", "companies"];

pub(super) fn rows(database: &Path) -> Vec<Row> {
    let connection = Connection::open(database).unwrap();
    let mut all = Vec::new();
    for table in TABLES {
        let mut select = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names: Vec<String> = select.column_names().into_iter().map(str::to_owned).collect();
        let read =
            select.query_map([], |row| (0..names.len()).map(|n| row.get::<_, Cell>(n)).collect::<Result<Vec<_>, _>>());
        for cells in read.unwrap() {
            all.push(Row { table, columns: names.iter().cloned().zip(cells.unwrap()).collect() });
        }
    }
    all
}

pub(super) fn delete(connection: &Connection, row: &Row) {
    let conditions: Vec<_> = row.columns.iter().zip(1..).map(|((name, _), n)| format!("{name} IS ?{n}")).collect();
    let sql = format!("DELETE FROM {} WHERE {}", row.table, conditions.join(" AND "));
    let cells = row.columns.iter().map(|(_, cell)| cell);
    assert_eq!(connection.execute(&sql, rusqlite::params_from_iter(cells)).unwrap(), 1, "{row:?}");
}

/// False if a row with the key is there already.
pub(super) fn insert(connection: &Connection, row: &Row) -> bool {
    let names: Vec<_> = row.columns.iter().map(|(name, _)| name.as_str()).collect();
    let places: Vec<_> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    let sql = format!("INSERT OR IGNORE INTO {} ({}) VALUES ({})", row.table, names.join(", "), places.join(", "));
    connection.execute(&sql, rusqlite::params_from_iter(row.columns.iter().map(|(_, cell)| cell))).unwrap() == 1
}

/// The row with one bit of one byte of one column changed; `None` if the result is no text where text was.
pub(super) fn flipped(row: &Row, column: usize, byte: usize) -> Option<Row> {
    let mut changed = row.clone();
    match &mut changed.columns[column].1 {
        Cell::Blob(bytes) => bytes[byte] ^= 1,
        Cell::Text(text) => {
            let mut bytes = std::mem::take(text).into_bytes();
            bytes[byte] ^= 1;
            *text = String::from_utf8(bytes).ok()?;
        }
        _ => return None,
    }
    Some(changed)
}

pub(super) fn length(cell: &Cell) -> usize {
    match cell {
        Cell::Blob(bytes) => bytes.len(),
        Cell::Text(text) => text.len(),
        _ => 0,
    }
}

/// Whether two rows are equal but for their number.
pub(super) fn is_same(one: &Row, other: &Row) -> bool {
    let rest = |row: &Row| row.columns.iter().filter(|(name, _)| name != "number").cloned().collect::<Vec<_>>();
    one.table == other.table && rest(one) == rest(other)
}

pub(super) fn renumbered(mut row: Row, like: &Row) -> Row {
    for (column, other) in row.columns.iter_mut().zip(&like.columns) {
        if column.0 == "number" {
            column.1 = other.1.clone();
        }
    }
    row
}

/// Removes rows under keys that no item has: they are never read, and stay until an operator removes them.
pub(super) fn drop_others(database: &Path, genuine: &[Row]) {
    let connection = Connection::open(database).unwrap();
    for row in rows(database) {
        if !genuine.iter().any(|known| is_same(known, &row)) {
            delete(&connection, &row);
        }
    }
}

/// The rows that are made again exactly as they were. Confirmations are made again with another time.
pub(super) fn lasting(all: &[Row]) -> Vec<Row> {
    let is_confirmation = |row: &&Row| {
        row.columns.iter().any(|(_, cell)| matches!(cell, Cell::Text(text) if text.starts_with("confirm#")))
    };
    all.iter().filter(|row| !is_confirmation(row)).cloned().collect()
}

/// Every byte of every row, or a sample of them.
pub(super) fn chosen(rows: &[Row]) -> Vec<(usize, usize, usize)> {
    let all: Vec<(usize, usize, usize)> = rows
        .iter()
        .enumerate()
        .flat_map(|(at, row)| {
            let columns = row.columns.iter().enumerate();
            columns.flat_map(move |(column, (_, cell))| (0..length(cell)).map(move |byte| (at, column, byte)))
        })
        .collect();
    if std::env::var("UMOJA_TAMPER").is_ok_and(|which| which == "every") {
        return all;
    }
    let entropy: &dyn Entropy = &SeededEntropy::new(7);
    let chosen = |_| all[usize::try_from(u64::from_be_bytes(entropy.array()) % all.len() as u64).unwrap()];
    (0..60).map(chosen).collect()
}

pub(super) fn overwrite(database: &Path, genuine: &Row, by: &Row) {
    let connection = Connection::open(database).unwrap();
    let current = rows(database).into_iter().find(|now| is_same(now, genuine)).unwrap();
    delete(&connection, &current);
    assert!(insert(&connection, &renumbered(by.clone(), &current)));
}
