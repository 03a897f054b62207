//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

const AFTER_HELP: &str = "\
The first line on standard output is `listening on http://ADDRESS`.

Reading needs no login. With an address other than 127.0.0.1 or [::1], everyone who can connect can read the
captured data.

config.json and rules.json hold the sampling rates and governance rules for the SDKs. Both are optional and are
read again when they change.

SIGTERM and SIGINT stop the collector. Running requests have 2 seconds to finish; what was accepted is stored.

Exit codes: 0 stopped by a signal, 1 the database can no longer be written, 2 the collector cannot start.";

/// Accepts API events over the Moesif ingestion API, stores them in SQLite and shows them on a web page.
#[derive(Debug, PartialEq, Eq, Parser)]
#[command(
    version,
    after_help = AFTER_HELP,
    // Names the options, so that an error about an argument shows them.
    override_usage = "moesif-collector [--listen <ADDRESS>] [--data <DIR>]"
)]
pub(crate) struct Cli {
    /// IP address and port to listen on; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9500", value_parser = parse_address)]
    pub(crate) listen: SocketAddr,
    /// Directory of the database, config.json and rules.json; created if it does not exist.
    #[arg(long, value_name = "DIR", default_value = "./moesif-data")]
    pub(crate) data: PathBuf,
}

/// Parses an address. `localhost` means 127.0.0.1; other names are not looked up.
fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = numeric.as_deref().unwrap_or(text).parse();
    address.map_err(|_| "expected an IP address and a port, such as 127.0.0.1:9500 or [::1]:9500")
}

/// Returns the message of a parser error in one line, like every other message of the collector.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["moesif-collector"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn parses_both_spellings_of_a_value_and_has_defaults() {
        let cli = |listen: &str, data: &str| Cli { listen: listen.parse().unwrap(), data: data.into() };
        assert_eq!(parse("").unwrap(), cli("127.0.0.1:9500", "./moesif-data"));
        assert_eq!(parse("--listen [::1]:0 --data=/x").unwrap(), cli("[::1]:0", "/x"));
        assert_eq!(parse("--listen=localhost:80").unwrap(), cli("127.0.0.1:80", "./moesif-data"));
        assert_eq!(parse("--help --nonsense").unwrap_err().kind(), ErrorKind::DisplayHelp);
        assert_eq!(parse("-V").unwrap_err().kind(), ErrorKind::DisplayVersion);
    }

    #[test]
    fn error_is_one_line_that_names_the_argument() {
        for (line, named) in [
            ("--prot 1", "--prot"),
            ("-x", "-x"),
            ("somewhere", "somewhere"),
            ("--listen", "--listen"),
            ("--data=", "--data"),
            ("--listen :9500", ":9500"),
            ("--listen 127.0.0.1:99999", "127.0.0.1:99999"),
            ("--data a --data b", "--data"),
            ("--help=x", "'x'"),
        ] {
            let message = one_line(&parse(line).unwrap_err());
            assert!(message.contains(named) && !message.contains('\n'), "{line}: {message}");
        }
    }
}
