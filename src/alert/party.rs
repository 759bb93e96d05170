//! Whom a mute is about: an address, a network, or a station whatever its address.

use super::Subject;
use crate::addr::{Ip, MacAddr, Prefix};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// One side of an alert, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// Exactly this address.
    Ip(Ip),
    /// Any address of this network.
    Network(Prefix),
    /// This station, so the device follows its own name to whatever address it has next.
    Station(MacAddr),
}

impl Party {
    /// Whether `subject` is meant; `same` says whether a subject is the device of a station.
    pub fn is(&self, subject: Option<&Subject>, same: impl Fn(&Subject, MacAddr) -> bool) -> bool {
        subject.is_some_and(|subject| match self {
            Party::Ip(ip) => subject.ip == Some(*ip),
            Party::Network(network) => subject.ip.is_some_and(|ip| network.contains(ip)),
            Party::Station(mac) => subject.mac == Some(*mac) || same(subject, *mac),
        })
    }
}

impl From<Ip> for Party {
    fn from(ip: Ip) -> Self {
        Party::Ip(ip)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Ip(ip) => ip.fmt(f),
            Party::Network(network) => network.fmt(f),
            Party::Station(mac) => mac.fmt(f),
        }
    }
}

impl FromStr for Party {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not an address (10.0.0.5), a network (10.0.0.0/24) or a MAC (02:00:00:aa:bb:cc)"
            )
        };
        let ip = text.parse().map(Party::Ip);
        let station = |_| text.parse().map(Party::Station);
        let network = |_| text.parse().map(Party::Network);
        ip.or_else(|_: String| station(())).or_else(|_: String| network(())).map_err(|_: String| wrong())
    }
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_as_what_it_is_and_written_back() {
        for text in ["10.0.0.5", "2001:db8::1", "10.0.0.0/24", "2001:db8::/32", "02:00:00:aa:bb:cc"] {
            let party: Party = text.parse().expect(text);
            assert_eq!(party.to_string(), text);
            let json = serde_json::to_string(&party).expect("a text");
            assert_eq!(serde_json::from_str::<Party>(&json).expect(text), party);
        }
        assert_eq!("02-00-00-AA-BB-CC".parse::<Party>().expect("dashes").to_string(), "02:00:00:aa:bb:cc");
        for wrong in ["", "printer", "10.0.0.300", "10.0.0.0/33", "02:00"] {
            assert!(wrong.parse::<Party>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_station_is_met_under_any_address_and_a_network_under_none_of_others() {
        let mac = "02:00:00:00:00:05".parse().expect("mac");
        let now_here = Subject::ip("10.0.0.77".parse().expect("ip"));
        let knows = |_: &Subject, asked: MacAddr| asked == mac;
        assert!(Party::Station(mac).is(Some(&now_here), knows));
        assert!(!Party::Station(mac).is(Some(&now_here), |_, _| false));
        assert!(!Party::Station(mac).is(None, knows), "nobody is nobody");
        let net: Party = "10.0.0.0/24".parse().expect("network");
        assert!(net.is(Some(&now_here), |_, _| false));
        assert!(!net.is(Some(&Subject::mac(mac)), knows));
    }
}
