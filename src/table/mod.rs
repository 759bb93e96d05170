//! Tables: bounded state about flows, hosts and names.

pub mod bounded;
pub mod flows;
pub mod reassembly;
