//! From flows to habits: what a flow says of the devices at its ends, told once a day per flow, and how much it moved.
//!
//! Nothing here is done per packet. A flow is looked at when its TLS name or HTTP host is read, when the sweep comes by (every
//! sixteen seconds, at most [`PER_SECOND`] flows a second), and when it is over.

use super::Engine;
use super::watch::{Accused, Watch};
use crate::addr::Ip;
use crate::observe::{Habit, HabitSeen, Observation};
use crate::table::devices::{Device, DeviceKey};
use crate::table::flows::{App, Flow, FlowKey, State, Told, proto};
use crate::table::habits::{Contact, Fresh, host_number, name_number, net_number, way_numbers};
use crate::table::kinds::Kind;
use crate::table::{Known, Lookup};
use crate::time::Timestamp;
use crate::wire::dns::registered_domain;

/// Flows looked at per second while they go on.
pub(super) const PER_SECOND: usize = 512;
/// A flow that goes on is counted when it sent this much more, KiB.
const STEP_KIB: u32 = 256;
/// Uploads are told from this size on, bytes.
const LEAST_UPLOAD: u64 = 1 << 20;
/// A device learns nothing for this long after the last sign of a grave alert about it, seconds.
const FROZEN_S: u64 = 86_400;
/// Names, leases, clocks and discovery: where they go is the network's business, not the device's.
const PLUMBING: [u16; 13] = [53, 67, 68, 123, 137, 138, 546, 547, 853, 1900, 3702, 5353, 5355];
/// Ports from here on are made up: passive FTP, calls, file sharing.
const PASSING: u16 = 10_000;
/// Ports of the web.
const WEB: [u16; 4] = [80, 443, 8080, 8443];
/// UDP ports of media and file sharing below those.
const TRANSFERS: [std::ops::RangeInclusive<u16>; 2] = [5004..=5005, 6881..=6999];
/// Kinds of devices that people do all sorts of things with, and what carries their traffic.
const VERSATILE: [Kind; 9] = [
    Kind::Phone,
    Kind::Tablet,
    Kind::Computer,
    Kind::Tv,
    Kind::Console,
    Kind::Router,
    Kind::AccessPoint,
    Kind::Nas,
    Kind::Server,
];

impl Engine {
    /// The flow in `slot` named its server.
    pub(super) fn told_name(&mut self, slot: u32, name: Option<&str>) {
        let Engine { flows, known, reach, watch, now, .. } = self;
        if let (Some(name), Some(flow)) = (name, flows.at_mut(slot)) {
            if !flow.inside[1] && known.asked_as(flow.server).is_none() {
                reach.called(flow.server, name);
            }
            flow.told = tell(known, watch, *now, flow, Some(name), false);
        }
    }

    /// Looks at flows that go on.
    pub(super) fn tell_habits(&mut self, due: &mut Vec<FlowKey>) {
        let Engine { flows, known, watch, now, .. } = self;
        for key in due.drain(..) {
            if let Some(flow) = flows.get_mut(&key) {
                flow.told = tell(known, watch, *now, flow, None, false);
            }
        }
    }

    /// The flow in `slot` is over, and lingers.
    pub(super) fn tell_over(&mut self, slot: u32) {
        let Engine { flows, known, watch, now, .. } = self;
        if let Some(flow) = flows.at_mut(slot) {
            flow.told = tell(known, watch, *now, flow, None, true);
        }
    }

    /// A flow is over and gone.
    pub(super) fn tell_last(&mut self, flow: &Flow) {
        tell(&mut self.known, &mut self.watch, self.now, flow, None, true);
    }
}

/// Whether a flow that goes on has something to tell.
pub(super) fn is_due(flow: &Flow, today: u16) -> bool {
    let [ours, theirs] = flow.inside;
    let kib = (flow.bytes_up >> 10) as u32;
    let contact = flow.told.contact != today && (ours || theirs) && is_answered(flow);
    contact || (ours && !theirs && kib.wrapping_sub(flow.told.kib[0]) >= STEP_KIB)
}

