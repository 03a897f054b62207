//! The command line. In: the arguments as the shell gave them. Out: [`Command`], or the first thing that is wrong
//! with them. Reads no environment and touches no file.

use std::{
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::PathBuf,
};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
moesif-collector: takes in API events over the Moesif ingestion API, stores them and shows them.

Usage: moesif-collector [--listen ADDRESS] [--data DIR]

Options:
  --listen ADDRESS  IP address and port to listen on; port 0 picks a free one [default: 127.0.0.1:9500]
  --data DIR        Directory of the database, config.json and rules.json; made if absent [default: ./moesif-data]
  -h, --help        Print this and exit
  -V, --version     Print the version and exit

The first line on standard output is `listening on http://ADDRESS`. SIGTERM and SIGINT end the collector once
what it has accepted is stored.
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Serve.
    Serve(Options),
}

/// Where to listen and where to store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) data: PathBuf,
}

/// A command line that cannot be acted on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionError {
    #[error("unknown option `{0}`; moesif-collector --help lists the ones there are")]
    Unknown(String),
    #[error("unexpected argument `{0}`; a directory is given as --data {0}")]
    Positional(String),
    #[error("option `{0}` needs a value, as in {0} {1}")]
    NoValue(&'static str, &'static str),
    #[error("option `{0}` takes no value, found `{1}`; leave it out")]
    Value(&'static str, String),
    #[error("option `{0}` is given twice; give it once")]
    Twice(&'static str),
    #[error("--listen `{0}` is not an IP address with a port; write it as in 127.0.0.1:9500 or [::1]:9500")]
    Listen(String),
}

const LISTEN: (&str, &str) = ("--listen", "127.0.0.1:9500");
const DATA: (&str, &str) = ("--data", "./moesif-data");

/// Reads the arguments, program name not included. `--help` and `--version` win over everything after them.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, OptionError> {
    let mut arguments = arguments.into_iter();
    let (mut listen, mut data) = (None, None);
    while let Some(argument) = arguments.next() {
        let (name, inline) = split(&argument);
        let (option, place) = match (name.as_str(), &inline) {
            ("-h" | "--help", None) => return Ok(Command::Help),
            ("-V" | "--version", None) => return Ok(Command::Version),
            ("-h" | "--help", Some(value)) => return Err(OptionError::Value("--help", lossy(value))),
            ("-V" | "--version", Some(value)) => return Err(OptionError::Value("--version", lossy(value))),
            ("--listen", _) => (LISTEN, &mut listen),
            ("--data", _) => (DATA, &mut data),
            (word, _) if word.starts_with('-') => return Err(OptionError::Unknown(name)),
            _ => return Err(OptionError::Positional(name)),
        };
        let value = inline
            .or_else(|| arguments.next())
            .filter(|value| !value.is_empty())
            .ok_or(OptionError::NoValue(option.0, option.1))?;
        if place.replace(value).is_some() {
            return Err(OptionError::Twice(option.0));
        }
    }
    let listen = lossy(&listen.unwrap_or_else(|| LISTEN.1.into()));
    Ok(Command::Serve(Options {
        listen: address(&listen).ok_or(OptionError::Listen(listen))?,
        data: data.unwrap_or_else(|| DATA.1.into()).into(),
    }))
}

/// `localhost` is taken as the loopback address it stands for: no name is ever looked up.
fn address(text: &str) -> Option<SocketAddr> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(text).parse().ok()
}

/// `--name=value` as its two parts. Only an argument that is text can be one.
fn split(argument: &OsStr) -> (String, Option<OsString>) {
    match argument.to_str() {
        Some(text) if text.starts_with("--") => match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.into())),
            None => (text.to_owned(), None),
        },
        _ => (lossy(argument), None),
    }
}

fn lossy(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, OptionError> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn both_spellings_of_a_value_and_the_defaults_work() {
        let serve = |listen: &str, data: &str| {
            Ok(Command::Serve(Options { listen: listen.parse().unwrap(), data: data.into() }))
        };
        assert_eq!(read(""), serve("127.0.0.1:9500", "./moesif-data"));
        assert_eq!(read("--listen [::1]:0 --data=/x"), serve("[::1]:0", "/x"));
        assert_eq!(read("--listen=localhost:80"), serve("127.0.0.1:80", "./moesif-data"));
        assert_eq!(read("--help --nonsense"), Ok(Command::Help));
        assert_eq!(read("-V"), Ok(Command::Version));
    }

    #[test]
    fn a_refusal_names_the_value() {
        for (line, named) in [
            ("--prot 1", "--prot"),
            ("-x", "-x"),
            ("somewhere", "somewhere"),
            ("--listen", "--listen"),
            ("--data=", "--data"),
            ("--listen :9500", ":9500"),
            ("--listen 127.0.0.1:99999", "127.0.0.1:99999"),
            ("--data a --data b", "--data"),
            ("--help=x", "`x`"),
        ] {
            let said = read(line).unwrap_err().to_string();
            assert!(said.contains(named), "{line}: {said}");
        }
    }
}
