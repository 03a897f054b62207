//! Generates the reference page and the Python type from the option table. A test fails if the files differ.

use std::fmt::Write;

use super::spec::{Fallback, Group, Kind, OptionSpec, Package, Status};
use super::table::OPTIONS;

const INTRODUCTION: &str = "\
# Options

<!-- Written by `make docs` from crates/moesif/src/settings/table.rs. -->

An option is a key of the settings dictionary. In a Django project, that dictionary is the setting
`MOESIF_MIDDLEWARE`. Only `APPLICATION_ID` is required.

## How options are set

- Each option can also be set as the environment variable `MOESIF_<OPTION>`, except functions. The dictionary wins.
  In a variable, separate the entries of a list by commas.
- `None` and empty text mean \"not set\": the default applies.
- A `bool` may also be 1 or 0, or one of the words true, false, yes, no, on and off.
- A value that an option does not accept raises `ValueError` when the middleware is made. In a Django project it raises
  `ImproperlyConfigured`, and `manage.py check` reports it if `moesifdjango` is in `INSTALLED_APPS`.
- Some values that the replaced packages accept are used with a warning on `moesif.settings`: `10.0` or `\"10\"` for a
  whole number, a number for text, and `False` for a function, which means \"not set\". A number above the limit of one
  of their options is replaced by the limit. Bytes are taken as text.
