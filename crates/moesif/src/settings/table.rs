//! The one table of options: everything else about options (parsing, validation, the reference page, the type stub)
//! is derived from it.

use super::Integration;

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The key in the settings; the environment variable is `MOESIF_` and this.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What holds when it is not set.
    pub default: Fallback,
    /// The packages whose documentation or code has it; empty for options of this project.
    pub packages: &'static [Package],
    /// Whether setting it has an effect in this version.
    pub status: Status,
    /// What it does, one sentence or two.
    pub meaning: &'static str,
}

/// What values an option takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Text.
    Text,
    /// The path of a directory.
    Path,
    /// True or false.
    Flag,
    /// A whole number in this range, with its unit.
    Integer {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// Seconds, whole or not, in this range.
    Seconds {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// Names: a list, or text with commas.
    Names,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A function of the application, called with these arguments.
    Callable {
        /// Its parameters under WSGI.
        wsgi: &'static str,
        /// Its parameters under Django; empty where it is not read there.
        django: &'static str,
        /// What it returns.
        returns: &'static str,
    },
    /// Accepted because old configurations have it, and ignored.
    Ignored,
}

/// What holds when an option is not set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fallback {
    /// Nothing: the option must be set.
    Required,
    /// Nothing happens.
    Unset,
    /// This text.
    Text(&'static str),
    /// This truth value.
    Flag(bool),
    /// This number.
    Integer(u64),
    /// This number under WSGI, that under Django.
    IntegerPer {
        /// WSGI and everything else.
        wsgi: u64,
        /// Django.
        django: u64,
    },
    /// This many seconds.
    Seconds(f64),
}

/// A package that this project replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// moesifwsgi.
    Wsgi,
    /// moesifdjango.
    Django,
    /// moesifpythonrequest.
    Outgoing,
}

/// Whether an option has an effect in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does what its meaning says.
    Works,
    /// It is checked, and setting it logs a warning: nothing else happens yet.
    NotYet,
    /// It is checked, and because it protects data that would leave otherwise, setting it removes headers, bodies and
    /// query from every event until it is applied.
    NotYetStripsContent,
}

/// Base URI of the hosted collector: the default of `BASE_URI`.
pub const HOSTED_BASE_URI: &str = "https://api.moesif.net";

const W: Package = Package::Wsgi;
const D: Package = Package::Django;
const R: Package = Package::Outgoing;

const MAX_U32: u64 = 0xFFFF_FFFF;
const BODY_LIMIT: Kind = Kind::Integer { min: 0, max: 1_000_000, unit: "bytes" };
const REQUEST_CALLBACK: &str = "app, environ";

impl OptionSpec {
    const fn new(name: &'static str, kind: Kind, default: Fallback, meaning: &'static str) -> Self {
        Self { name, kind, default, packages: &[], status: Status::Works, meaning }
    }

    const fn of(mut self, packages: &'static [Package]) -> Self {
        self.packages = packages;
        self
    }

    const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// The default under an integration, as a number.
    pub(super) const fn integer_default(&self, integration: Integration) -> Option<u64> {
        match self.default {
            Fallback::Integer(value) => Some(value),
            Fallback::IntegerPer { wsgi, django } => Some(match integration {
                Integration::Django => django,
                Integration::Wsgi | Integration::Api | Integration::Outgoing | Integration::Rust => wsgi,
            }),
            _ => None,
        }
    }
}

const fn callback(
    name: &'static str,
    wsgi: &'static str,
    returns: &'static str,
    meaning: &'static str,
) -> OptionSpec {
    let kind = Kind::Callable { wsgi, django: "request, response", returns };
    OptionSpec::new(name, kind, Fallback::Unset, meaning).of(&[W, D])
}

const fn outgoing_callback(name: &'static str, returns: &'static str, meaning: &'static str) -> OptionSpec {
    let kind = Kind::Callable { wsgi: "request, response", django: "request, response", returns };
    OptionSpec::new(name, kind, Fallback::Unset, meaning).of(&[W, D, R])
}

const fn mask(name: &'static str, meaning: &'static str) -> OptionSpec {
    OptionSpec::new(name, Kind::Names, Fallback::Unset, meaning).of(&[D])
}

