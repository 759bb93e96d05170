//! Where the name of a device was seen.

/// Where a name was seen; ordered by how much it tells, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameSource {
    /// The name that a service of it shows to people.
    Friendly,
    /// The host name a device asked DHCP for.
    Dhcp,
    /// The name it answers to in mDNS.
    Mdns,
    /// Its NetBIOS name.
    Nbns,
    /// Its LLMNR name.
    Llmnr,
}

impl NameSource {
    /// As records call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            NameSource::Friendly => "friendly",
            NameSource::Dhcp => "dhcp",
            NameSource::Mdns => "mdns",
            NameSource::Nbns => "nbns",
            NameSource::Llmnr => "llmnr",
        }
    }

    /// The source of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        use NameSource::*;
        [Friendly, Dhcp, Mdns, Nbns, Llmnr].into_iter().find(|s| s.name() == name)
    }
}
