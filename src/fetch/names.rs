//! Names to addresses in the static program.
//!
//! A static glibc still loads the machine's NSS modules for getaddrinfo(3), and they are made for the machine's own glibc:
//! built on Debian 12 and run on Debian 13, the program dies of it where /etc/nsswitch.conf names more than `files` and
//! `dns`, as it does on Raspberry Pi OS (mdns4_minimal). So the static program asks the machine's `getent`, which is made for
//! them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};

/// Whether this program is such a one.
pub(super) const BY_GETENT: bool = cfg!(all(target_feature = "crt-static", target_env = "gnu"));

/// The addresses of `host`, a name or an address itself.
pub(super) fn getent(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    // After `--` nothing is an option, whatever a redirect says.
    let output = Command::new("getent").args(["ahosts", "--", bare]).stdin(Stdio::null()).output()?;
    let ip = |line: &str| line.split_whitespace().next()?.parse::<IpAddr>().ok();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: Vec<SocketAddr> = Vec::new();
    // Each address stands there once per type of socket.
    for address in text.lines().filter_map(ip).map(|ip| SocketAddr::new(ip, port)) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_found_once_each_and_options_are_names() {
        let local = getent("localhost", 443).expect("getent is there");
        assert!(
            !local.is_empty() && local.iter().all(|a| a.ip().is_loopback() && a.port() == 443),
            "{local:?}"
        );
        assert_eq!(local.len(), local.iter().collect::<std::collections::HashSet<_>>().len());
        assert_eq!(
            getent("[::1]", 80).expect("no question"),
            [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 80))]
        );
        assert_eq!(getent("--help", 80).expect("no help"), []);
        assert_eq!(getent("no-such-name.invalid", 80).expect("an answer"), []);
    }
}
