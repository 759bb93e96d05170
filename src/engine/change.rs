//! Settings that change while the engine runs.

use super::{Engine, Settings};
use crate::alert::desk;
use crate::detect::settings::Problem;
use crate::detect::storm;

impl Engine {
    /// Goes on under other settings. Tables, open alerts, mutes and learned habits stay. A detector whose section changed
    /// is built anew and begins to count from nothing; all others keep what they counted. Caps, what is this machine,
    /// numbers of alerts and whether this is live are not changed. On a problem nothing is.
    pub fn change(&mut self, before: &Settings, after: Settings) -> Result<(), Problem> {
        let per_minute = storm::budget(&after.detect)?;
        let watch = &mut self.watch;
        watch.detectors.rebuild(&before.detect, &after.detect, after.caps.keys, watch.feeds.as_ref())?;
        let rules = desk::Rules { quiet_period_s: after.quiet_period_s, per_minute, allow: after.allow };
        watch.desk.set_rules(rules);
        self.known.change_network(after.inside, &before.gateways, &after.gateways);
        self.known.change_devices(after.online_s, after.names, after.important);
        self.known.habits.set_rules(after.habits);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Inside;
    use crate::capture::Frame;
    use crate::event::Event;
    use crate::time::{SECOND, Timestamp};
    use crate::wire::LinkType;

    /// A SYN from one inside address to a port of another.
    fn syn(engine: &mut Engine, second: i64, source: [u8; 4], port: u16) {
        let mut packet = [0u8; 40];
        packet[..10].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
        packet[12..16].copy_from_slice(&source);
        packet[16..20].copy_from_slice(&[192, 168, 1, 9]);
        packet[20..22].copy_from_slice(&40_000u16.to_be_bytes());
        packet[22..24].copy_from_slice(&port.to_be_bytes());
        packet[32..34].copy_from_slice(&[0x50, 0x02]);
        engine.on_frame(&Frame {
            at: Timestamp::from_micros(second * SECOND + i64::from(port)),
            link: LinkType::RawIp,
            data: &packet,
            wire_len: 40,
            vlan: 0,
            interface: 0,
        });
    }

    fn raised(engine: &mut Engine) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        while let Some(event) = engine.poll_event() {
            if let Event::Alert(alert) = event {
                kinds.push(alert.kind);
            }
        }
        kinds
    }

    fn settings(detect: &str) -> Settings {
        Settings { detect: detect.parse().expect("a table"), ..Settings::default() }
    }

    #[test]
    fn another_threshold_counts_at_once_and_what_the_tables_know_stays() {
        let before = settings("[port_scan]\nports = 30");
        let mut engine = Engine::new(before.clone()).expect("valid");
        (1..=12).for_each(|port| syn(&mut engine, 3600, [192, 168, 1, 5], port));
        assert_eq!(raised(&mut engine), [""; 0]);
        let hosts = engine.totals().hosts;
        let after = settings("[port_scan]\nports = 10");
        engine.change(&before, after.clone()).expect("valid");
        assert_eq!(engine.totals().hosts, hosts, "hosts stay");
        (20..=32).for_each(|port| syn(&mut engine, 3601, [192, 168, 1, 6], port));
        assert_eq!(raised(&mut engine), ["port_scan"]);
        engine.change(&after, settings("[port_scan]\nenabled = false")).expect("valid");
        (20..=60).for_each(|port| syn(&mut engine, 3602, [192, 168, 1, 7], port));
        assert_eq!(raised(&mut engine), [""; 0], "switched off");
    }

    #[test]
    fn a_detector_whose_section_stays_keeps_its_count() {
        let before = settings("[port_scan]\nports = 20");
        let mut engine = Engine::new(before.clone()).expect("valid");
        (1..=15).for_each(|port| syn(&mut engine, 3600, [192, 168, 1, 5], port));
        engine.change(&before, settings("[port_scan]\nports = 20\n[dga]\nenabled = false")).expect("valid");
        (16..=25).for_each(|port| syn(&mut engine, 3600, [192, 168, 1, 5], port));
        assert_eq!(raised(&mut engine), ["port_scan"], "15 before and 10 after are one scan");
    }

    #[test]
    fn a_wrong_section_changes_nothing() {
        let before = settings("[port_scan]\nports = 20");
        let mut engine = Engine::new(before.clone()).expect("valid");
        assert!(engine.change(&before, settings("[port_scan]\nports = 1")).is_err());
        (1..=25).for_each(|port| syn(&mut engine, 3600, [192, 168, 1, 5], port));
        assert_eq!(raised(&mut engine), ["port_scan"]);
    }

    #[test]
    fn other_home_networks_count_for_hosts_that_are_known() {
        let before = Settings::default();
        let mut engine = Engine::new(before.clone()).expect("valid");
        syn(&mut engine, 3600, [192, 168, 1, 5], 80);
        let after = Settings {
            inside: Inside::new(vec!["10.0.0.0/8".parse().expect("a network")]),
            gateways: vec!["10.0.0.1".parse().expect("an address")],
            ..Settings::default()
        };
        engine.change(&before, after).expect("valid");
        let ip = "192.168.1.5".parse().expect("an address");
        assert!(engine.known.hosts.get(&ip).is_some_and(|host| !host.inside));
        assert!(crate::table::Lookup::is_gateway(&engine.known, "10.0.0.1".parse().expect("an address")));
    }
}