/// Every option, in the order the reference page lists them.
pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "APPLICATION_ID",
        Kind::Text,
        Fallback::Required,
        "Identifies the application to the collector. The Moesif portal shows it as Collector Application ID; a \
         collector of your own accepts any text.",
    )
    .of(&[W, D, R]),
    OptionSpec::new(
        "BASE_URI",
        Kind::Text,
        Fallback::Text(HOSTED_BASE_URI),
        "The collector: an http or https URI, with a path prefix if need be.",
    )
    .of(&[W, D]),
    OptionSpec::new(
        "LOCAL_MOESIF_BASEURL",
        Kind::Text,
        Fallback::Unset,
        "Older name of BASE_URI, read when BASE_URI is not set.",
    )
    .of(&[W, D, R]),
    OptionSpec::new("LOG_BODY", Kind::Flag, Fallback::Flag(true), "Record request and response bodies.").of(&[W, D]),
    callback("SKIP", REQUEST_CALLBACK, "bool", "Leaves a call out when it returns true. Governance rules apply to it all the same."),
    callback(
        "IDENTIFY_USER",
        "app, environ, response_headers",
        "str | None",
        "The id of the user who made the call. Without a result the authorization headers are looked at. A function of \
         two parameters is called with the first two. While governance rules about users are in force it is called before \
         the application, with no response headers yet (in Django with `None` for the response), and once more after it \
         only if it had no result. In Django, request.user is looked at before the headers: see DJANGO_USER.",
    ),
    callback(
        "IDENTIFY_COMPANY",
        "app, environ, response_headers",
        "str | None",
        "The id of the user's company. While governance rules about companies are in force, called as IDENTIFY_USER is.",
    ),
    callback("GET_METADATA", REQUEST_CALLBACK, "dict | None", "JSON-like data recorded with the call."),
    callback(
        "GET_SESSION_TOKEN",
        REQUEST_CALLBACK,
        "str | None",
        "The session or API token of the call. Without this function, the key of Django's session.",
    ),
    OptionSpec::new(
        "MASK_EVENT_MODEL",
        Kind::Callable { wsgi: "event_model", django: "event_model", returns: "EventModel" },
        Fallback::Unset,
        "Changes or removes what must not be recorded: it is given the event and returns it. When it fails or returns nothing, \
         the event is sent without headers, bodies, query, session token and metadata.",
    )
    .of(&[W, D, R]),
    mask("REQUEST_HEADER_MASKS", "Request headers that are not recorded, in any case."),
    mask("RESPONSE_HEADER_MASKS", "Response headers that are not recorded, in any case."),
    mask(
        "REQUEST_BODY_MASKS",
        "Keys removed from JSON request bodies: at any depth, or a path of keys joined by dots. A body that is no whole \
         JSON document is not recorded.",
    ),
    mask("RESPONSE_BODY_MASKS", "Keys removed from JSON response bodies, the same way."),
    OptionSpec::new(
        "REQUEST_QUERY_MASKS",
        Kind::Names,
        Fallback::Unset,
        "Query parameters removed from the recorded URI.",
    ),
    OptionSpec::new(
        "AUTHORIZATION_HEADER_NAME",
        Kind::Names,
        Fallback::Text("authorization"),
        "Request headers a user id is looked for in, in order.",
    )
    .of(&[W, D]),
    OptionSpec::new(
        "AUTHORIZATION_USER_ID_FIELD",
        Kind::Text,
        Fallback::Text("sub"),
        "The field of a token that holds the user id, in any case.",
    )
    .of(&[W, D]),
    OptionSpec::new("API_VERSION", Kind::Text, Fallback::Unset, "Recorded with each call as the version of the API.")
        .of(&[W, D, R]),
    OptionSpec::new(
        "DISABLED_TRANSACTION_ID",
        Kind::Flag,
        Fallback::Flag(false),
        "Leaves the X-Moesif-Transaction-Id header out of responses.",
    )
    .of(&[W]),
    OptionSpec::new(
        "DISABLE_TRANSACTION_ID",
        Kind::Flag,
        Fallback::Flag(false),
        "The same, in the spelling of the Django package: either works everywhere.",
    )
    .of(&[D]),
    OptionSpec::new(
        "DJANGO_USER",
        Kind::Choice(&["auto", "resolved"]),
        Fallback::Text("auto"),
        "Whose name is recorded when IDENTIFY_USER gives none: with auto that of request.user, looked up if the request has a \
         session and the view did not do it; with resolved only that of a user the request already carries. Django only.",
    ),
    OptionSpec::new(
        "REQUEST_MAX_BODY_SIZE",
        BODY_LIMIT,
        Fallback::Integer(460_800),
        "Longest recorded request body, counted as it is emitted (base64 included). Of a longer one a prefix is \
         recorded, with the true size.",
    ),
    OptionSpec::new(
        "RESPONSE_MAX_BODY_SIZE",
        BODY_LIMIT,
        Fallback::Integer(460_800),
        "Longest recorded response body, counted the same way.",
    ),
    OptionSpec::new(
        "READ_REQUEST_BODY_FIRST",
        Kind::Flag,
        Fallback::Flag(false),
        "Read a declared request body before the application runs, so that it is recorded even if the application never \
         reads it and environ['moesif.request_body'] is there from the start. An application that answers before it \
         reads then waits for the client. While a governance rule looks at request bodies they are read first anyway.",
    ),
    OptionSpec::new(
        "EVENT_QUEUE_SIZE",
        Kind::Integer { min: 1, max: MAX_U32, unit: "events" },
        Fallback::Integer(1_000_000),
        "Most events waiting in memory; further ones are dropped and counted.",
    )
    .of(&[W, D]),
    OptionSpec::new(
        "EVENT_QUEUE_BYTES",
        Kind::Integer { min: 1 << 20, max: 1 << 40, unit: "bytes" },
        Fallback::Integer(67_108_864),
        "Budget of the process for bodies in flight, queue and retries. The largest asked for wins. When it is used up, \
         bodies are left out before events are.",
    ),
    OptionSpec::new(
        "EVENT_WORKER_COUNT",
        Kind::Integer { min: 1, max: 64, unit: "threads" },
        Fallback::Integer(2),
        "Concurrent uploads.",
    )
    .of(&[W]),
    OptionSpec::new(
        "BATCH_SIZE",
        Kind::Integer { min: 1, max: 100_000, unit: "events" },
        Fallback::IntegerPer { wsgi: 100, django: 25 },
        "Most events in one batch.",
    )
    .of(&[W, D]),
    OptionSpec::new(
        "BATCH_BYTES",
        Kind::Integer { min: 65_536, max: 52_428_800, unit: "bytes" },
        Fallback::Integer(4_194_304),
        "Most bytes in one batch before compression, unless a single event is larger.",
    ),
    OptionSpec::new(
        "EVENT_BATCH_TIMEOUT",
        Kind::Seconds { min: 0.0, max: 3600.0 },
        Fallback::Seconds(1.0),
        "Longest time an event waits for its batch to fill.",
    )
    .of(&[W]),
    OptionSpec::new(
        "FLUSH_TIMEOUT",
        Kind::Seconds { min: 0.0, max: 60.0 },
        Fallback::Seconds(3.0),
        "Longest time the process waits for delivery when it ends.",
    ),
    OptionSpec::new(
        "CONNECT_TIMEOUT",
        Kind::Seconds { min: 0.001, max: 3600.0 },
        Fallback::Seconds(5.0),
        "Longest time to connect to the collector.",
    ),
    OptionSpec::new(
        "REQUEST_TIMEOUT",
        Kind::Seconds { min: 0.001, max: 3600.0 },
        Fallback::Seconds(10.0),
        "Longest time for one whole upload.",
    ),
    OptionSpec::new(
        "DEBUG",
        Kind::Flag,
        Fallback::Flag(false),
        "Log at DEBUG on the moesif loggers, to stderr if no handler is configured, what becomes of each call, batch and \
         configuration, and add an X-Moesif-Wsgi-Pid header to responses. What a process has to say at once beyond 64 \
         messages goes untold.",
    )
    .of(&[W]),
    OptionSpec::new(
        "LOCAL_DEBUG",
        Kind::Flag,
        Fallback::Flag(false),
        "The Django package's name for DEBUG, without the header.",
    )
    .of(&[D, R]),
    OptionSpec::new(
        "SPOOL_DIR",
        Kind::Path,
        Fallback::Unset,
        "Directory for events that could not be delivered before the process ended.",
    )
    .status(Status::NotYet),
    OptionSpec::new(
        "SPOOL_MAX_BYTES",
        Kind::Integer { min: 1 << 20, max: 1 << 40, unit: "bytes" },
        Fallback::Integer(268_435_456),
        "Most bytes in that directory.",
    )
    .status(Status::NotYet),
    OptionSpec::new(
        "SENSITIVE_DATA",
        Kind::Choice(&["send", "hash", "remove"]),
        Fallback::Text("send"),
        "What becomes of values that look like passwords or card numbers.",
    )
    .status(Status::NotYetStripsContent),
    OptionSpec::new("SENSITIVE_DATA_KEY", Kind::Text, Fallback::Unset, "The key such values are hashed with.")
        .status(Status::NotYet),
    OptionSpec::new(
        "CAPTURE_OUTGOING_REQUESTS",
        Kind::Flag,
        Fallback::Flag(false),
        "Also capture the calls the application makes with requests.",
    )
    .of(&[W, D]),
    outgoing_callback(
        "IDENTIFY_USER_OUTGOING",
        "str | None",
        "The id of the user an outgoing call is made for. Each of these functions is given the requests.PreparedRequest and \
         the requests.Response, or None for a call that was not answered, as soon as the head of the response is there: where \
         stream=True was asked for, the body is still the caller's to read.",
    ),
    outgoing_callback("IDENTIFY_COMPANY_OUTGOING", "str | None", "The id of that user's company."),
    outgoing_callback("GET_SESSION_TOKEN_OUTGOING", "str | None", "The session or API token of an outgoing call."),
    outgoing_callback("GET_METADATA_OUTGOING", "dict | None", "JSON-like data recorded with an outgoing call."),
    outgoing_callback("SKIP_OUTGOING", "bool", "Leaves an outgoing call out when it returns true."),
    OptionSpec::new(
        "LOG_BODY_OUTGOING",
        Kind::Flag,
        Fallback::Flag(true),
        "Record the bodies of outgoing calls.",
    )
    .of(&[W, D, R]),
    OptionSpec::new("USE_CELERY", Kind::Ignored, Fallback::Unset, "Of old Django packages.").of(&[D]),
    OptionSpec::new("CELERY_BROKER_URL", Kind::Ignored, Fallback::Unset, "Of old Django packages.").of(&[D]),
];
