//! What kind of device it is, by a table of rules over its traits: each rule that fits gives a kind some weight.
//!
//! A device that says what it is (a model, a protocol's own category) weighs most, what it offers less, who made it
//! least. The kind with the most weight wins from `ENOUGH` on; the evidence is told with it. Below that, or with two
//! kinds alike, it is unknown.

use super::traits::Source;
use crate::words::{Sentence, say, words};

/// Weight from which a kind is said.
const ENOUGH: u32 = 3;
/// Pieces of evidence told.
const TOLD: usize = 3;

/// Declares the kinds: each with its name in the JSON.
macro_rules! kinds {
    ($($kind:ident $name:literal,)*) => {
        /// A kind of device.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Kind {
            $($kind,)*
        }

        impl Kind {
            const ALL: &[Kind] = &[$($kind,)*];

            /// Its name in the JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $($kind => $name,)*
                }
            }

            /// The kind of this name.
            pub fn parse(name: &str) -> Option<Kind> {
                Kind::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    Router "router",
    AccessPoint "access_point",
    Switch "switch",
    Phone "phone",
    Tablet "tablet",
    Computer "computer",
    Watch "watch",
    Tv "tv",
    Speaker "speaker",
    Camera "camera",
    Printer "printer",
    Nas "nas",
    Console "console",
    Light "light",
    Plug "plug",
    Thermostat "thermostat",
    Voip "voip",
    Server "server",
    Iot "iot",
}
use Kind::*;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clue {
    /// A trait.
    Trait(Source),
    /// A name it goes by.
    Name,
    /// Who made it.
    Vendor,
    /// A port on which it answers: `tcp/9100`.
    Port,
    /// It carries the traffic of outside addresses.
    Routes,
}

/// One piece of evidence.
pub type Evidence<'a> = (Clue, &'a str);

struct Rule(Clue, Kind, u32, &'static [&'static str]);

const CLASS: Clue = Clue::Trait(Source::DhcpClass);
const OPTIONS: Clue = Clue::Trait(Source::DhcpOptions);
const SERVICE: Clue = Clue::Trait(Source::Service);
const MODEL: Clue = Clue::Trait(Source::Model);
const CATEGORY: Clue = Clue::Trait(Source::Category);
const UPNP: Clue = Clue::Trait(Source::Server);
const AGENT: Clue = Clue::Trait(Source::Agent);
const SSH: Clue = Clue::Trait(Source::Ssh);

