//! Stores a group of batches in one transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Statement, Transaction, TransactionBehavior, params};

use super::{
    blocks::Block,
    dictionary::Dictionary,
    profile::Profile,
    record::{
        ActionRecord, Batch, EventRecord, ProfileKind, ProfileRecord, Records, RejectedRecord, parse_object,
    },
};

/// Prepared statements, and the caches that live longer than a transaction.
pub(super) struct Committer<'db> {
    database: &'db Connection,
    names: Dictionaries<'db>,
    events: EventTable<'db>,
    insert_action: Statement<'db>,
    profiles: ProfileTable<'db>,
    add_to_counter: Statement<'db>,
}

/// The dictionaries of names that events refer to by number.
struct Dictionaries<'db> {
    applications: Dictionary<'db>,
    origins: Dictionary<'db>,
    routes: Dictionary<'db>,
    users: Dictionary<'db>,
    companies: Dictionary<'db>,
}

/// Numbers that a commit adds to the counters.
#[derive(Default)]
struct Counts {
    events: i64,
    duplicates: i64,
    actions: i64,
}

/// Key of a profile: the number of its application, its kind and its id.
type ProfileKey<'b> = (i64, ProfileKind, &'b str);

/// A profile in one of the batches.
struct PendingProfile<'b> {
    /// Position of the batch in the group.
    batch: usize,
    received_at: i64,
    record: &'b ProfileRecord,
}

impl<'db> Committer<'db> {
    /// Prepares the statements.
    pub(super) fn new(database: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            database,
            names: Dictionaries::new(database)?,
            events: EventTable::new(database)?,
            insert_action: database.prepare(
                "INSERT INTO actions (application, time, name, transaction_id, document)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?,
            profiles: ProfileTable::new(database)?,
            add_to_counter: database.prepare("UPDATE counters SET value = value + ?2 WHERE name = ?1")?,
        })
    }

    /// Stores all batches of a group or none. Returns the rejected records of each batch.
    pub(super) fn commit(&mut self, group: &[&Batch]) -> rusqlite::Result<Vec<Vec<RejectedRecord>>> {
        let stored = self.store(group);
        if stored.is_err() {
            // The rollback removed names that are in the caches, and the events of the open block.
            self.names.clear_cache();
            self.events.block.clear();
        }
        stored
    }

    fn store(&mut self, group: &[&Batch]) -> rusqlite::Result<Vec<Vec<RejectedRecord>>> {
        let transaction = Transaction::new_unchecked(self.database, TransactionBehavior::Immediate)?;
        self.events.begin(&transaction)?;
        let mut counts = Counts::default();
        // A profile is read, merged and written once per group, even if several batches contain it.
        let mut profiles = BTreeMap::<ProfileKey<'_>, Vec<PendingProfile<'_>>>::new();
        for (index, batch) in group.iter().enumerate() {
            let application = self.names.applications.id(&batch.application)?;
            match &batch.records {
                Records::Events(events) => {
                    for event in events {
                        self.events.insert(
                            application,
                            batch.received_at,
                            event,
                            &mut self.names,
                            &mut counts,
                        )?;
                    }
                }
                Records::Actions(actions) => {
                    for action in actions {
                        self.insert_action(application, action, &mut counts)?;
                    }
                }
                Records::Profiles(records) => {
                    for record in records {
                        let key = (application, record.kind, record.key.as_str());
                        let pending = PendingProfile { batch: index, received_at: batch.received_at, record };
                        profiles.entry(key).or_default().push(pending);
                    }
                }
            }
        }
        self.events.close_block()?;
        let mut rejected = vec![Vec::new(); group.len()];
        for (key, pending) in profiles {
            self.profiles.merge(key, &pending, &mut self.names, &mut rejected)?;
        }
        for (name, count) in
            [("events", counts.events), ("duplicates", counts.duplicates), ("actions", counts.actions)]
        {
            if count > 0 {
                self.add_to_counter.execute(params![name, count])?;
            }
        }
        transaction.commit()?;
        Ok(rejected)
    }

    fn insert_action(
        &mut self,
        application: i64,
        action: &ActionRecord,
        counts: &mut Counts,
    ) -> rusqlite::Result<()> {
        let inserted = self.insert_action.execute(params![
            application,
            action.time,
            action.name,
            action.transaction_id,
            action.document
        ])?;
        if inserted == 0 {
            counts.duplicates += 1;
        } else {
            counts.actions += 1;
            self.names.users.optional_id(action.user.as_deref())?;
            self.names.companies.optional_id(action.company.as_deref())?;
        }
        Ok(())
    }
}

impl<'db> Dictionaries<'db> {
    fn new(database: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            applications: Dictionary::new(database, "applications")?,
            origins: Dictionary::new(database, "origins")?,
            routes: Dictionary::new(database, "routes")?,
            users: Dictionary::new(database, "users")?,
            companies: Dictionary::new(database, "companies")?,
        })
    }

    fn clear_cache(&mut self) {
        let Self { applications, origins, routes, users, companies } = self;
        for dictionary in [applications, origins, routes, users, companies] {
            dictionary.clear_cache();
        }
    }
}

