//! Conversations under way: which protocol a connection speaks, its bytes in order, and the observations that come of it.

use super::{Carried, Engine};
use crate::observe::Observation;
use crate::table::bounded::Bounded;
use crate::table::flows::{App, Flow, Inspect, Side};
use crate::table::stream::{Listener, MAX_WAITING, Ordered};
use crate::table::traits::Source;
use crate::wire::http;
use crate::wire::login::{Service, ftp, imap, pop3, smtp, telnet, vnc};
use crate::wire::talk::{Conversation, Heard};
use crate::wire::tcp::Segment;
use crate::wire::{dnp3, iec104, kerberos, ldap, modbus, mqtt, rdp, rpc, rtsp, s7, smb, stratum};

/// Conversations under way at a time; the one that was quiet longest gives way.
const MAX_TALKS: usize = 512;

/// The list of protocols: name and parser, what the flow is called, and the observation made of what is said.
macro_rules! talks {
    ($($name:ident: $session:ty => $app:expr, $observation:ident;)*) => {
        /// A conversation of one protocol.
        enum Talk {
            $($name(Box<$session>),)*
        }

        impl Talk {
            /// The conversation that the first payload of `side` begins.
            fn begun_by(side: Side, bytes: &[u8], port: u16) -> Option<(Talk, App)> {
                $(if <$session>::begins(side, bytes, port) {
                    return Some((Talk::$name(Box::default()), $app));
                })*
                None
            }

            fn hear(
                &mut self,
                flow: &Flow,
                side: Side,
                bytes: &[u8],
                tell: &mut dyn FnMut(&Observation<'_>),
            ) -> Heard {
                match self {
                    $(Talk::$name(talk) => {
                        talk.hear(side, bytes, &mut |said| tell(&Observation::$observation(flow, &said)))
                    })*
                }
            }

            fn lost(&mut self, side: Side) {
                match self {
                    $(Talk::$name(talk) => talk.lost(side),)*
                }
            }
        }
    };
}

talks! {
    Stratum: stratum::Session => App::Stratum, Stratum;
    Http: http::talk::Talk => App::Http, of_http;
    Ftp: ftp::Ftp => App::Login(Service::Ftp), of_login;
    Smtp: smtp::Smtp => App::Login(Service::Smtp), of_login;
    Pop3: pop3::Pop3 => App::Login(Service::Pop3), of_login;
    Imap: imap::Imap => App::Login(Service::Imap), of_login;
    Telnet: telnet::Telnet => App::Login(Service::Telnet), of_login;
    Vnc: vnc::Vnc => App::Login(Service::Vnc), of_login;
    Smb: smb::Session => App::Smb, Smb;
    Kerberos: kerberos::Session => App::Kerberos, Kerberos;
    Ldap: ldap::Session => App::Ldap, Ldap;
    Rdp: rdp::Session => App::Rdp, Rdp;
    Modbus: modbus::Session => App::Modbus, Industrial;
    Dnp3: dnp3::Session => App::Dnp3, Industrial;
    Iec104: iec104::Session => App::Iec104, Industrial;
    S7: s7::Session => App::S7, Industrial;
    Mqtt: mqtt::Session => App::Login(Service::Mqtt), Mqtt;
    Rtsp: rtsp::Session => App::Rtsp, Rtsp;
    Rpc: rpc::Session => App::Rpc, Rpc;
}

/// A conversation and the bytes of both its sides.
struct Under {
    talk: Talk,
    sides: [Ordered; 2],
    /// The server was called by name, in the first HTTP request.
    named: bool,
}

impl Under {
    fn held(&self) -> usize {
        self.sides.iter().map(Ordered::held).sum()
    }
}

/// Conversations under way, by the flow's slot.
pub(super) struct Talks {
    under_way: Bounded<u32, Under>,
    held: usize,
    budget: usize,
}

impl Talks {
    /// No conversation; bytes that wait for more take at most `budget` in all.
    pub(super) fn new(budget: usize) -> Self {
        Talks { under_way: Bounded::new(MAX_TALKS), held: 0, budget: budget.max(4 * MAX_WAITING) }
    }

    /// Conversations under way.
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn forget(&mut self, slot: u32) {
        if let Some(under) = self.under_way.remove(&slot) {
            self.held -= under.held();
        }
    }

    fn begin(&mut self, slot: u32, talk: Talk) {
        self.forget(slot);
        let (_, pushed_out) =
            self.under_way.insert_new(slot, Under { talk, sides: Default::default(), named: false });
        if let Some((_, under)) = pushed_out {
            self.held -= under.held();
        }
    }
}

/// One side of a conversation as the reader of its stream.
struct Ear<'a, 'f> {
    talk: &'a mut Talk,
    side: Side,
    flow: &'f Flow,
    tell: &'a mut dyn FnMut(&Observation<'_>),
}