- An unknown key is ignored, unless it is one of the [misspelt names](#misspelt-names) that are errors. The logger
  `moesif.settings` warns and names the nearest option. `manage.py check` reports it as a warning.

The last column names the replaced packages that have the option: W is moesifwsgi, D is moesifdjango and R is
moesifpythonrequest. If it is empty, the option is new in this project.

";

/// The section about misspelt names, up to the list of options that refuse them.
const MISSPELT: &str = "\
## Misspelt names

Some options decide where data goes or what is recorded. A key that is almost the name of one of them is an error, such
as `BASE_URL`, `SKIPP`, `LOG_BODIES` or `application_id`. These are the options:

";

/// The rest of that section.
const MISSPELT_MASKS: &str = "

Any other key that names a mask of something that the options mask is an error too, such as `REQUEST_MASKS` or
`MASK_HEADERS`. Other keys with the word `MASK` are taken for those of another program: `SUBNET_MASK`,
`RESTX_MASK_HEADER`.

The error is `ValueError`, or `ImproperlyConfigured` in a Django project. A misspelt environment variable is no error if
the option that is meant is set, because the application may read the variable and set the option. A variable such as
`MOESIF_REQUEST_MASKS` is no error if `MASK_EVENT_MODEL` is set: the function may read it.
";

const PRIVACY: &str = "\
Request and response bodies, the `Authorization` header and cookies are recorded unless an option prevents it. Use
`LOG_BODY` to leave out all bodies, and these options to leave out parts.

";

const IDENTITY: &str = "\
The user, the company and the session of a call.

Ids and session tokens are text, also those of outgoing calls. If a function returns something else, it becomes text.
Values in metadata become text in the same way:

- Bytes, a `bytearray` and a `memoryview` are taken as UTF-8. If they are not UTF-8, their base64 is recorded.
- In metadata, a date or time becomes its ISO form. Numbers, lists and dictionaries do not change. A set becomes a
  list.
- Any other value becomes its `str()`. An id or session token that is false in Python means that there is none.

";

const DJANGO: &str = "\
Functions in a Django project:

- They may be `async def`. An asynchronous stack awaits them. A synchronous stack runs each call in an event loop of its
  own, which takes most of a millisecond.
- In an asynchronous stack, a function that is not `async def` is called on the event loop, so it must not wait. If it
  queries Django's database, Django raises `SynchronousOnlyOperation`; the function is then called again in a thread,
  and always in a thread from then on. A function that catches every exception hides this: make it `async def`.
- The same holds for reading a result. A function may return `request.user` or a query: if its text or truth comes from
  the database, it is read in a thread. The function is not called again for this.
- The response is `None` if there is none: the view raised something that Django does not handle, or the client has
  disconnected.
- `MASK_EVENT_MODEL` sees the names of request headers in capitals, as in moesifdjango. The event keeps the original
  spelling.

";

const OUTGOING: &str = "\
Functions about outgoing calls, and `MASK_EVENT_MODEL` for outgoing calls, are never awaited. An `async def` function
counts as failed there.

";

/// Returns the text of docs/options.md.
#[must_use]
pub fn options_page() -> String {
    let mut page = String::from(INTRODUCTION);
    for group in Group::ALL {
        let Section { title, introduction } = section(group);
        // Writing to a String cannot fail.
        let _ = write!(page, "## {title}\n\n{introduction}");
        page.push_str("| Option | Type and limits | Default | Meaning | Packages |\n|---|---|---|---|---|\n");
        for option in OPTIONS.iter().filter(|option| option.group == group) {
            let _ = writeln!(page, "{}", row(option));
        }
        page.push('\n');
    }
    let refusing = OPTIONS.iter().filter(|option| option.refuses_misspelling);
    page.push_str(MISSPELT);
    page.push_str(&wrapped(refusing.map(|option| format!("`{}`", option.name))));
    page.push_str(MISSPELT_MASKS);
    page
}

/// Returns words as a sentence with commas, in lines of at most 120 letters.
fn wrapped(words: impl Iterator<Item = String>) -> String {
    const WIDTH: usize = 120;
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if line.len() + word.len() + ", ,".len() <= WIDTH => {
                line.push_str(", ");
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines.join(",\n") + "."
}

/// Returns the text of python/moesif/options.py.
#[must_use]
pub fn options_stub() -> String {
    let mut stub = String::from(
        "\"\"\"The settings dictionary as a type. Written by `make docs` from the option table in the Rust core.\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from collections.abc import Callable, Sequence\n\
         from typing import Any, TypedDict\n\n\n\
         class MoesifSettings(TypedDict, total=False):\n    \
         \"\"\"Every option. The options page of the documentation explains them. Only APPLICATION_ID is required.\"\"\"\n\n",
    );
    for option in OPTIONS {
        let _ = writeln!(stub, "    {}: {}", option.name, python_type(option.kind));
    }
    stub
}

/// The part of the page about one group.
struct Section {
    title: &'static str,
    /// Text above the table, with an empty line at its end.
    introduction: &'static str,
}

fn section(group: Group) -> Section {
    let (title, introduction) = match group {
        Group::Essentials => ("The five options most people need", ""),
        Group::Identity => ("Identity", IDENTITY),
        Group::Privacy => ("Privacy", PRIVACY),
        Group::Delivery => ("Delivery", "How events reach the collector.\n\n"),
        Group::Limits => ("Limits", "How much is recorded and kept in memory.\n\n"),
        Group::Django => ("Django", DJANGO),
        Group::Outgoing => ("Outgoing calls", OUTGOING),
        Group::Other => ("Other", ""),
        Group::Compatibility => ("Compatibility", "For configurations of the replaced packages.\n\n"),
    };
    Section { title, introduction }
}

fn row(option: &OptionSpec) -> String {
    let status = match option.status {
        Status::Works => "",
        Status::NotYet => " *No effect in this version; setting it logs a warning.*",
        Status::NotYetStripsContent => {
            " *Not applied in this version; instead, events are sent without headers, bodies, query, session token and \
             metadata.*"
        }
    };
    let packages: String = option.packages.iter().map(|package| letter(*package)).collect();
    let meaning = option.meaning.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let (name, kind, default) = (option.name, kind(option.kind).replace('|', "\\|"), fallback(option));
    format!("| `{name}` | {kind} | {default} | {meaning}{status} | {packages} |")
}

fn letter(package: Package) -> char {
    match package {
        Package::Wsgi => 'W',
        Package::Django => 'D',
        Package::Outgoing => 'R',
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "str".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Flag => "bool".to_owned(),
        Kind::Integer { min, max, unit } => format!("int, {unit}, {min} to {max}"),
        Kind::Seconds { min, max } => format!("number, seconds, {min} to {max}"),
        Kind::Names => "list of str, or str with commas".to_owned(),
        Kind::Choice(words) => format!("one of `{}`", words.join("`, `")),
        Kind::Callable { wsgi, django, returns } if wsgi == django => {
            format!("function `({wsgi}) -> {returns}`")
        }
        Kind::Callable { wsgi, django, returns } => {
            format!("function `({wsgi}) -> {returns}`, Django `({django})`")
        }
        Kind::Ignored => "ignored".to_owned(),
    }
}

fn fallback(option: &OptionSpec) -> String {
    match option.default {
        Fallback::Required => "required".to_owned(),
        Fallback::Unset => String::new(),
        Fallback::Text(text) => format!("`{text}`"),
        Fallback::Flag(true) => "`True`".to_owned(),
        Fallback::Flag(false) => "`False`".to_owned(),
        Fallback::Integer(number) => format!("`{number}`"),
        Fallback::IntegerPer { wsgi, django } => format!("`{wsgi}`, Django `{django}`"),
        Fallback::Seconds(seconds) => format!("`{seconds}`"),
    }
}

fn python_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Path | Kind::Choice(_) => "str | None",
        Kind::Flag => "bool | None",
        Kind::Integer { .. } => "int | None",
        Kind::Seconds { .. } => "float | None",
        Kind::Names => "Sequence[str] | str | None",
        Kind::Callable { .. } => "Callable[..., Any] | None",
        Kind::Ignored => "Any",
    }
}
