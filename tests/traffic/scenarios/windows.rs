//! Beside a Windows domain: SMB, Kerberos, LDAP.

use super::Scenario;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[];