/// Services, categories and ports are compared whole; lists of options by their beginning; other texts hold the
/// pattern as a word, in any case.
#[rustfmt::skip]
static RULES: &[Rule] = &[
    Rule(Clue::Routes, Router, 10, &[""]),
    Rule(CATEGORY, Router, 7, &["upnp InternetGatewayDevice"]),
    Rule(CATEGORY, AccessPoint, 5, &["upnp WLANAccessPointDevice", "upnp WFADevice"]),
    Rule(CATEGORY, Tv, 7, &["upnp tvdevice", "upnp MainTVServer2", "upnp dial", "homekit 31", "homekit 35", "homekit 36"]),
    Rule(CATEGORY, Speaker, 5, &["upnp ZonePlayer", "homekit 26"]),
    Rule(CATEGORY, Tv, 2, &["upnp MediaRenderer"]),
    Rule(CATEGORY, Nas, 2, &["upnp MediaServer"]),
    Rule(CATEGORY, Printer, 8, &["upnp Printer"]),
    Rule(CATEGORY, Camera, 8, &["upnp DigitalSecurityCamera", "homekit 17", "homekit 18"]),
    Rule(CATEGORY, Light, 8, &["homekit 5", "upnp DimmableLight", "upnp BinaryLight"]),
    Rule(CATEGORY, Plug, 8, &["homekit 7", "homekit 8", "upnp controllee", "upnp insight"]),
    Rule(CATEGORY, Thermostat, 8, &["homekit 9", "homekit 20", "homekit 21"]),
    Rule(CATEGORY, Router, 6, &["homekit 33"]),
    Rule(CATEGORY, Iot, 6, &["homekit 2", "homekit 3", "homekit 4", "homekit 6", "homekit 10", "homekit 11", "homekit 12",
        "homekit 13", "homekit 14", "homekit 19", "homekit 28", "homekit 29", "homekit 30"]),

    Rule(SERVICE, Printer, 5, &["_ipp._tcp", "_ipps._tcp", "_printer._tcp", "_pdl-datastream._tcp", "_uscan._tcp", "_scanner._tcp"]),
    Rule(SERVICE, Tv, 3, &["_androidtvremote._tcp", "_androidtvremote2._tcp", "_roku-rcp._tcp", "_amzn-wplay._tcp", "_viziocast._tcp"]),
    Rule(SERVICE, Tv, 2, &["_googlecast._tcp", "_mediaremotetv._tcp", "_nvstream._tcp"]),
    Rule(SERVICE, Speaker, 5, &["_sonos._tcp", "_soundtouch._tcp", "_heos-audio._tcp", "_linkplay._tcp"]),
    Rule(SERVICE, Speaker, 2, &["_spotify-connect._tcp", "_raop._tcp"]),
    Rule(SERVICE, Camera, 5, &["_axis-video._tcp", "_rtsp._tcp", "_onvif._tcp", "_psia._tcp"]),
    Rule(SERVICE, Nas, 3, &["_adisk._tcp", "_nfs._tcp", "_readynas._tcp"]),
    Rule(SERVICE, Computer, 1, &["_smb._tcp", "_afpovertcp._tcp", "_sftp-ssh._tcp"]),
    Rule(SERVICE, Computer, 3, &["_rfb._tcp", "_workstation._tcp", "_eppc._tcp"]),
    Rule(SERVICE, Phone, 4, &["_apple-mobdev2._tcp", "_apple-mobdev._tcp"]),
    Rule(SERVICE, Iot, 4, &["_hap._tcp", "_matter._tcp", "_matterc._udp", "_shelly._tcp", "_hue._tcp", "_homekit._tcp", "_miio._udp",
        "_esphomelib._tcp", "_wled._tcp", "_elg._tcp"]),
    Rule(SERVICE, Server, 4, &["_home-assistant._tcp", "_mqtt._tcp", "_plexmediasvr._tcp"]),
    Rule(SERVICE, Voip, 5, &["_sip._udp", "_sip._tcp"]),

    Rule(MODEL, Phone, 9, &["iphone", "pixel", "galaxy s", "oneplus", "redmi"]),
    Rule(MODEL, Tablet, 9, &["ipad", "galaxy tab"]),
    Rule(MODEL, Watch, 9, &["watch"]),
    Rule(MODEL, Computer, 9, &["macbookpro", "macbookair", "macbook", "imac", "imacpro", "macmini", "macpro", "mac", "thinkpad"]),
    Rule(MODEL, Tv, 9, &["appletv", "chromecast", "bravia", "google tv", "shield", "roku", "mitv", "fire tv", "aft", "tv", "webos", "uhd", "oled", "qled"]),
    Rule(MODEL, Speaker, 9, &["audioaccessory", "homepod", "google home", "google nest mini", "nest audio", "nest mini", "home mini",
        "google home mini", "sonos", "echo", "soundbar", "play:1", "symfonisk", "bose", "denon", "heos", "libratone"]),
    Rule(MODEL, Printer, 9, &["laserjet", "officejet", "deskjet", "envy", "epson", "ecotank", "workforce", "canon", "pixma", "brother",
        "mfc", "dcp", "hl", "lexmark", "xerox", "kyocera", "ricoh", "photosmart", "smart tank"]),
    Rule(MODEL, Camera, 9, &["camera", "cam", "doorbell", "ipcam"]),
    Rule(MODEL, Nas, 9, &["rackmac", "timecapsule", "synology", "diskstation", "qnap", "xserve", "ds"]),
    Rule(MODEL, AccessPoint, 9, &["airport", "unifi ap", "uap", "u6", "u7", "eap"]),
    Rule(MODEL, Light, 9, &["bulb", "lightstrip", "light", "lamp", "lifx", "wled", "nanoleaf", "bsb002"]),
    Rule(MODEL, Plug, 9, &["plug", "outlet", "socket", "shellyplug", "eve energy"]),
    Rule(MODEL, Thermostat, 9, &["thermostat", "tado", "ecobee", "eve thermo"]),

    Rule(CLASS, Computer, 4, &["msft"]),
    Rule(CLASS, Phone, 4, &["android-dhcp"]),
    Rule(CLASS, Printer, 8, &["hewlett-packard jetdirect", "hp printer", "jetdirect", "mfg=hewlett packard", "brother", "lexmark", "canon", "kyocera"]),
    Rule(CLASS, Voip, 8, &["yealink", "polycom", "snom", "grandstream", "cisco systems, inc. ip phone", "ip phone", "avaya", "aastra"]),
    Rule(CLASS, AccessPoint, 8, &["ubnt", "cisco ap", "arubaap", "ruckus cpe", "ubiquiti", "aruba ap"]),
    Rule(CLASS, Switch, 8, &["arubainstantswitch", "procurve", "switch"]),
    Rule(CLASS, Camera, 8, &["axis", "hikvision", "dahua", "camera", "ipcam"]),
    Rule(CLASS, Tv, 7, &["samsung tv", "webos", "roku", "lgtv", "vizio", "tv"]),
    Rule(CLASS, Console, 8, &["ps4", "ps5", "xbox", "playstation"]),
    Rule(CLASS, Iot, 3, &["udhcp", "esp", "espressif", "lwip"]),
    Rule(CLASS, Nas, 6, &["synology", "qnap"]),
    Rule(CLASS, Computer, 2, &["dhcpcd"]),
    Rule(OPTIONS, Computer, 3, &["1,3,6,15,31,33,43,44,46,47", "1,15,3,6,44,46,47,31,33", "1,121,3,6,15,108,114,119,252,95,44,46", "1,121,3,6,15,114,119,252,95,44,46",
        "1,121,3,6,15,119,252,95,44,46"]),
    Rule(OPTIONS, Phone, 3, &["1,3,6,15,26,28,51,58,59", "1,33,3,6,15,26,28,51,58,59"]),
    Rule(OPTIONS, Phone, 2, &["1,121,3,6,15,119,252", "1,121,3,6,15,108,114,119,252", "1,121,3,6,15,114,119,252"]),

    Rule(UPNP, Tv, 6, &["roku", "samsung", "webos", "bravia", "smarttv", "smart-tv", "lge", "philips tv", "chromecast"]),
    Rule(UPNP, Speaker, 7, &["sonos", "heos", "bose", "linkplay"]),
    Rule(UPNP, Router, 5, &["fritz!box", "miniupnpd", "igd", "openwrt", "asuswrt", "tp-link", "netgear", "speedport", "dd-wrt"]),
    Rule(UPNP, AccessPoint, 5, &["fritz!repeater", "fritz!wlan"]),
    Rule(UPNP, Nas, 6, &["synology", "qnap", "dsm", "readynas", "wdmycloud", "mycloud"]),
    Rule(UPNP, Console, 7, &["xbox", "playstation"]),
    Rule(UPNP, Light, 6, &["ipbridge", "hue"]),
    Rule(UPNP, Server, 4, &["plex", "minidlna", "jellyfin", "serviio", "home assistant"]),
    Rule(UPNP, Computer, 3, &["microsoft-windows", "windows nt"]),

    Rule(AGENT, Phone, 4, &["iphone", "android", "cfnetwork iphone"]),
    Rule(AGENT, Tablet, 6, &["ipad", "sm-t", "tablet"]),
    Rule(AGENT, Watch, 6, &["watchos", "apple watch"]),
    Rule(AGENT, Computer, 4, &["windows nt", "macintosh", "x11; linux x86_64", "x11; ubuntu", "microsoft-cryptoapi", "windows-update-agent", "debian apt", "cros"]),
    Rule(AGENT, Tv, 7, &["smart-tv", "smarttv", "tizen", "web0s", "webos", "roku", "bravia", "crkey", "hbbtv", "appletv", "aft"]),
    Rule(AGENT, Console, 8, &["playstation", "xbox", "nintendo"]),
    Rule(AGENT, Speaker, 6, &["sonos", "alexa", "homepod"]),
    Rule(AGENT, Iot, 4, &["esp8266", "esp32", "esp8266httpclient", "tuya", "shelly", "esphome"]),
    Rule(SSH, Server, 2, &["openssh"]),
    Rule(SSH, Iot, 2, &["dropbear"]),
    Rule(SSH, Router, 3, &["rosssh", "cisco"]),

    Rule(Clue::Name, Phone, 5, &["iphone", "galaxy", "android", "pixel", "oneplus", "redmi", "huawei", "xperia", "phone"]),
    Rule(Clue::Name, Tablet, 6, &["ipad", "galaxy-tab", "tablet"]),
    Rule(Clue::Name, Watch, 6, &["apple-watch", "applewatch", "watch"]),
    Rule(Clue::Name, Computer, 4, &["macbook", "macbookpro", "macbook-pro", "macbookair", "imac", "mac-mini", "desktop", "laptop", "pc", "thinkpad", "surface", "workstation", "notebook"]),
    Rule(Clue::Name, Tv, 5, &["tv", "appletv", "apple-tv", "chromecast", "bravia", "firetv", "roku", "lgwebostv", "samsungtv", "shield", "kodi"]),
    Rule(Clue::Name, Speaker, 5, &["sonos", "sonoszp", "homepod", "google-home", "echo", "soundbar", "alexa", "bose", "heos", "speaker"]),
    Rule(Clue::Name, Printer, 5, &["printer", "laserjet", "officejet", "envy", "epson", "canon", "npi", "brn", "brw", "mfc", "deskjet", "pixma"]),
    Rule(Clue::Name, Camera, 5, &["camera", "cam", "ipcam", "doorbell", "reolink", "hikvision", "wyzecam"]),
    Rule(Clue::Name, Nas, 5, &["nas", "diskstation", "synology", "qnap", "truenas", "unraid", "fileserver"]),
    Rule(Clue::Name, Console, 6, &["xbox", "playstation", "ps4", "ps5", "nintendo", "switch-console", "xboxone", "steamdeck"]),
    Rule(Clue::Name, Router, 4, &["router", "fritz", "fritz.box", "gateway", "openwrt", "opnsense", "pfsense", "udm"]),
    Rule(Clue::Name, AccessPoint, 4, &["ap", "accesspoint", "uap", "repeater", "unifi", "eap", "extender"]),
    Rule(Clue::Name, Switch, 4, &["switch", "usw"]),
    Rule(Clue::Name, Light, 5, &["hue", "lamp", "light", "bulb", "wled", "wiz", "lifx", "yeelink-light"]),
    Rule(Clue::Name, Plug, 5, &["plug", "shellyplug", "outlet", "socket", "wemo", "tasmota", "tapo_p110"]),
    Rule(Clue::Name, Thermostat, 6, &["thermostat", "tado", "ecobee", "nest-thermostat", "toon", "honeywell"]),
    Rule(Clue::Name, Voip, 5, &["sip", "voip", "yealink", "sep", "snom"]),
    Rule(Clue::Name, Server, 4, &["server", "homeassistant", "proxmox", "pihole", "pi-hole", "docker", "plex", "srv", "homeserver"]),
    Rule(Clue::Name, Iot, 4, &["esp", "shelly", "tuya", "sonoff", "wlan0", "esphome", "espressif", "roomba", "roborock", "vacuum", "p1meter", "homewizard"]),

    Rule(Clue::Port, Printer, 5, &["tcp/9100", "tcp/515", "tcp/631"]),
    Rule(Clue::Port, Camera, 4, &["tcp/554", "tcp/37777", "tcp/34567"]),
    Rule(Clue::Port, Computer, 4, &["tcp/3389"]),
    Rule(Clue::Port, Computer, 2, &["tcp/5900", "tcp/139"]),
    Rule(Clue::Port, Nas, 3, &["tcp/2049", "tcp/548", "tcp/5001"]),
    Rule(Clue::Port, Nas, 1, &["tcp/445"]),
    Rule(Clue::Port, Server, 2, &["tcp/25", "tcp/3306", "tcp/5432", "tcp/143", "tcp/993", "tcp/8123", "tcp/1883", "tcp/88", "tcp/389", "tcp/32400"]),
    Rule(Clue::Port, Tv, 3, &["tcp/8008", "tcp/8009", "tcp/3000", "tcp/8060"]),
    Rule(Clue::Port, Speaker, 3, &["tcp/1400"]),
    Rule(Clue::Port, Iot, 3, &["tcp/6668", "tcp/9999"]),
    Rule(Clue::Port, Phone, 4, &["tcp/62078"]),
    Rule(Clue::Port, Voip, 2, &["udp/5060"]),
    Rule(Clue::Port, Router, 1, &["udp/53", "udp/67"]),

    Rule(Clue::Vendor, Speaker, 6, &["sonos", "bose", "harman", "libratone", "d&m"]),
    Rule(Clue::Vendor, Camera, 6, &["hikvision", "dahua", "axis", "reolink", "ezviz", "arlo", "wyze", "foscam", "amcrest", "ring"]),
    Rule(Clue::Vendor, Printer, 5, &["brother", "canon", "seiko", "epson", "lexmark", "xerox", "kyocera", "ricoh", "konica"]),
    Rule(Clue::Vendor, Nas, 6, &["synology", "qnap", "asustor", "terramaster", "drobo"]),
    Rule(Clue::Vendor, Console, 6, &["nintendo", "sony playstation", "sony interactive", "valve"]),
    Rule(Clue::Vendor, Tv, 5, &["roku", "vizio", "hisense", "tcl", "vestel", "tp vision", "skyworth"]),
    Rule(Clue::Vendor, Voip, 6, &["yealink", "polycom", "snom", "grandstream", "gigaset", "aastra", "fanvil"]),
    Rule(Clue::Vendor, Light, 5, &["signify", "lifi", "lifx", "wiz", "nanoleaf", "yeelight", "ikea"]),
    Rule(Clue::Vendor, Thermostat, 5, &["tado", "ecobee", "honeywell", "resideo"]),
    Rule(Clue::Vendor, Iot, 3, &["espressif", "tuya", "shelly", "allterco", "broadlink", "itead", "irobot", "roborock", "netatmo", "nest labs",
        "homewizard", "enphase", "sma solar", "solaredge", "fronius", "lumi united", "hangzhou meari", "meross", "govee", "withings", "itron", "gree", "ecovacs"]),
    Rule(Clue::Vendor, AccessPoint, 3, &["ubiquiti", "ruckus", "aruba", "cambium", "meraki", "eero"]),
    Rule(Clue::Vendor, Router, 3, &["avm", "zyxel", "draytek", "netgear", "routerboard", "mikrotik", "arcadyan", "sagemcom", "technicolor", "fortinet", "askey"]),
    Rule(Clue::Vendor, Computer, 2, &["dell", "lenovo", "micro-star", "gigabyte", "hewlett", "intel", "wistron", "compal", "framework", "acer"]),
    Rule(Clue::Vendor, Server, 3, &["super micro", "supermicro", "vmware", "proxmox", "xensource", "hewlett packard enter"]),
    Rule(Clue::Vendor, Phone, 2, &["oneplus", "motorola mobility", "oppo", "vivo mobile", "fairphone", "xiaomi", "hmd"]),
];

