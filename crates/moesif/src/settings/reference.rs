//! The option reference page and the type stub, written from the table. Tests fail when the files are not these.

use std::fmt::Write;

use super::{Fallback, Kind, OPTIONS, OptionSpec, Package, Status};

/// `docs/options.md`.
#[must_use]
pub fn options_page() -> String {
    let mut page = String::from(
        "# Options\n\n\
         <!-- Written by `make docs` from crates/moesif/src/settings/table.rs. -->\n\n\
         Keys of the settings dictionary. Each can also be set as the environment variable `MOESIF_<OPTION>` (functions \
         cannot; lists are separated by commas); the dictionary wins. `None` and the empty text mean \"not set\". A bool \
         may also be one of the words true, false, yes, no, on and off, or 1 or 0. A value an option cannot take raises \
         `ValueError` when the middleware is made; a key that is none of these is ignored, with a warning on the \
         `moesif.settings` logger that names the nearest one.\n\n\
         In a Django project the dictionary is the setting `MOESIF_MIDDLEWARE`. A value an option cannot take raises \
         `ImproperlyConfigured` there, and `manage.py check` reports it if `moesifdjango` is in `INSTALLED_APPS`. Functions \
         may be `async def`: they are awaited in an asynchronous stack, and run to their end in a synchronous one. \
         One that is not `async def` is called on the event loop of an asynchronous stack: it must not wait there. Should it \
         ask Django's database, which raises `SynchronousOnlyOperation`, it is called again in a thread, then and from then \
         on; a function that catches every exception hides that, and is better off `async def`. In a synchronous stack \
         each call of an `async def` function costs an event loop, most of a millisecond. The response is `None` of a call \
         that has none: it raised what Django lets through, or its client has gone. `MASK_EVENT_MODEL` finds the names of \
         request headers in capitals, as moesifdjango showed them; the event keeps them as they are. What is asked about an \
         outgoing call is never awaited, `MASK_EVENT_MODEL` included: an `async def` counts as failed there.\n\n\
         The last column names the packages this one replaces that read the option: W moesifwsgi, D moesifdjango, \
         R moesifpythonrequest. Options without one are this project's own.\n\n\
         | Option | Value | Default | Meaning | Of |\n|---|---|---|---|---|\n",
    );
    for option in OPTIONS {
        let status = match option.status {
            Status::Works => "",
            Status::NotYet => " *No effect in this version; setting it logs a warning.*",
            Status::NotYetStripsContent => {
                " *Not applied in this version: events are sent without headers, bodies and query instead.*"
            }
        };
        let packages: String = option.packages.iter().map(|package| letter(*package)).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {}{status} | {packages} |",
            option.name,
            kind(option.kind).replace('|', "\\|"),
            fallback(option),
            option.meaning,
        );
    }
    page
}

/// `python/moesif/options.py`.
#[must_use]
pub fn options_stub() -> String {
    let mut stub = String::from(
        "\"\"\"The settings dictionary as a type. Written by `make docs` from the table in the Rust core.\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from collections.abc import Callable, Sequence\n\
         from typing import Any, TypedDict\n\n\n\
         class MoesifSettings(TypedDict, total=False):\n    \
         \"\"\"Every option; docs/options.md tells what they mean. Only APPLICATION_ID is required.\"\"\"\n\n",
    );
    for option in OPTIONS {
        let _ = writeln!(stub, "    {}: {}", option.name, python_type(option.kind));
    }
    stub
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