/// The tables of events and of the blocks that hold their documents.
struct EventTable<'db> {
    find: Statement<'db>,
    insert: Statement<'db>,
    insert_block: Statement<'db>,
    /// The block that documents are added to.
    block: Block,
    /// Id of that block.
    block_id: i64,
}

impl<'db> EventTable<'db> {
    fn new(database: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: database
                .prepare("SELECT 1 FROM events WHERE application = ?1 AND transaction_id = ?2")?,
            insert: database.prepare(
                "INSERT INTO events (application, time, received, duration, verb, status, origin, route, query, user,
                    company, direction, weight, request_bytes, response_bytes, transaction_id, block, start, length)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
                 ON CONFLICT DO NOTHING",
            )?,
            insert_block: database.prepare("INSERT INTO blocks (id, data) VALUES (?1, ?2)")?,
            block: Block::default(),
            block_id: 0,
        })
    }

    /// Prepares for a transaction: determines the id of its first block.
    fn begin(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.block_id =
            transaction.query_row("SELECT coalesce(max(id), 0) + 1 FROM blocks", [], |row| row.get(0))?;
        Ok(())
    }

    /// Stores an event, unless its transaction id is known for this application.
    fn insert(
        &mut self,
        application: i64,
        received_at: i64,
        event: &EventRecord,
        names: &mut Dictionaries<'_>,
        counts: &mut Counts,
    ) -> rusqlite::Result<()> {
        // Searched before the insertion, so that a duplicate adds no names to the dictionaries.
        if let Some(id) = &event.transaction_id
            && self.find.exists(params![application, id])?
        {
            counts.duplicates += 1;
            return Ok(());
        }
        let span = self.block.next_span(event.document.len());
        let inserted = self.insert.execute(params![
            application,
            event.time,
            received_at,
            event.duration,
            event.verb,
            event.status,
            names.origins.id(&event.origin)?,
            names.routes.id(&event.route)?,
            event.query,
            names.users.optional_id(event.user.as_deref())?,
            names.companies.optional_id(event.company.as_deref())?,
            event.direction,
            event.weight,
            event.request_bytes,
            event.response_bytes,
            event.transaction_id,
            self.block_id,
            span.start,
            span.length,
        ])?;
        if inserted == 0 {
            counts.duplicates += 1;
            return Ok(());
        }
        counts.events += 1;
        self.block.push(&event.document);
        if self.block.is_full() { self.close_block() } else { Ok(()) }
    }

    /// Stores the open block, if it holds documents, and begins the next one.
    fn close_block(&mut self) -> rusqlite::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let data =
            self.block.close().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        self.insert_block.execute(params![self.block_id, data])?;
        self.block_id += 1;
        Ok(())
    }
}

/// The tables of profiles and of their session tokens.
struct ProfileTable<'db> {
    find: Statement<'db>,
    put: Statement<'db>,
    put_token: Statement<'db>,
}

impl<'db> ProfileTable<'db> {
    fn new(database: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: database
                .prepare("SELECT document FROM profiles WHERE kind = ?1 AND key = ?2 AND application = ?3")?,
            put: database.prepare(
                "INSERT INTO profiles (kind, key, application, received, document) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET received = excluded.received, document = excluded.document
                 RETURNING id",
            )?,
            put_token: database
                .prepare("INSERT INTO profile_tokens (profile, token) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?,
        })
    }

    /// Merges the pending profiles of one key, in order, into the stored one. Adds those that are rejected to
    /// the list of their batch.
    fn merge(
        &mut self,
        (application, kind, key): ProfileKey<'_>,
        pending: &[PendingProfile<'_>],
        names: &mut Dictionaries<'_>,
        rejected: &mut [Vec<RejectedRecord>],
    ) -> rusqlite::Result<()> {
        let stored: Option<String> =
            self.find.query_row(params![kind.as_str(), key, application], |row| row.get(0)).optional()?;
        let mut merged = Profile::new(stored.as_deref().map(parse_object).unwrap_or_default());
        let mut accepted = Vec::new();
        for PendingProfile { batch, received_at, record } in pending {
            match merged.merge(parse_object(&record.document)) {
                Ok(()) => accepted.push((*received_at, record)),
                Err(error) => {
                    if let Some(list) = rejected.get_mut(*batch) {
                        list.push(RejectedRecord { index: record.index, error });
                    }
                }
            }
        }
        let Some(received_at) = accepted.iter().map(|(received_at, _)| *received_at).max() else {
            return Ok(());
        };
        match kind {
            ProfileKind::User => drop(names.users.id(key)?),
            ProfileKind::Company => drop(names.companies.id(key)?),
            ProfileKind::Subscription => {}
        }
        let id: i64 = self
            .put
            .query_row(params![kind.as_str(), key, application, received_at, merged.into_json()], |row| {
                row.get(0)
            })?;
        for token in accepted.iter().flat_map(|(_, record)| &record.session_tokens) {
            self.put_token.execute(params![id, token])?;
        }
        Ok(())
    }
}