/// The verdict on a device, with what it rests on; `None` when the evidence is thin or speaks for two kinds alike.
pub fn judge(evidence: &[Evidence<'_>]) -> Option<(Kind, Sentence)> {
    let mut weights = [0u32; Kind::ALL.len()];
    let mut fits: Vec<(&Rule, &Evidence<'_>)> = Vec::new();
    for rule in RULES {
        // Of one rule one piece of evidence counts: three printing services are one printer.
        if let Some(piece) = evidence.iter().find(|(clue, text)| *clue == rule.0 && rule.fits(text)) {
            weights[rule.1 as usize] += rule.2;
            fits.push((rule, piece));
        }
    }
    let best = *weights.iter().max()?;
    if best < ENOUGH || weights.iter().filter(|w| **w == best).count() > 1 {
        return None;
    }
    let kind = Kind::ALL.iter().copied().find(|kind| weights[*kind as usize] == best)?;
    fits.retain(|(rule, _)| rule.1 == kind);
    fits.sort_by_key(|(rule, _)| std::cmp::Reverse(rule.2));
    let told: Vec<Sentence> = fits.iter().take(TOLD).map(|(_, piece)| sentence(piece)).collect();
    Some((kind, Sentence::list(&told, "; ")))
}

impl Rule {
    fn fits(&self, text: &str) -> bool {
        self.3.iter().any(|pattern| match self.0 {
            SERVICE | CATEGORY | Clue::Port => text.eq_ignore_ascii_case(pattern),
            OPTIONS => {
                text.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
            }
            Clue::Routes => true,
            _ => has_word(text.as_bytes(), pattern.as_bytes()),
        })
    }
}

/// Whether `word` (lower case) stands in `text` with no letter before it and none, or a number, behind it.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).enumerate().any(|(at, window)| {
        window.eq_ignore_ascii_case(word)
            && (at == 0 || !text[at - 1].is_ascii_alphabetic())
            && text.get(at + word.len()).is_none_or(|b| !b.is_ascii_alphabetic())
    })
}

