//! The table of options. Parsing, validation, the reference page and the Python type are derived from it.

use std::time::Duration;

use super::DjangoUser;
use super::spec::{
    Function, Group, Key, OptionSpec, Package, Status, callback, choice, flag, function, ignored, integer,
    integer_per, names, names_or, optional_text, path, required_text, seconds, text,
};

/// Default of `BASE_URI`: the hosted collector.
pub const DEFAULT_BASE_URI: &str = "https://api.moesif.net";

/// Replaced packages, by the letters of the reference page.
const W: Package = Package::Wsgi;
const D: Package = Package::Django;
const R: Package = Package::Outgoing;

/// Parameters of most functions under WSGI.
const WSGI_CALL: &str = "app, environ";
/// Parameters of the functions about outgoing calls.
const OUTGOING_CALL: &str = "request, response";
/// Largest value of the body limits, in bytes.
const MAX_BODY: u64 = 1_000_000;
/// Largest value of `EVENT_QUEUE_SIZE`. No process has memory for so many events.
const MAX_QUEUE: u64 = 0xFFFF_FFFF;
/// Bytes in a mebibyte.
const MIB: u64 = 1 << 20;
/// Bytes in a tebibyte.
const TIB: u64 = 1 << 40;

/// Declares each option once: as a typed key in [`keys`] and as an entry of [`OPTIONS`]. The doc comment of
/// an option is its text on the reference page.
macro_rules! options {
    ($($group:ident { $($(#[doc = $meaning:literal])+ $name:ident: $value:ty = $key:expr;)+ })+) => {
        /// Typed keys of the options.
        pub mod keys {
            use super::*;

            $($($(#[doc = $meaning])+
            pub const $name: Key<$value> =
                $key.named(stringify!($name), Group::$group, concat!($($meaning, "\n"),+));)+)+
        }

        /// Every option, in the order of the reference page.
        pub const OPTIONS: &[OptionSpec] = &[$($(keys::$name.spec),+),+];
    };
}

options! {
    Essentials {
        /// Identifies the application to the collector. The Moesif portal shows it as "Collector Application
        /// ID". A collector of your own accepts any text.
        APPLICATION_ID: Option<String> = required_text().of(&[W, D, R]).refuse_misspelling();

        /// Address of the collector: an `http` or `https` URI, with a path prefix if needed.
        BASE_URI: String = text(DEFAULT_BASE_URI).of(&[W, D]).refuse_misspelling();

        /// Returns the id of the user who made the call. Without a result, the id is taken from the
        /// authorization headers; in Django, from `request.user` first (see `DJANGO_USER`). A function with
        /// only two parameters is called with the first two. Bytes and other values
        /// [become text](#identity). While governance rules about users are in force,
        /// it is called before the application: there are no response headers yet, and in Django the response
        /// is `None`. It is called again after the application only if the first call had no result.
        IDENTIFY_USER: Function = callback("app, environ, response_headers", "str | None").of(&[W, D]).refuse_misspelling();

        /// If the function returns true, the call is not recorded. Governance rules still apply to it.
        SKIP: Function = callback(WSGI_CALL, "bool").of(&[W, D]).refuse_misspelling();

        /// Whether request and response bodies are recorded.
        LOG_BODY: bool = flag(true).of(&[W, D]).refuse_misspelling();
    }
    Identity {
        /// Returns the id of the user's company. While governance rules about companies are in force, it is
        /// called as `IDENTIFY_USER` is.
        IDENTIFY_COMPANY: Function = callback("app, environ, response_headers", "str | None").of(&[W, D]).refuse_misspelling();

        /// Returns the session or API token of the call. Without this function, the key of Django's session
        /// is recorded.
        GET_SESSION_TOKEN: Function = callback(WSGI_CALL, "str | None").of(&[W, D]);

        /// Returns data to record with the call, as a dictionary. Values that JSON does not have
        /// [become text](#identity).
        GET_METADATA: Function = callback(WSGI_CALL, "dict | None").of(&[W, D]);

        /// Request headers in which a user id is looked for, in this order.
        AUTHORIZATION_HEADER_NAME: Vec<String> = names_or("authorization").of(&[W, D]);

        /// Field of a token that holds the user id. Upper and lower case are the same.
        AUTHORIZATION_USER_ID_FIELD: String = text("sub").of(&[W, D]);
    }
    Privacy {
        /// Removes or changes what must not be recorded. The function receives the event and must return it.
        /// If it fails or returns nothing, the event is sent without headers, bodies, query, session token
        /// and metadata.
        MASK_EVENT_MODEL: Function = function("event_model", "EventModel").of(&[W, D, R]).refuse_misspelling();

        /// Request headers that are not recorded. Upper and lower case are the same.
        REQUEST_HEADER_MASKS: Vec<String> = names().of(&[D]).refuse_misspelling();

        /// Response headers that are not recorded. Upper and lower case are the same.
        RESPONSE_HEADER_MASKS: Vec<String> = names().of(&[D]).refuse_misspelling();

        /// Keys that are removed from JSON request bodies: a key at any depth, or a path of keys joined by
        /// dots. A body that is not one complete JSON document is not recorded.
        REQUEST_BODY_MASKS: Vec<String> = names().of(&[D]).refuse_misspelling();

        /// Keys that are removed from JSON response bodies, as with `REQUEST_BODY_MASKS`.
        RESPONSE_BODY_MASKS: Vec<String> = names().of(&[D]).refuse_misspelling();

        /// Query parameters that are removed from the recorded URI.
        REQUEST_QUERY_MASKS: Vec<String> = names().refuse_misspelling();

        /// What happens to values that look like passwords or card numbers.
        SENSITIVE_DATA: String =
            choice(&["send", "hash", "remove"], "send").status(Status::NotYetStripsContent).refuse_misspelling();

        /// Key with which such values are hashed.
        SENSITIVE_DATA_KEY: Option<String> = optional_text().status(Status::NotYet);
    }
    Delivery {
        /// Maximum number of events in one batch.
        BATCH_SIZE: u64 = integer_per(1, 100_000, "events", 100, 25).of(&[W, D]);

        /// Maximum size of one batch before compression. A single event may be larger.
        BATCH_BYTES: u64 = integer(65_536, 52_428_800, "bytes", 4_194_304);

        /// Longest time that an event waits for its batch to fill.
        EVENT_BATCH_TIMEOUT: Duration = seconds(0.0, 3600.0, 1.0).of(&[W]);

        /// Number of uploads at the same time. 0 or less is used as 1, with a warning.
        EVENT_WORKER_COUNT: u64 = integer(1, 64, "threads", 2)
            .of(&[W])
            .zero_or_less(1, "without a thread nothing would be delivered");

        /// Longest time that the process waits for delivery when it ends.
        FLUSH_TIMEOUT: Duration = seconds(0.0, 60.0, 3.0);

        /// Longest time to connect to the collector.
        CONNECT_TIMEOUT: Duration = seconds(0.001, 3600.0, 5.0);

        /// Longest time for one whole upload.
        REQUEST_TIMEOUT: Duration = seconds(0.001, 3600.0, 10.0);

        /// Directory for events that could not be delivered before the process ended.
        SPOOL_DIR: Option<String> = path().status(Status::NotYet);

        /// Maximum size of that directory.
        SPOOL_MAX_BYTES: u64 = integer(MIB, TIB, "bytes", 268_435_456).status(Status::NotYet);
    }
    Limits {
        /// Maximum size of a recorded request body, in its recorded form (base64 included). For a longer
        /// body, the start and the true size are recorded.
        REQUEST_MAX_BODY_SIZE: u64 = integer(0, MAX_BODY, "bytes", 460_800);

        /// Maximum size of a recorded response body, counted in the same way.
        RESPONSE_MAX_BODY_SIZE: u64 = integer(0, MAX_BODY, "bytes", 460_800);

        /// Maximum number of events that wait in memory. Further events are dropped and counted. 0 or
        /// less means no maximum, with a warning: only `EVENT_QUEUE_BYTES` limits the queue then.
        EVENT_QUEUE_SIZE: u64 = integer(1, MAX_QUEUE, "events", 1_000_000)
            .of(&[W, D])
            .zero_or_less(MAX_QUEUE, "only EVENT_QUEUE_BYTES limits the queue");

        /// Maximum memory for bodies being recorded, queued events and retries, for the whole process. If
        /// several configurations set it, the largest value applies. When it is used up, bodies are left out
        /// before events are dropped.
        EVENT_QUEUE_BYTES: u64 = integer(MIB, TIB, "bytes", 67_108_864);
    }
    Django {
        /// Which user is recorded if `IDENTIFY_USER` has no result. `auto`: the name of `request.user`; if
        /// the request has a session and the view did not look the user up, the middleware does. `resolved`:
        /// only a user that the request already carries.
        DJANGO_USER: DjangoUser = choice(&["auto", "resolved"], "auto");
    }
    Outgoing {
        /// Whether calls that the application makes with `requests` are captured too.
        CAPTURE_OUTGOING_REQUESTS: bool = flag(false).of(&[W, D]);

        /// Returns the id of the user for whom an outgoing call is made. The functions in this group receive
        /// the `requests.PreparedRequest` and the `requests.Response`. If the call was not answered, the
        /// response is `None`. They are called as soon as the response headers are there. With `stream=True`,
        /// the body is still unread then, and reading it is left to the caller.
        IDENTIFY_USER_OUTGOING: Function = function(OUTGOING_CALL, "str | None").of(&[W, D, R]).refuse_misspelling();

        /// Returns the id of that user's company.
        IDENTIFY_COMPANY_OUTGOING: Function = function(OUTGOING_CALL, "str | None").of(&[W, D, R]).refuse_misspelling();

        /// Returns the session or API token of an outgoing call.
        GET_SESSION_TOKEN_OUTGOING: Function = function(OUTGOING_CALL, "str | None").of(&[W, D, R]);

        /// Returns data to record with an outgoing call, as a dictionary. Values that JSON does not have
        /// [become text](#identity).
        GET_METADATA_OUTGOING: Function = function(OUTGOING_CALL, "dict | None").of(&[W, D, R]);

        /// If the function returns true, the outgoing call is not recorded.
        SKIP_OUTGOING: Function = function(OUTGOING_CALL, "bool").of(&[W, D, R]).refuse_misspelling();

        /// Whether the bodies of outgoing calls are recorded.
        LOG_BODY_OUTGOING: bool = flag(true).of(&[W, D, R]).refuse_misspelling();
    }
    Other {
        /// Version of your API, recorded with each call.
        API_VERSION: Option<String> = optional_text().of(&[W, D, R]);

        /// Leaves the header `X-Moesif-Transaction-Id` out of responses.
        DISABLED_TRANSACTION_ID: bool = flag(false).of(&[W]);

        /// Reads a declared request body before the application runs. The body is then recorded even if the
        /// application never reads it, and `environ['moesif.request_body']` is there from the start. The
        /// price: an application that answers before it reads now waits for the client. While a governance
        /// rule looks at request bodies, they are read first in any case.
        READ_REQUEST_BODY_FIRST: bool = flag(false);

        /// Sets the `moesif` logger to DEBUG and logs what happens to each call, batch and configuration. If
        /// no log handler is configured, the messages go to stderr. Also adds the header `X-Moesif-Wsgi-Pid`
        /// to responses. At most 64 messages wait to be logged; further debug messages are dropped.
        DEBUG: bool = flag(false).of(&[W]);
    }
    Compatibility {
        /// Older name of `BASE_URI`. It is read if `BASE_URI` is not set.
        LOCAL_MOESIF_BASEURL: Option<String> =
            optional_text().of(&[W, D, R]).refuse_misspelling().older_name_of("BASE_URI");

        /// Same as `DISABLED_TRANSACTION_ID`, as the Django package spells it. Both work everywhere.
        DISABLE_TRANSACTION_ID: bool = flag(false).of(&[D]);

        /// Same as `DEBUG`, as the Django package names it, but without the header.
        LOCAL_DEBUG: bool = flag(false).of(&[D, R]);

        /// Set by older Django packages; it has no effect.
        USE_CELERY: () = ignored().of(&[D]);

        /// Set by older Django packages; it has no effect.
        CELERY_BROKER_URL: () = ignored().of(&[D]);
    }
}
