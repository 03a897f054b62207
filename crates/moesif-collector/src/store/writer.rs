//! The one thread that writes: group commit.
//!
//! In: jobs, each what one request brought. Out: an answer to each, once all of them are committed together. While
//! a commit waits for the disk the next group gathers, so the price of one `fsync` is shared by everybody who came
//! in the meantime. A failed commit is nobody's data: the whole group is answered with the error.

use std::{collections::BTreeMap, fs::File, sync::mpsc as std_mpsc, thread, time::Duration};

use moesif_wire::ValidationError;
use rusqlite::{Connection, OptionalExtension, Statement, params};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    blocks::Block,
    dictionary::Dictionary,
    merge::Profile,
    record::{ActionRecord, EventRecord, ProfileKind, ProfileRecord, Work},
};
use crate::complaint::complain;

/// Records in one commit at most, unless one request brings more: bounds how long the first request of a group waits
/// for the last.
const GROUP: usize = 20_000;
/// The same in KiB of memory: a record may be a megabyte.
const GROUP_KIB: usize = 32 * 1024;
/// How long the end of the process waits for the last commit.
const LAST_COMMIT: Duration = Duration::from_secs(10);

/// Why records were not stored.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the database cannot be written: {0}; nothing of this request was kept, send it again later")]
    Database(String),
    #[error(
        "the thread that writes the database is gone and the collector ends; send the request again later"
    )]
    WriterGone,
}

/// What becomes of a request: all is stored but what is listed, each with its place in the batch.
pub(crate) type Answer = Result<Vec<(usize, ValidationError)>, WriteError>;

/// What one request wants stored.
pub(super) struct Job {
    application: String,
    received: i64,
    work: Work,
    answer: oneshot::Sender<Answer>,
    /// Its memory, in KiB; given back when the job is done with.
    permit: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn new(
        application: String,
        received: i64,
        work: Work,
        permit: OwnedSemaphorePermit,
        answer: oneshot::Sender<Answer>,
    ) -> Self {
        Self { application, received, work, answer, permit }
    }
}

/// The writer as the process that ends it sees it.
pub(crate) struct WriterThread {
    done: std_mpsc::Receiver<()>,
    gone: oneshot::Receiver<()>,
}

/// Why the writer did not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("no thread: {0}")]
    Thread(std::io::Error),
    #[error("no statements: {0}")]
    Database(#[from] rusqlite::Error),
}

impl WriterThread {
    /// Resolves when the writer has ended. While the store is there, nobody asked it to: nothing can be stored any
    /// more.
    pub(crate) async fn gone(&mut self) {
        // Its other end is dropped by the end of the thread, never sent to.
        let _dropped = (&mut self.gone).await;
    }

    /// Waits until everything queued is committed, with a bound. The store must have been dropped before.
    pub(crate) fn finish(self) {
        // Both outcomes of the wait mean that there is nothing more to wait for.
        let _ended = self.done.recv_timeout(LAST_COMMIT);
    }
}

/// Starts the writer, and returns once it has everything it needs to write. It ends when the last sender of `queue`
/// is gone and what was queued is committed; then the log is folded into the database and the database closed, and
/// only then is `lock` released, which lets the next collector in.
pub(super) fn start(
    database: Connection,
    mut queue: mpsc::Receiver<Job>,
    lock: File,
) -> Result<WriterThread, StartError> {
    let (ended, done) = std_mpsc::channel::<()>();
    let (going, gone) = oneshot::channel::<()>();
    let (ready, prepared) = std_mpsc::channel();
    thread::Builder::new()
        .name("moesif-writer".into())
        .spawn(move || {
            // Dropped in the opposite order, also by a panic: database, lock, and then the word that all is over.
            let _ended = (ended, going);
            let _lock = lock;
            let database = database;
            match Tables::new(&database) {
                Ok(tables) => {
                    // Nobody waits for it only when the process is ending anyway.
                    let _heard = ready.send(Ok(()));
                    run(tables, &mut queue);
                    fold_log(&database);
                }
                Err(error) => {
                    let _heard = ready.send(Err(error));
                }
            }
        })
        .map_err(StartError::Thread)?;
    let no_answer = || StartError::Thread(std::io::Error::other("it ended before it began"));
    prepared.recv().map_err(|_| no_answer())??;
    Ok(WriterThread { done, gone })
}

/// Leaves one file that holds everything: who copies `collector.db` of a stopped collector has all of it.
fn fold_log(database: &Connection) {
    let folded = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    match folded {
        Ok(false) => {}
        Ok(true) => {
            complain(
                &"a reader kept the log from being folded into collector.db; copy collector.db-wal as well",
            );
        }
        Err(error) => complain(&format_args!(
            "the log was not folded into collector.db: {error}; copy collector.db-wal as well"
        )),
    }
}

