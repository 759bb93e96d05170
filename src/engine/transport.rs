//! TCP and UDP: from packet to flow, and from flow to observation.

use super::{Carried, Engine};
use crate::addr::Ip;
use crate::observe::{Observation, Stray};
use crate::table::flows::{Flow, FlowKey, Inspect, NO_SLOT, Side, State, TcpStep, proto};
use crate::wire::tcp::{Segment, flag};
use crate::wire::udp::Datagram;

/// Datagrams of one side of a UDP flow between two tellings, once it is that long.
const STEP: u32 = 256;

/// Whether the `sent`-th datagram of a side is told of: powers of two first, so that neither many short flows nor a few
/// long ones go uncounted.
#[inline]
fn is_step(sent: u32) -> bool {
    sent > 1 && (sent.is_power_of_two() || sent.is_multiple_of(STEP))
}

impl Engine {
    pub(super) fn on_tcp(&mut self, carried: Carried<'_>, segment: &Segment<'_>) {
        let (src, dst) = ((carried.ip.src, segment.src_port), (carried.ip.dst, segment.dst_port));
        let key = FlowKey::new(src, dst, proto::TCP, carried.vlan);
        let opens = segment.flags & (flag::SYN | flag::ACK | flag::RST | flag::FIN) == flag::SYN;
        let Some(slot) = self.live_flow(&key, opens).or_else(|| self.open_tcp(key, carried, segment, opens))
        else {
            return self.touch(carried);
        };
        let now = self.now;
        let Some(flow) = self.flows.at_mut(slot) else { return };
        let side = flow.side(src);
        flow.count(now, side, carried.ip.len, segment.payload_len);
        let length = segment.payload_len + u32::from(segment.flags & (flag::SYN | flag::FIN) != 0);
        let ack = (segment.flags & flag::ACK != 0).then_some(segment.ack);
        self.sensor.ack_gaps += u64::from(flow.follow(side, segment.seq, ack, length));
        self.sensor.tcp_data += u64::from(segment.payload_len > 0);
        if let Some(came) = self.copies.look(now, segment) {
            self.sensor.sampled += 1;
            self.sensor.repeated += u32::from(came);
        }
        let step = flow.tcp_step(side, segment.flags);
        self.account(slot, side, carried);
        if opens && self.flows.at(slot).is_some_and(|f| f.packets_up == 1) {
            self.tell_flow(slot, Observation::FlowOpened);
        }
        if !segment.payload.is_empty() {
            self.inspect_tcp(slot, side, segment, carried);
        }
        match step {
            TcpStep::Nothing => {}
            TcpStep::Answered => self.tell_answered(slot),
            TcpStep::Established => self.tell_flow(slot, Observation::FlowEstablished),
            TcpStep::Refused => self.tell_flow(slot, Observation::FlowRefused),
            TcpStep::Ended => self.end_flow(slot),
        }
    }

    /// The flow of `key`, unless it is over: then that one is ended and `None` returned.
    fn live_flow(&mut self, key: &FlowKey, opens: bool) -> Option<u32> {
        let slot = self.flows.find(key)?;
        let stale = self.flows.at(slot).is_some_and(|flow| Engine::is_stale(flow, self.now, opens));
        if !stale {
            return Some(slot);
        }
        if let Some((_, flow)) = self.flows.remove_at(slot) {
            self.readers.forget(slot, flow.inspect);
            self.tell_ended(flow);
        }
        None
    }

    /// A new TCP flow, or `None` when the segment cannot begin one and was told as a stray.
    fn open_tcp(&mut self, key: FlowKey, carried: Carried<'_>, s: &Segment<'_>, opens: bool) -> Option<u32> {
        let (src, dst) = ((carried.ip.src, s.src_port), (carried.ip.dst, s.dst_port));
        let stray =
            Stray { source: src.0, target: dst.0, source_port: src.1, target_port: dst.1, flags: s.flags };
        let (syn, ack) = (s.flags & flag::SYN != 0, s.flags & flag::ACK != 0);
        if !opens && (s.flags & flag::RST != 0 || (syn && ack)) {
            self.watch.tell(self.now, &self.known, &Observation::Backscatter(stray));
            if !syn {
                return None;
            }
        } else if !opens && (!ack || s.payload_len == 0) {
            self.watch.tell(self.now, &self.known, &Observation::Stray(stray));
            if !ack || s.flags & flag::FIN != 0 {
                return None;
            }
        }
        let from_server = !opens && ((syn && ack) || src.1 < dst.1);
        let (client, server) = if from_server { (dst, src) } else { (src, dst) };
        let mut flow = Flow::open(self.now, client, server, proto::TCP, carried.vlan);
        flow.ttl = carried.ip.ttl;
        flow.first_flags = s.flags;
        if !opens {
            flow.state = State::Midstream;
        }
        Some(self.open(key, flow))
    }