/// Both sides have spoken, and there was something to say.
fn is_answered(flow: &Flow) -> bool {
    flow.packets_up > 0 && flow.packets_down > 0 && (flow.payload_up > 0 || flow.payload_down > 0)
}

/// A device with a grave alert about it learns nothing, and a scanner's harvest makes no service.
fn hear_accusations(known: &mut Known, watch: &mut Watch) {
    for Accused { ip, grave, scans } in watch.accused.drain(..) {
        if let Some(key) = known.device_of(ip).filter(|_| grave) {
            known.habits.freeze(key, FROZEN_S);
        }
        if scans {
            known.habits.scans(ip);
        }
    }
}

/// Tells the habits what is new of a flow, and the detectors what is new about a device. `said` is the name that the
/// client gave the server.
fn tell(
    known: &mut Known,
    watch: &mut Watch,
    now: Timestamp,
    flow: &Flow,
    said: Option<&str>,
    over: bool,
) -> Told {
    let (mut told, today) = (flow.told, known.habits.day());
    let [ours, theirs] = flow.inside;
    if !(ours || theirs) || (flow.packets_down == 0 && flow.protocol == proto::TCP) {
        return told;
    }
    hear_accusations(known, watch);
    let client = known.device_of(flow.client).filter(|_| ours);
    if let Some(key) =
        client.filter(|_| told.contact != today && (is_answered(flow) || said.is_some() || over))
    {
        told.contact = today;
        tell_contact(known, watch, now, key, flow, said);
    }
    let used = flow.payload_up > 0 && flow.payload_down > 0;
    if theirs && said.is_none() && told.served != today && (used || over) {
        told.served = today;
        tell_offer(known, watch, now, flow, used);
    }
    if let Some(key) = client.filter(|_| !theirs) {
        let kib = [(flow.bytes_up >> 10) as u32, (flow.bytes_down >> 10) as u32];
        let more = [0, 1].map(|i| u64::from(kib[i].wrapping_sub(told.kib[i])) << 10);
        told.kib = kib;
        if more != [0, 0] {
            tell_volume(known, watch, now, key, flow, said, more);
        }
    }
    told
}

/// The domain names of a flow's server, the one that the client said first.
fn names<'k>(known: &'k Known, flow: &Flow, said: Option<&'k str>) -> [Option<&'k str>; 2] {
    let said = said.map(|name| name.split(':').next().unwrap_or(name));
    let said = said.filter(|name| name.parse::<Ip>().is_err() && name.contains('.'));
    [said, known.asked_as(flow.server).filter(|_| !flow.inside[1])]
}

fn numbers(names: [Option<&str>; 2]) -> [u32; 2] {
    names.map(|name| name.map_or(0, |name| name_number(registered_domain(name))))
}

/// The network of an outside server, the device of an inside one.
fn place(known: &Known, flow: &Flow) -> u32 {
    match flow.inside[1] {
        true => host_number(known.device_of(flow.server), flow.server),
        false => net_number(flow.server),
    }
}

/// Port and application, zero for what is worth nothing: the web is everywhere, and high ports are made up for one
/// transfer or call.
fn ways(flow: &Flow) -> [u32; 2] {
    let web = matches!(flow.app, App::Http | App::Tls | App::Quic);
    let app = (flow.app != App::Unknown && !web).then_some(&flow.app as &dyn std::fmt::Debug);
    let [port, app] = way_numbers(flow.protocol, flow.server_port, app);
    let everywhere = WEB.contains(&flow.server_port) && (web || flow.app == App::Unknown);
    let passing = flow.server_port >= PASSING;
    [if everywhere || passing { 0 } else { port }, app]
}