fn run(mut tables: Tables<'_>, queue: &mut mpsc::Receiver<Job>) {
    let mut failing = false;
    while let Some(first) = queue.blocking_recv() {
        let (mut records, mut kib) = (first.work.len(), first.permit.num_permits());
        let mut group = vec![first];
        while records < GROUP
            && kib < GROUP_KIB
            && let Ok(job) = queue.try_recv()
        {
            records = records.saturating_add(job.work.len());
            kib = kib.saturating_add(job.permit.num_permits());
            group.push(job);
        }
        let outcome = tables.commit(&group);
        if let Err(error) = &outcome
            && !failing
        {
            complain(&format_args!(
                "events are being refused: {error}; check the disk of the data directory"
            ));
        }
        failing = outcome.is_err();
        let mut refused = outcome.map(Vec::into_iter);
        for job in group {
            let answer = match &mut refused {
                Ok(refused) => Ok(refused.next().unwrap_or_default()),
                Err(error) => Err(error.clone()),
            };
            // A sender that went away has no use for the answer.
            let _gone = job.answer.send(answer);
        }
    }
}

/// Prepared statements and what is remembered between commits.
struct Tables<'db> {
    database: &'db Connection,
    applications: Dictionary<'db>,
    origins: Dictionary<'db>,
    routes: Dictionary<'db>,
    users: Dictionary<'db>,
    companies: Dictionary<'db>,
    find_event: Statement<'db>,
    insert_event: Statement<'db>,
    insert_block: Statement<'db>,
    insert_action: Statement<'db>,
    find_profile: Statement<'db>,
    put_profile: Statement<'db>,
    put_token: Statement<'db>,
    count: Statement<'db>,
    block: Block,
    block_id: i64,
}

/// What of one job was refused.
type Refused = Vec<(usize, ValidationError)>;

