//! `moesif-collector`: accepts the Moesif ingestion API (`docs/wire-contract.md`), stores events in SQLite
//! and shows them on a web page.
//!
//! Each module uses only modules after it in this table:
//!
//! | Module | Does |
//! |---|---|
//! | [`server`] | routes, connections and shutdown |
//! | [`web`] | the page, and the access check |
//! | [`query`] | the read API |
//! | [`ingest`] | the ingestion API |
//! | [`state`] | the state that all handlers share |
//! | [`reply`] | JSON replies |
//! | [`store`] | the database |
//! | [`remote`] | the operator's config and rules files |
//! | [`body`] | receives and decodes request bodies |
//! | [`cli`], [`signal`], [`log`], [`clock`] | command line, stop signals, standard error, time |

mod body;
mod cli;
mod clock;
mod ingest;
mod log;
mod query;
mod remote;
mod reply;
mod server;
mod signal;
mod state;
mod store;
mod web;

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use cli::Cli;
use state::AppState;
use store::{OpenError, Store};

/// Why the collector cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(
        "cannot listen on {0}: the port is in use; stop the program that uses it or choose another port with --listen"
    )]
    PortInUse(SocketAddr),
    #[error("cannot listen on {0}: {1}; choose another address with --listen")]
    Listen(SocketAddr, std::io::Error),
    #[error("cannot start the server: {0}; check the limits on threads and open files")]
    Runtime(std::io::Error),
    #[error("the database writer stopped; restart the collector (everything answered with 201 is stored)")]
    WriterStopped,
}

/// Exit code if the operator must change something first.
const EXIT_CANNOT_START: u8 = 2;
/// Exit code if a restart is enough.
const EXIT_RESTART: u8 = 1;

/// Maximum time for tasks that still run after the server's shutdown. Then they are dropped.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            log::error(&cli::one_line(&error));
            return ExitCode::from(EXIT_CANNOT_START);
        }
        Err(help_or_version) => {
            let _unwritable = help_or_version.print();
            return ExitCode::SUCCESS;
        }
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log::error(&failure);
            ExitCode::from(match failure {
                Failure::WriterStopped => EXIT_RESTART,
                _ => EXIT_CANNOT_START,
            })
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    // Binds the port first, so that a wrong port does not create a data directory.
    let listener = bind(cli.listen)?;
    let address = listener.local_addr().map_err(|error| Failure::Listen(cli.listen, error))?;
    let (store, mut writer) = Store::open(&cli.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("moesif-http")
        .enable_io()
        .enable_time()
        .build()
        .map_err(Failure::Runtime)?;
    let state = AppState::new(store, remote::Remote::open(&cli.data), address);
    let served = runtime.block_on(async {
        let stop = signal::stop_signal()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        announce(address);
        Ok(tokio::select! {
            () = server::serve(listener, state, stop) => Ok(()),
            () = writer.stopped() => Err(Failure::WriterStopped),
        })
    });
    // Drops the remaining requests, which own the last senders of the writer's queue. Then the writer ends.
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    writer.finish();
    served.map_err(Failure::Runtime)?
}

/// Prints the address. A closed standard output is not an error.
fn announce(address: SocketAddr) {
    let mut out = std::io::stdout();
    let _unwritable = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let failure = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::PortInUse(address),
        _ => Failure::Listen(address, error),
    };
    let listener = TcpListener::bind(address).map_err(failure)?;
    listener.set_nonblocking(true).map_err(failure)?;
    Ok(listener)
}
