//! Names as numbers. In: a route, user, company, origin or application id. Out: the row id it is stored under, made
//! if the name is new. Keeps recently seen names in memory, a bounded number of them.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Statement};

/// Names remembered a dictionary; beyond it they are all forgotten and looked up again.
const REMEMBERED: usize = 50_000;
/// A longer name is not remembered, only looked up.
const LONGEST_REMEMBERED: usize = 512;

/// One dictionary table.
pub(super) struct Dictionary<'db> {
    database: &'db Connection,
    find: Statement<'db>,
    insert: Statement<'db>,
    known: HashMap<String, i64>,
}

impl<'db> Dictionary<'db> {
    /// The dictionary kept in `table`.
    pub(super) fn new(database: &'db Connection, table: &'static str) -> rusqlite::Result<Self> {
        Ok(Self {
            database,
            find: database.prepare(&format!("SELECT id FROM {table} WHERE name = ?1"))?,
            insert: database.prepare(&format!("INSERT INTO {table} (name) VALUES (?1)"))?,
            known: HashMap::new(),
        })
    }

    /// The number of `name`.
    pub(super) fn id(&mut self, name: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.known.get(name) {
            return Ok(*id);
        }
        let stored = self.find.query_row([name], |row| row.get(0)).optional()?;
        let id = if let Some(id) = stored {
            id
        } else {
            self.insert.execute([name])?;
            self.database.last_insert_rowid()
        };
        if name.len() <= LONGEST_REMEMBERED {
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            self.known.insert(name.to_owned(), id);
        }
        Ok(id)
    }

    /// The number of a name that may be absent.
    pub(super) fn maybe_id(&mut self, name: Option<&str>) -> rusqlite::Result<Option<i64>> {
        name.map(|name| self.id(name)).transpose()
    }

    /// After a rollback: what was remembered may never have been stored.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
