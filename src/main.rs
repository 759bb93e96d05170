//! The `netmonitor` program.
fn main() {}
