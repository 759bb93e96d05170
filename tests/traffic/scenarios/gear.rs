//! What industrial and smart-home devices speak.

use super::Scenario;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[];