fn tell_contact(
    known: &mut Known,
    watch: &mut Watch,
    now: Timestamp,
    key: DeviceKey,
    flow: &Flow,
    said: Option<&str>,
) {
    let plumbing = PLUMBING.contains(&flow.server_port) || PLUMBING.contains(&flow.client_port);
    let tcp = flow.protocol == proto::TCP;
    // Over QUIC the name comes before any answer.
    let answered = flow.payload_down > 0 || said.is_some() || (tcp && is_answered(flow));
    if plumbing || !answered || !flow.server.is_unicast() {
        return known.habits.seen(key);
    }
    let router = flow.inside[1] && known.is_gateway(flow.server);
    let contact = Contact {
        names: numbers(names(known, flow, said)),
        net: (!router).then(|| place(known, flow)),
        ways: ways(flow),
        sure: flow.state != State::Midstream && !is_midstream(flow),
    };
    let Some(fresh) = known.habits.contact(key, &contact) else { return };
    let fresh = judged(known, key, fresh);
    let name = names(known, flow, said).into_iter().flatten().next();
    let seen = HabitSeen { device: key, ip: flow.client, name, what: Habit::Contact(flow, fresh) };
    watch.tell(now, known, &Observation::Habit(&seen));
}

/// What is known to do all sorts of things is never settled, though it may have slept while it was learned.
fn judged(known: &Known, key: DeviceKey, fresh: Fresh) -> Fresh {
    let kind = known.devices.get(&key).and_then(Device::kind);
    let versatile = kind.is_some_and(|kind| VERSATILE.contains(&kind));
    Fresh { settled: fresh.settled && !versatile, ..fresh }
}

/// TCP whose opening was not seen, though it may be closed by now.
fn is_midstream(flow: &Flow) -> bool {
    flow.protocol == proto::TCP && flow.first_flags & crate::wire::tcp::flag::SYN == 0
}

fn tell_offer(known: &mut Known, watch: &mut Watch, now: Timestamp, flow: &Flow, used: bool) {
    let Some(key) = known.device_of(flow.server) else { return };
    let (port, udp) = (flow.server_port, flow.protocol == proto::UDP);
    known.habits.seen(key);
    let exchange = flow.packets_up > 1 && flow.packets_down > 1;
    let transfer = udp
        && (port >= PASSING
            || TRANSFERS.iter().any(|ports| ports.contains(&port))
            || (port >= 1024 && !exchange));
    let lookup = flow.client_port < 1024 && udp && port >= 1024;
    let plumbing = PLUMBING.contains(&port) && port != 53 && port != 853;
    let answered = if udp { flow.payload_down > 0 } else { flow.state != State::Refused };
    if transfer || lookup || plumbing || !answered || !flow.server.is_unicast() {
        return;
    }
    // A guess at who serves is good enough to learn from, below the ports that clients use.
    let guess = is_midstream(flow);
    if guess && port >= 32_768 {
        return;
    }
    if let Some(fresh) = known.habits.offers(key, (flow.protocol, port), flow.client, used && !guess) {
        let fresh = judged(known, key, fresh);
        let seen = HabitSeen { device: key, ip: flow.server, name: None, what: Habit::Offer(flow, fresh) };
        watch.tell(now, known, &Observation::Habit(&seen));
    }
}

fn tell_volume(
    known: &mut Known,
    watch: &mut Watch,
    now: Timestamp,
    key: DeviceKey,
    flow: &Flow,
    said: Option<&str>,
    [up, down]: [u64; 2],
) {
    let place = (numbers(names(known, flow, said)), net_number(flow.server));
    let Some(upload) = known.habits.moved(key, place, up, down) else { return };
    if upload.up.max(upload.strange_up) >= LEAST_UPLOAD {
        let name = names(known, flow, said).into_iter().flatten().next();
        let seen = HabitSeen { device: key, ip: flow.client, name, what: Habit::Upload(flow, upload) };
        watch.tell(now, known, &Observation::Habit(&seen));
    }
}
