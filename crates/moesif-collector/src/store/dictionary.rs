//! Tables that map names to numbers: routes, users, companies, origins, applications. Caches a limited number
//! of names in memory.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Statement};

/// Maximum number of cached names per dictionary. A full cache is emptied.
const MAX_CACHED: usize = 50_000;
/// Maximum length of a cached name in bytes.
const MAX_CACHED_LENGTH: usize = 512;

/// One dictionary table.
pub(super) struct Dictionary<'db> {
    database: &'db Connection,
    find: Statement<'db>,
    insert: Statement<'db>,
    cache: HashMap<String, i64>,
}

impl<'db> Dictionary<'db> {
    /// Opens the dictionary in `table`.
    pub(super) fn new(database: &'db Connection, table: &'static str) -> rusqlite::Result<Self> {
        Ok(Self {
            database,
            find: database.prepare(&format!("SELECT id FROM {table} WHERE name = ?1"))?,
            insert: database.prepare(&format!("INSERT INTO {table} (name) VALUES (?1)"))?,
            cache: HashMap::new(),
        })
    }

    /// Returns the number of a name. Adds the name if it is new.
    pub(super) fn id(&mut self, name: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.cache.get(name) {
            return Ok(*id);
        }
        let stored = self.find.query_row([name], |row| row.get(0)).optional()?;
        let id = if let Some(id) = stored {
            id
        } else {
            self.insert.execute([name])?;
            self.database.last_insert_rowid()
        };
        if name.len() <= MAX_CACHED_LENGTH {
            if self.cache.len() >= MAX_CACHED {
                self.cache.clear();
            }
            self.cache.insert(name.to_owned(), id);
        }
        Ok(id)
    }

    /// Returns the number of a name. `None` without a name.
    pub(super) fn optional_id(&mut self, name: Option<&str>) -> rusqlite::Result<Option<i64>> {
        name.map(|name| self.id(name)).transpose()
    }

    /// Empties the cache. Call it after a rollback: cached names may not be stored.
    pub(super) fn clear_cache(&mut self) {
        self.cache.clear();
    }
}
