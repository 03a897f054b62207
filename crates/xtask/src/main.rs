//! Tools for developers of this repository. `cargo xtask help` lists them.

mod options;
mod pattern;

use std::io;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Tools for developers of this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the files that are derived from the option table: docs/options.md and python/moesif/options.py
    Options,
    /// Search for patterns: read one JSON question per line from stdin, write one JSON answer per line to
    /// stdout
    Pattern,
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Command::Options => options::write(),
        Command::Pattern => pattern::answer_all(io::stdin().lock(), io::stdout().lock()),
    }
}
