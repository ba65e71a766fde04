//! Arguments in, a command run, an exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    roomgate::cli::run()
}