/// The profiles of a group by whose they are: application, kind and key. Of each what was sent, in order, with the
/// place of its job in the group and the time of that. A profile is read, merged and written once a group, however
/// often a group names it, and one at a time is held in memory.
type Sent<'j> = BTreeMap<(i64, ProfileKind, &'j str), Vec<(usize, i64, &'j ProfileRecord)>>;

/// What a commit adds to the counters.
#[derive(Default)]
struct Counted {
    events: i64,
    duplicates: i64,
    actions: i64,
}

impl<'db> Tables<'db> {
    fn new(database: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            database,
            applications: Dictionary::new(database, "applications")?,
            origins: Dictionary::new(database, "origins")?,
            routes: Dictionary::new(database, "routes")?,
            users: Dictionary::new(database, "users")?,
            companies: Dictionary::new(database, "companies")?,
            find_event: database
                .prepare("SELECT 1 FROM events WHERE application = ?1 AND transaction_id = ?2")?,
            insert_event: database.prepare(
                "INSERT INTO events (application, time, received, duration, verb, status, origin, route, query, user,
                    company, direction, weight, request_bytes, response_bytes, transaction_id, block, start, length)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
                 ON CONFLICT DO NOTHING",
            )?,
            insert_block: database.prepare("INSERT INTO blocks (id, data) VALUES (?1, ?2)")?,
            insert_action: database.prepare(
                "INSERT INTO actions (application, time, name, transaction_id, document)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?,
            find_profile: database
                .prepare("SELECT document FROM profiles WHERE kind = ?1 AND key = ?2 AND application = ?3")?,
            put_profile: database.prepare(
                "INSERT INTO profiles (kind, key, application, received, document) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET received = excluded.received, document = excluded.document
                 RETURNING id",
            )?,
            put_token: database
                .prepare("INSERT INTO profile_tokens (profile, token) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?,
            count: database.prepare("UPDATE counters SET value = value + ?2 WHERE name = ?1")?,
            block: Block::default(),
            block_id: 0,
        })
    }

    /// Stores a group in one transaction, or nothing of it. Out: for each job, what of it was refused.
    fn commit(&mut self, group: &[Job]) -> Result<Vec<Refused>, WriteError> {
        let stored = self.store(group);
        if stored.is_err() {
            // The transaction was rolled back: ids handed out in it are not ids.
            for dictionary in [
                &mut self.applications,
                &mut self.origins,
                &mut self.routes,
                &mut self.users,
                &mut self.companies,
            ] {
                dictionary.forget();
            }
            self.block.clear();
        }
        stored.map_err(|error| WriteError::Database(error.to_string()))
    }

    fn store(&mut self, group: &[Job]) -> rusqlite::Result<Vec<Refused>> {
        let transaction =
            rusqlite::Transaction::new_unchecked(self.database, rusqlite::TransactionBehavior::Immediate)?;
        self.block_id =
            transaction.query_row("SELECT coalesce(max(id), 0) + 1 FROM blocks", [], |row| row.get(0))?;
        let mut counted = Counted::default();
        let mut sent = Sent::new();
        for (place, job) in group.iter().enumerate() {
            let application = self.applications.id(&job.application)?;
            match &job.work {
                Work::Events(events) => {
                    for event in events {
                        self.event(application, job.received, event, &mut counted)?;
                    }
                }
                Work::Actions(actions) => {
                    for action in actions {
                        self.action(application, action, &mut counted)?;
                    }
                }
                Work::Profiles(profiles) => {
                    for profile in profiles {
                        let whose = (application, profile.kind, profile.key.as_str());
                        sent.entry(whose).or_default().push((place, job.received, profile));
                    }
                }
            }
        }
        self.close_block()?;
        let mut refused = vec![Refused::new(); group.len()];
        for ((application, kind, key), sent) in sent {
            self.profile(application, kind, key, &sent, &mut refused)?;
        }
        for (name, more) in
            [("events", counted.events), ("duplicates", counted.duplicates), ("actions", counted.actions)]
        {
            if more > 0 {
                self.count.execute(params![name, more])?;
            }
        }
        transaction.commit()?;
        Ok(refused)
    }

    fn event(
        &mut self,
        application: i64,
        received: i64,
        event: &EventRecord,
        counted: &mut Counted,
    ) -> rusqlite::Result<()> {
        // Looked for first: what is not stored adds no names either.
        if let Some(id) = &event.transaction_id
            && self.find_event.exists(params![application, id])?
        {
            counted.duplicates += 1;
            return Ok(());
        }
        let span = self.block.next_span(event.document.len());
        let inserted = self.insert_event.execute(params![
            application,
            event.time,
            received,
            event.duration,
            event.verb,
            event.status,
            self.origins.id(&event.origin)?,
            self.routes.id(&event.route)?,
            event.query,
            self.users.maybe_id(event.user.as_deref())?,
            self.companies.maybe_id(event.company.as_deref())?,
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
            counted.duplicates += 1;
            return Ok(());
        }
        counted.events += 1;
        self.block.push(&event.document);
        if self.block.is_full() { self.close_block() } else { Ok(()) }
    }

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

    fn action(
        &mut self,
        application: i64,
        action: &ActionRecord,
        counted: &mut Counted,
    ) -> rusqlite::Result<()> {
        let inserted = self.insert_action.execute(params![
            application,
            action.time,
            action.name,
            action.transaction_id,
            action.document
        ])?;
        if inserted == 0 {
            counted.duplicates += 1;
        } else {
            counted.actions += 1;
            self.users.maybe_id(action.user.as_deref())?;
            self.companies.maybe_id(action.company.as_deref())?;
        }
        Ok(())
    }

    fn profile(
        &mut self,
        application: i64,
        kind: ProfileKind,
        key: &str,
        sent: &[(usize, i64, &ProfileRecord)],
        refused: &mut [Refused],
    ) -> rusqlite::Result<()> {
        let stored: Option<String> = self
            .find_profile
            .query_row(params![kind.as_str(), key, application], |row| row.get(0))
            .optional()?;
        // All texts were written from objects by this crate.
        let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
        let mut merged = Profile::new(stored.as_deref().map(object).unwrap_or_default());
        let mut kept = Vec::new();
        let mut latest = None;
        for (job, received, profile) in sent {
            match merged.merge(object(&profile.document)) {
                Ok(()) => {
                    latest = latest.max(Some(*received));
                    kept.push(profile);
                }
                Err(rejection) => {
                    if let Some(list) = refused.get_mut(*job) {
                        list.push((profile.index, rejection));
                    }
                }
            }
        }
        let Some(received) = latest else {
            return Ok(());
        };
        match kind {
            ProfileKind::User => self.users.id(key).map(drop)?,
            ProfileKind::Company => self.companies.id(key).map(drop)?,
            ProfileKind::Subscription => {}
        }
        let id: i64 = self
            .put_profile
            .query_row(params![kind.as_str(), key, application, received, merged.into_json()], |row| {
                row.get(0)
            })?;
        for token in kept.iter().flat_map(|profile| &profile.tokens) {
            self.put_token.execute(params![id, token])?;
        }
        Ok(())
    }
}
