//! What can be read on the wire: credentials, secrets, requests.

use super::Scenario;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[];
