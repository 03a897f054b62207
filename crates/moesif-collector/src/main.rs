//! `moesif-collector`: one binary that speaks the Moesif ingestion API (`docs/wire-contract.md`), stores what it is
//! sent in an embedded database and shows it on a web page.
//!
//! This file reads the command line, binds the port, opens the data directory, and turns whatever goes wrong on the
//! way into one line on standard error and exit code 2.
//!
//! Rooms: [`ingest`] takes bytes in and judges them, [`store`] keeps them, [`query`] answers questions about them,
//! [`remote`] serves the operator's config and rules, [`web`] is the page and the guard before everything readable.

mod clock;
mod complaint;
mod ingest;
mod options;
mod query;
mod refusal;
mod remote;
mod server;
mod store;
mod web;

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

use complaint::complain;
use options::{Command, OptionError, Options};
use store::{OpenError, Store};

/// Why the collector does not start, or does not go on. Each is one line that names the value and what to do.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Options(#[from] OptionError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("cannot listen on {0}: the port is in use; stop what uses it or choose another with --listen")]
    PortInUse(SocketAddr),
    #[error("cannot listen on {0}: {1}; choose another address with --listen")]
    Listen(SocketAddr, std::io::Error),
    #[error("cannot start the server: {0}; check the limits on threads and open files")]
    Runtime(std::io::Error),
    #[error(
        "the thread that writes the database ended; restart the collector, everything answered 201 is stored"
    )]
    WriterGone,
}

impl Failure {
    /// 2 when it is for the operator to change something, 1 when a restart is all there is to do.
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(if matches!(self, Self::WriterGone) { 1 } else { 2 })
    }
}

/// How long tasks that outlived the graceful end are given before they are dropped.
const LAST_CALL: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            error.exit_code()
        }
    }
}

fn run() -> Result<(), Failure> {
    match options::parse(std::env::args_os().skip(1))? {
        Command::Help => say(options::HELP),
        Command::Version => say(concat!("moesif-collector ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Serve(options) => serve(&options)?,
    }
    Ok(())
}

/// Standard output that nobody reads is no reason to fail.
fn say(text: &str) {
    let mut out = std::io::stdout();
    let _unread = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn serve(options: &Options) -> Result<(), Failure> {
    // The port first: whoever only meant another port has no data directory left behind.
    let (listener, address) = listen(options.listen)?;
    let (store, mut writer) = Store::open(&options.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("moesif-http")
        .enable_io()
        .enable_time()
        .build()
        .map_err(Failure::Runtime)?;
    let collector = server::Collector::new(store, remote::Remote::new(&options.data), address);
    let served = runtime.block_on(async {
        let stop = server::stop_signal()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        say(&format!("listening on http://{address}\n"));
        Ok(tokio::select! {
            () = server::serve(listener, collector, stop) => false,
            () = writer.gone() => true,
        })
    });
    // Dropping what is left of the requests drops their end of the writer's queue: it commits and ends.
    runtime.shutdown_timeout(LAST_CALL);
    writer.finish();
    match served {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure::WriterGone),
        Err(error) => Err(Failure::Runtime(error)),
    }
}

fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::PortInUse(wanted),
        _ => Failure::Listen(wanted, error),
    };
    let listener = TcpListener::bind(wanted).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
