//! Devices that come, go and change.

use super::Scenario;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[];
