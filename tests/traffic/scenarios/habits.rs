//! What a device usually does, and what it does for the first time.

use super::Scenario;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[];