impl Listener for Ear<'_, '_> {
    fn hear(&mut self, bytes: &[u8]) -> Heard {
        let tell = &mut *self.tell;
        self.talk.hear(self.flow, self.side, bytes, &mut |observation| tell_parts(observation, tell))
    }
    fn lost(&mut self) {
        self.talk.lost(self.side);
    }
}

/// Tells of an observation, and of what else it is: SMB carries RPC and log-ins.
fn tell_parts(observation: &Observation<'_>, tell: &mut dyn FnMut(&Observation<'_>)) {
    if let Observation::Smb(flow, said) = observation {
        match said {
            smb::Said::Rpc(said) => return tell(&Observation::Rpc(flow, said)),
            smb::Said::Session(smb::Login { outcome: Some(outcome), .. }) => {
                tell(&Observation::Login(flow, Service::Smb, *outcome));
            }
            _ => {}
        }
    }
    tell(observation);
}

impl Engine {
    /// Whether the first payload of a side begins a conversation; then it is heard.
    pub(super) fn begins_talk(
        &mut self,
        slot: u32,
        side: Side,
        segment: &Segment<'_>,
        carried: Carried<'_>,
    ) -> bool {
        let Some(flow) = self.flows.at_mut(slot) else { return false };
        let Some((talk, app)) = Talk::begun_by(side, segment.payload, flow.server_port) else { return false };
        flow.app = app;
        flow.inspect.set(Inspect::TALKS);
        self.readers.talks.begin(slot, talk);
        self.hear(slot, side, segment, carried);
        true
    }

    /// A segment of a conversation.
    pub(super) fn hear(&mut self, slot: u32, side: Side, segment: &Segment<'_>, _carried: Carried<'_>) {
        let Engine { flows, watch, known, readers, now, .. } = self;
        let talks = &mut readers.talks;
        let (Some(flow), Some(under)) = (flows.at(slot), talks.under_way.get_mut(&slot)) else {
            // Pushed out by newer ones.
            if let Some(flow) = flows.at_mut(slot) {
                flow.inspect.clear(Inspect::TALKS);
            }
            return;
        };
        let before = under.held();
        let Under { talk, sides, named } = under;
        let (mut name, mut agent) = (None, None);
        let mut tell = |observation: &Observation<'_>| {
            if let Observation::HttpRequest(_, request) = observation
                && !std::mem::replace(named, true)
            {
                name.clone_from(&request.host);
                agent.clone_from(&request.user_agent);
            }
            watch.tell(*now, known, observation);
        };
        let stream = &mut sides[side as usize];
        let mut ear = Ear { talk, side, flow, tell: &mut tell };
        let cut = segment.payload_len.saturating_sub(segment.payload.len() as u32);
        let goes_on = stream.push(segment.seq, segment.payload, cut, &mut ear);
        if talks.held + stream.held() > talks.budget + before {
            stream.drop_waiting(&mut ear);
        }
        talks.held = talks.held + under.held() - before;
        if !goes_on {
            talks.forget(slot);
            if let Some(flow) = flows.at_mut(slot) {
                flow.inspect.clear(Inspect::TALKS);
            }
        }
        self.told_name(slot, name.as_deref());
        if let Some(agent) = agent {
            self.slips(slot, Side::Client, Source::Agent, &agent);
        }
    }
}
