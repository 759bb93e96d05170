//! The `netmonitor` program: reads the command line and hands over to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    netmonitor::cli::main()
}