    fn open(&mut self, key: FlowKey, mut flow: Flow) -> u32 {
        let inside = &self.known.inside;
        flow.inside = [inside.contains(flow.client), inside.contains(flow.server)];
        self.insert_flow(key, flow)
    }

    pub(super) fn on_udp(&mut self, carried: Carried<'_>, datagram: &Datagram<'_>) {
        let (src, dst) = ((carried.ip.src, datagram.src_port), (carried.ip.dst, datagram.dst_port));
        let key = FlowKey::new(src, dst, proto::UDP, carried.vlan);
        let slot = match self.live_flow(&key, false) {
            Some(slot) => slot,
            None => {
                let mut flow = Flow::open(self.now, src, dst, proto::UDP, carried.vlan);
                flow.ttl = carried.ip.ttl;
                self.open(key, flow)
            }
        };
        let now = self.now;
        let Some(flow) = self.flows.at_mut(slot) else { return };
        let side = flow.side(src);
        flow.count(now, side, carried.ip.len, datagram.payload_len);
        let sent = if side == Side::Client { flow.packets_up } else { flow.packets_down };
        let opened = flow.packets_up == 1 && side == Side::Client;
        let answered = side == Side::Server && flow.state == State::Opened;
        if answered {
            flow.state = State::Established;
        }
        self.account(slot, side, carried);
        if opened {
            self.tell_flow(slot, Observation::FlowOpened);
        } else if answered {
            self.tell_answered(slot);
        } else if is_step(sent) {
            self.tell_flow(slot, |flow| Observation::Steps(flow, side, (sent / 2).min(STEP)));
        }
        self.inspect_udp(slot, side, datagram, carried);
    }

    /// Counts a packet of a flow for both hosts and for the traffic of this second. A host enters the table when it
    /// is one of ours and speaks, or when its flow has a second packet: a flood of single packets from made-up
    /// addresses costs flows, not hosts.
    #[inline]
    fn account(&mut self, slot: u32, side: Side, carried: Carried<'_>) {
        let Some(flow) = self.flows.at(slot) else { return };
        let bytes = carried.ip.len;
        let (own, other) = (side as usize, 1 - side as usize);
        let (inside, mut hosts) = (flow.inside, flow.hosts);
        let second = flow.packets_up + flow.packets_down >= 2;
        self.count_traffic(inside[own], inside[other], bytes);
        let (src, dst) = (carried.ip.src, carried.ip.dst);
        if (inside[own] || second) && src.is_unicast() {
            hosts[own] = self.known.host_slot(src, hosts[own]);
            self.sent(hosts[own], src, carried.mac, bytes);
        }
        if second && dst.is_unicast() {
            hosts[other] = self.host_of(dst, hosts[other]);
            self.known.received(hosts[other], bytes);
        }
        if let Some(flow) = self.flows.at_mut(slot) {
            flow.hosts = hosts;
        }
    }

    fn host_of(&mut self, ip: Ip, hint: u32) -> u32 {
        if ip.is_unspecified() { NO_SLOT } else { self.known.host_slot(ip, hint) }
    }

    #[inline]
    pub(super) fn tell_flow<'s>(&'s mut self, slot: u32, make: impl FnOnce(&'s Flow) -> Observation<'s>) {
        let Engine { flows, watch, known, now, .. } = self;
        if let Some(flow) = flows.at(slot) {
            watch.tell(*now, known, &make(flow));
        }
    }

    fn tell_answered(&mut self, slot: u32) {
        if let Some(flow) = self.flows.at(slot) {
            self.known.serves(flow);
        }
        self.tell_flow(slot, Observation::FlowAnswered);
    }

    fn end_flow(&mut self, slot: u32) {
        let Some(flow) = self.flows.at_mut(slot) else { return };
        self.readers.forget(slot, flow.inspect);
        if !flow.inspect.has(Inspect::ENDED) {
            flow.inspect.set(Inspect::ENDED);
            self.known.moved(flow);
            self.tell_over(slot);
            self.tell_flow(slot, Observation::FlowEnded);
        }
    }
}
