//! The list of events, newest first: its filter, its rows and its pages.

use rusqlite::{Row, types::Value as Sql};

/// A position in the list of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) time: i64,
    pub(crate) id: i64,
}

/// A status or a class of statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusFilter {
    Exact(u16),
    /// `4` means 400 to 499.
    Class(u16),
}

/// Conditions for a list of events. All that are set must hold.
#[derive(Debug, Default)]
pub(crate) struct EventFilter {
    pub(crate) verb: Option<String>,
    pub(crate) status: Option<StatusFilter>,
    /// Part of the path.
    pub(crate) route: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) direction: Option<&'static str>,
    /// Earliest time, in milliseconds since the Unix epoch.
    pub(crate) from: Option<i64>,
    /// Time before which events must be, in milliseconds since the Unix epoch.
    pub(crate) to: Option<i64>,
    /// Position after which the list begins.
    pub(crate) after: Option<Cursor>,
}

impl EventFilter {
    /// Returns the SQL query and its values. CROSS JOIN and INDEXED BY make SQLite read the events by time,
    /// newest first, and stop when the page is full. Otherwise SQLite might sort all events.
    pub(super) fn into_query(self, limit: usize) -> (String, Vec<Sql>) {
        let mut query = String::from(
            "SELECT e.id, e.time, e.verb, origins.name, routes.name, e.query, e.status, e.duration, users.name,
                companies.name, e.direction, e.weight, e.transaction_id, e.request_bytes, e.response_bytes
             FROM events e INDEXED BY events_by_time
             CROSS JOIN routes ON routes.id = e.route CROSS JOIN origins ON origins.id = e.origin
             LEFT JOIN users ON users.id = e.user LEFT JOIN companies ON companies.id = e.company WHERE true",
        );
        let mut values = Vec::new();
        let mut add_condition = |text: &str, parameters: Vec<Sql>| {
            query.push_str(" AND ");
            query.push_str(text);
            values.extend(parameters);
        };
        if let Some(verb) = self.verb {
            add_condition("e.verb = ? COLLATE NOCASE", vec![verb.into()]);
        }
        match self.status {
            Some(StatusFilter::Exact(status)) => {
                add_condition("e.status = ?", vec![i64::from(status).into()]);
            }
            Some(StatusFilter::Class(class)) => {
                add_condition("e.status / 100 = ?", vec![i64::from(class).into()]);
            }
            None => {}
        }
        if let Some(part) = self.route {
            add_condition("instr(routes.name, ?) > 0", vec![part.into()]);
        }
        if let Some(user) = self.user {
            add_condition("e.user = (SELECT id FROM users WHERE name = ?)", vec![user.into()]);
        }
        if let Some(company) = self.company {
            add_condition("e.company = (SELECT id FROM companies WHERE name = ?)", vec![company.into()]);
        }
        if let Some(direction) = self.direction {
            add_condition("e.direction = ?", vec![direction.to_owned().into()]);
        }
        if let Some(from) = self.from {
            add_condition("e.time >= ?", vec![from.into()]);
        }
        if let Some(to) = self.to {
            add_condition("e.time < ?", vec![to.into()]);
        }
        if let Some(Cursor { time, id }) = self.after {
            add_condition(
                "e.time <= ? AND (e.time, e.id) < (?, ?)",
                vec![time.into(), time.into(), id.into()],
            );
        }
        query.push_str(" ORDER BY e.time DESC, e.id DESC LIMIT ?");
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        (query, values)
    }
}

/// One page of the list.
#[derive(Debug)]
pub(crate) struct EventPage {
    pub(crate) rows: Vec<EventRow>,
    /// Where the next page begins. `None` on the last page.
    pub(crate) next: Option<Cursor>,
}

/// An event in a list.
#[derive(Debug)]
pub(crate) struct EventRow {
    pub(crate) id: i64,
    pub(crate) time: i64,
    pub(crate) verb: String,
    pub(crate) uri: String,
    pub(crate) route: String,
    pub(crate) status: Option<u16>,
    pub(crate) duration: Option<i64>,
    pub(crate) user: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) direction: Option<String>,
    pub(crate) weight: i64,
    pub(crate) transaction_id: Option<String>,
    pub(crate) request_bytes: Option<i64>,
    pub(crate) response_bytes: Option<i64>,
}

impl EventRow {
    /// Reads the columns of [`EventFilter::into_query`].
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let route: String = row.get(4)?;
        let uri = row.get::<_, String>(3)? + &route + &row.get::<_, Option<String>>(5)?.unwrap_or_default();
        Ok(Self {
            id: row.get(0)?,
            time: row.get(1)?,
            verb: row.get(2)?,
            uri,
            route,
            status: row.get(6)?,
            duration: row.get(7)?,
            user: row.get(8)?,
            company: row.get(9)?,
            direction: row.get(10)?,
            weight: row.get(11)?,
            transaction_id: row.get(12)?,
            request_bytes: row.get(13)?,
            response_bytes: row.get(14)?,
        })
    }
}