fn sentence((clue, text): &Evidence<'_>) -> Sentence {
    match clue {
        Clue::Routes => words(
            "carries the traffic of outside addresses",
            "geeft verkeer van adressen buiten dit netwerk door",
        )
        .into(),
        Clue::Vendor => say!("made by {text}", "gemaakt door {text}"),
        Clue::Port => say!("answers on {text}", "antwoordt op {text}"),
        Clue::Name => say!("is called {text}", "heet {text}"),
        Clue::Trait(source) => match source {
            Source::DhcpClass => say!("says to DHCP that it is {text}", "meldt zich via DHCP als {text}"),
            Source::DhcpOptions => say!("asks DHCP for options {text}", "vraagt via DHCP om opties {text}"),
            Source::Service => say!("offers {text}", "biedt {text} aan"),
            Source::Model => say!("says that its model is {text}", "zegt dat het model {text} is"),
            Source::Category => say!("announces itself as {text}", "kondigt zich aan als {text}"),
            Source::Server => say!("announces the software {text}", "noemt als software {text}"),
            Source::Agent => say!("browses as {text}", "surft als {text}"),
            Source::Ssh => say!("runs {text}", "draait {text}"),
            Source::Id | Source::Tls => say!("has {text}", "heeft {text}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(evidence: &[Evidence<'_>]) -> &'static str {
        judge(evidence).map_or("unknown", |(kind, _)| kind.name())
    }

    #[test]
    fn what_a_device_says_of_itself_outweighs_who_made_it() {
        let printer =
            [(Clue::Vendor, "Hewlett Packard"), (SERVICE, "_ipp._tcp"), (MODEL, "HP LaserJet M404dn")];
        assert_eq!(
            judge(&printer),
            Some((
                Printer,
                words(
                    "says that its model is HP LaserJet M404dn; offers _ipp._tcp",
                    "zegt dat het model HP LaserJet M404dn is; biedt _ipp._tcp aan"
                )
                .into()
            ))
        );
        assert_eq!(
            kind(&[(Clue::Vendor, "Sonos"), (CATEGORY, "upnp ZonePlayer"), (CATEGORY, "upnp MediaRenderer")]),
            "speaker"
        );
        assert_eq!(kind(&[(Clue::Routes, ""), (Clue::Vendor, "Ubiquiti")]), "router");
    }

    #[test]
    fn ordinary_things_of_a_house_are_told_apart() {
        for (evidence, wanted) in [
            (vec![(Clue::Name, "Annas-iPhone"), (OPTIONS, "1,121,3,6,15,108,114,119,252")], "phone"),
            (
                vec![
                    (MODEL, "MacBookPro18,3"),
                    (SERVICE, "_smb._tcp"),
                    (OPTIONS, "1,121,3,6,15,119,252,95,44,46"),
                ],
                "computer",
            ),
            (vec![(CLASS, "MSFT 5.0"), (Clue::Name, "DESKTOP-4F2K1"), (Clue::Vendor, "Intel")], "computer"),
            (vec![(CLASS, "android-dhcp-14"), (OPTIONS, "1,3,6,15,26,28,51,58,59,43")], "phone"),
            (vec![(MODEL, "iPad13,4")], "tablet"),
            (vec![(SERVICE, "_googlecast._tcp"), (MODEL, "Chromecast Ultra")], "tv"),
            (vec![(SERVICE, "_googlecast._tcp"), (MODEL, "Google Nest Mini")], "speaker"),
            (vec![(Clue::Vendor, "Espressif"), (CATEGORY, "homekit 7"), (SERVICE, "_hap._tcp")], "plug"),
            (vec![(Clue::Vendor, "Espressif")], "iot"),
            (vec![(Clue::Vendor, "Hikvision"), (Clue::Port, "tcp/554")], "camera"),
            (vec![(Clue::Vendor, "Synology"), (SERVICE, "_smb._tcp"), (UPNP, "Synology/DSM")], "nas"),
            (vec![(AGENT, "Mozilla/5.0 (PlayStation; PlayStation 5/2.26)")], "console"),
            (vec![(CLASS, "yealink")], "voip"),
            (vec![(CATEGORY, "homekit 9")], "thermostat"),
        ] {
            assert_eq!(kind(&evidence), wanted, "{evidence:?}");
        }
    }

    #[test]
    fn thin_or_divided_evidence_stays_unknown() {
        assert_eq!(kind(&[]), "unknown");
        assert_eq!(kind(&[(Clue::Vendor, "Dell")]), "unknown", "a server or a laptop");
        assert_eq!(kind(&[(Clue::Vendor, "Apple")]), "unknown");
        assert_eq!(kind(&[(Clue::Name, "nas"), (Clue::Name, "tv")]), "unknown");
        assert_eq!(kind(&[(Clue::Name, "captain-atv")]), "unknown", "no word of its own");
    }

    #[test]
    fn every_kind_has_a_name_and_every_pattern_is_lower_case() {
        for kind in Kind::ALL.iter().copied() {
            assert_eq!(Kind::parse(kind.name()), Some(kind));
        }
        for rule in RULES.iter().filter(|r| !matches!(r.0, SERVICE | CATEGORY)) {
            assert!(rule.3.iter().all(|p| *p == p.to_ascii_lowercase()), "{:?}", rule.3);
        }
    }
}
