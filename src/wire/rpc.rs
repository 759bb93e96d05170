//! DCE/RPC, connection oriented (C706 chapter 12, MS-RPCE 2.2.2): which interface is bound, which operation is called,
//! and what the call came to. Over TCP ([`Session`]) and over SMB pipes (the same [`Pdus`], fed by `wire::smb`).
//!
//! Arguments are not read: the numbers of interface and operation are in the clear even where the arguments are
//! encrypted, and they say what is done.

use super::be16;
use super::little::{le16, le32};
use super::talk::{Conversation, Heard, Side};

/// The header that every PDU begins with (C706, 12.6.3.1).
pub const HEADER: usize = 16;
/// A PDU that is longer is passed over after its head: its end (the return value) is not waited for.
const WHOLE: usize = 1024;
/// Presentation contexts remembered per connection.
const CONTEXTS: usize = 8;
/// Calls remembered per connection until they are answered.
const CALLS: usize = 4;

/// What an interface is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Interface {
    EndpointMapper,
    /// MS-SCMR, `svcctl`.
    Services,
    /// MS-TSCH, `atsvc`.
    AtJobs,
    /// MS-TSCH, `ITaskSchedulerService`.
    Tasks,
    /// MS-SAMR.
    Samr,
    /// MS-LSAD and MS-LSAT, `lsarpc`.
    Lsa,
    /// MS-DRSR, `drsuapi`.
    Replication,
    /// MS-NRPC.
    Netlogon,
    /// MS-RRP.
    Registry,
    /// MS-SRVS.
    ServerService,
    /// MS-WKST.
    Workstation,
    /// MS-RPRN and MS-PAR.
    Spooler,
    /// MS-EFSR.
    EncryptedFiles,
    /// MS-DFSNM.
    DfsNames,
    /// MS-FSRVP.
    ShadowCopies,
    /// MS-DCOM: activation of objects.
    Activation,
    /// MS-DCOM: `IRemUnknown`, `IObjectExporter`: bookkeeping of objects.
    Objects,
    /// MS-DCOM: `IDispatch`, by which scripts drive other programs.
    Dispatch,
    /// MS-WMI: log-in to WMI.
    WmiLogin,
    /// MS-WMI, `IWbemServices`.
    Wmi,
    /// Another one.
    Other,
}

use Interface::*;

/// Interface identifiers as they are written.
const KNOWN: [(u128, Interface); 30] = [
    (0xe1af8308_5d1f_11c9_91a4_08002b14a0fa, EndpointMapper),
    (0x367abb81_9844_35f1_ad32_98f038001003, Services),
    (0x1ff70682_0a51_30e8_076d_740be8cee98b, AtJobs),
    (0x86d35949_83c9_4044_b424_db363231fd0c, Tasks),
    (0x378e52b0_c0a9_11cf_822d_00aa0051e40f, AtJobs),
    (0x12345778_1234_abcd_ef00_0123456789ac, Samr),
    (0x12345778_1234_abcd_ef00_0123456789ab, Lsa),
    (0xe3514235_4b06_11d1_ab04_00c04fc2dcd2, Replication),
    (0x12345678_1234_abcd_ef00_01234567cffb, Netlogon),
    (0x338cd001_2244_31f1_aaaa_900038001003, Registry),
    (0x4b324fc8_1670_01d3_1278_5a47bf6ee188, ServerService),
    (0x6bffd098_a112_3610_9833_46c3f87e345a, Workstation),
    (0x12345678_1234_abcd_ef00_0123456789ab, Spooler),
    (0x76f03f96_cdfd_44fc_a22c_64950a001209, Spooler),
    (0xc681d488_d850_11d0_8c52_00c04fd90f7e, EncryptedFiles),
    (0xdf1941c5_fe89_4e79_bf10_463657acf44d, EncryptedFiles),
    (0x4fc742e0_4a10_11cf_8273_00aa004ae673, DfsNames),
    (0xa8e0653c_2744_4389_a61d_7373df8b2292, ShadowCopies),
    (0x000001a0_0000_0000_c000_000000000046, Activation),
    (0x4d9f4ab8_7d1c_11cf_861e_0020af6e7c57, Activation),
    (0x99fcfec4_5260_101b_bbcb_00aa0021347a, Objects),
    (0x00000131_0000_0000_c000_000000000046, Objects),
    (0x00000143_0000_0000_c000_000000000046, Objects),
    (0x00020400_0000_0000_c000_000000000046, Dispatch),
    (0x00020401_0000_0000_c000_000000000046, Dispatch),
    (0xf309ad18_d86a_11d0_a075_00c04fb68820, WmiLogin),
    (0xd4781cd6_e5d3_44df_ad94_930efe48a887, WmiLogin),
    (0x9556dc99_828c_11cf_a37e_00aa003240c7, Wmi),
    (0x423ec01e_2e35_11d2_b604_00104b703efd, Wmi),
    (0x027947e1_d731_11ce_a357_000000000001, Wmi),
];

impl Interface {
    /// By its identifier, as it is written.
    pub fn of(uuid: u128) -> Interface {
        KNOWN.iter().find(|(known, _)| *known == uuid).map_or(Other, |(_, interface)| *interface)
    }

    /// The identifier by which it is bound; of those with more than one, the first.
    pub fn uuid(self) -> u128 {
        KNOWN.iter().find(|(_, interface)| *interface == self).map_or(0, |(uuid, _)| *uuid)
    }

    /// Name for people and evidence.
    pub const fn name(self) -> &'static str {
        match self {
            EndpointMapper => "epmapper",
            Services => "svcctl",
            AtJobs => "atsvc",
            Tasks => "ITaskSchedulerService",
            Samr => "samr",
            Lsa => "lsarpc",
            Replication => "drsuapi",
            Netlogon => "netlogon",
            Registry => "winreg",
            ServerService => "srvsvc",
            Workstation => "wkssvc",
            Spooler => "spoolss",
            EncryptedFiles => "efsrpc",
            DfsNames => "dfsnm",
            ShadowCopies => "fsrvp",
            Activation => "IRemoteSCMActivator",
            Objects => "IRemUnknown",
            Dispatch => "IDispatch",
            WmiLogin => "IWbemLevel1Login",
            Wmi => "IWbemServices",
            Other => "other",
        }
    }
}

/// What happens on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client wants to use it.
    Bind,
    /// The server agrees to the latest wish.
    BindAck,
    /// The server refuses.
    BindNak,
    /// The client calls operation `opnum`.
    Request {
        /// Number of the operation within the interface.
        opnum: u16,
    },
    /// The server answers a call.
    Response {
        /// Number of the operation, when the call was seen.
        opnum: u16,
        /// The last four bytes of the answer, where most interfaces have the return value (an NTSTATUS or Win32 error);
        /// `None` when they are encrypted or the answer is long.
        status: Option<u32>,
    },
    /// The call failed in RPC itself.
    Fault {
        /// Number of the operation, when the call was seen.
        opnum: u16,
        /// Such as 5 (access denied).
        status: u32,
    },
}

/// One thing that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// On which interface; [`Interface::Other`] also when its binding was not seen.
    pub interface: Interface,
    /// What.
    pub event: Event,
}

impl Said {
    /// The operation that the client calls on `interface`, when this is such a call.
    pub fn calls(&self, interface: Interface) -> Option<u16> {
        match self.event {
            Event::Request { opnum } if self.interface == interface => Some(opnum),
            _ => None,
        }
    }
}

/// PDU types (C706, 12.6.4).
mod ptype {
    pub const REQUEST: u8 = 0;
    pub const RESPONSE: u8 = 2;
    pub const FAULT: u8 = 3;
    pub const BIND: u8 = 11;
    pub const BIND_ACK: u8 = 12;
    pub const BIND_NAK: u8 = 13;
    pub const ALTER: u8 = 14;
    pub const ALTER_RESPONSE: u8 = 15;
}

/// First fragment of a call or answer; last one.
const FIRST: u8 = 1;
const LAST: u8 = 2;
/// `RPC_C_AUTHN_LEVEL_PKT_PRIVACY`: arguments are encrypted.
const PRIVACY: u8 = 6;

/// A PDU's header.
#[derive(Clone, Copy)]
struct Head {
    ptype: u8,
    flags: u8,
    big: bool,
    length: usize,
    auth: usize,
    call: u32,
}

impl Head {
    fn of(bytes: &[u8]) -> Option<Head> {
        let [5, 0 | 1, ptype, flags, order, float, 0, 0, ..] = *bytes else { return None };
        if ptype > 19 || !matches!(order, 0 | 0x10) || float > 3 || bytes.len() < HEADER {
            return None;
        }
        let big = order == 0;
        let (length, auth, call) = (num16(bytes, 8, big)?, num16(bytes, 10, big)?, num32(bytes, 12, big)?);
        let (length, auth) = (usize::from(length), usize::from(auth));
        (length >= HEADER && auth < length).then_some(Head { ptype, flags, big, length, auth, call })
    }
}

fn num16(bytes: &[u8], at: usize, big: bool) -> Option<u16> {
    le16(bytes, at).map(|n| if big { n.swap_bytes() } else { n })
}

fn num32(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    le32(bytes, at).map(|n| if big { n.swap_bytes() } else { n })
}

/// An identifier on the wire: three numbers in the sender's byte order, then eight bytes.
fn uuid(bytes: &[u8], at: usize, big: bool) -> Option<u128> {
    let (a, b, c) = (num32(bytes, at, big)?, num16(bytes, at + 4, big)?, num16(bytes, at + 6, big)?);
    let rest = u64::from_be_bytes(bytes.get(at + 8..at + 16)?.try_into().ok()?);
    Some(u128::from(a) << 96 | u128::from(b) << 80 | u128::from(c) << 64 | u128::from(rest))
}

/// Whether bytes begin with a PDU's header, and how long that PDU is.
pub fn pdu_length(bytes: &[u8]) -> Option<usize> {
    Head::of(bytes).map(|head| head.length)
}

/// The PDUs of one connection or pipe, in both directions.
#[derive(Clone, Debug, Default)]
pub struct Pdus {
    contexts: [Option<(u16, Interface)>; CONTEXTS],
    next_context: u8,
    calls: [(u32, Option<(Interface, u16)>); CALLS],
    next_call: u8,
    bound: Option<Interface>,
}

impl Pdus {
    /// Whether anything was bound here.
    pub fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Reads one PDU, or as much of it as there is.
    pub fn pdu(&mut self, bytes: &[u8], say: &mut dyn FnMut(Said)) {
        let Some(head) = Head::of(bytes) else { return };
        let bytes = &bytes[..bytes.len().min(head.length)];
        let bound = self.bound.unwrap_or(Other);
        match head.ptype {
            ptype::BIND | ptype::ALTER => self.bind(head, bytes, say),
            ptype::BIND_ACK | ptype::ALTER_RESPONSE => say(Said { interface: bound, event: Event::BindAck }),
            ptype::BIND_NAK => say(Said { interface: bound, event: Event::BindNak }),
            ptype::REQUEST if head.flags & FIRST != 0 => {
                if let Some(said) = self.request(head, bytes) {
                    say(said);
                }
            }
            ptype::RESPONSE if head.flags & LAST != 0 => {
                let (interface, opnum) = self.called(head.call);
                let status = return_value(head, bytes);
                say(Said { interface, event: Event::Response { opnum, status } });
            }
            ptype::FAULT => {
                let (interface, opnum) = self.called(head.call);
                let status = num32(bytes, 24, head.big).unwrap_or(0);
                say(Said { interface, event: Event::Fault { opnum, status } });
            }
            _ => {}
        }
    }

    fn bind(&mut self, head: Head, bytes: &[u8], say: &mut dyn FnMut(Said)) {
        let Some(count) = bytes.get(24) else { return };
        let mut at = 28;
        for _ in 0..usize::from(*count).min(CONTEXTS) {
            let (Some(id), Some(syntaxes)) = (num16(bytes, at, head.big), bytes.get(at + 2)) else { return };
            let Some(uuid) = uuid(bytes, at + 4, head.big) else { return };
            let interface = Interface::of(uuid);
            self.remember(id, interface);
            if self.bound != Some(interface) || head.ptype == ptype::BIND && at == 28 {
                self.bound = Some(interface);
                say(Said { interface, event: Event::Bind });
            }
            at += 24 + usize::from(*syntaxes) * 20;
        }
    }

    fn remember(&mut self, id: u16, interface: Interface) {
        let held = self.contexts.iter().position(|c| c.is_some_and(|(known, _)| known == id));
        let at = held.unwrap_or(usize::from(self.next_context) % CONTEXTS);
        self.contexts[at] = Some((id, interface));
        if held.is_none() {
            self.next_context = self.next_context.wrapping_add(1);
        }
    }

    fn request(&mut self, head: Head, bytes: &[u8]) -> Option<Said> {
        let (context, opnum) = (num16(bytes, 20, head.big)?, num16(bytes, 22, head.big)?);
        let known = self.contexts.iter().flatten().find(|(id, _)| *id == context);
        let interface = known.map_or(Other, |(_, interface)| *interface);
        let at = usize::from(self.next_call) % CALLS;
        self.calls[at] = (head.call, Some((interface, opnum)));
        self.next_call = self.next_call.wrapping_add(1);
        Some(Said { interface, event: Event::Request { opnum } })
    }

    /// The call of this number, which is answered now.
    fn called(&mut self, call: u32) -> (Interface, u16) {
        let held = self.calls.iter_mut().find(|(id, what)| *id == call && what.is_some());
        held.and_then(|(_, what)| what.take()).unwrap_or((Other, 0))
    }
}

/// The last four bytes of an answer's arguments.
fn return_value(head: Head, bytes: &[u8]) -> Option<u32> {
    if bytes.len() < head.length {
        return None;
    }
    let end = if head.auth == 0 {
        head.length
    } else {
        // The security trailer: type, level, padding before it, … and then `auth` bytes.
        let trailer = head.length.checked_sub(head.auth + 8)?;
        if *bytes.get(trailer + 1)? >= PRIVACY {
            return None;
        }
        trailer.checked_sub(usize::from(*bytes.get(trailer + 2)?))?
    };
    let at = end.checked_sub(4).filter(|at| *at >= 24)?;
    num32(bytes, at, head.big)
}

/// DCE/RPC over TCP.
#[derive(Debug, Default)]
pub struct Session {
    pdus: Pdus,
    astray: [bool; 2],
}

impl Conversation for Session {
    type Said<'a> = Said;

    fn begins(_side: Side, bytes: &[u8], _port: u16) -> bool {
        let kinds =
            [ptype::REQUEST, ptype::RESPONSE, ptype::BIND, ptype::BIND_ACK, ptype::BIND_NAK, ptype::ALTER];
        Head::of(bytes).is_some_and(|head| {
            let plain = matches!(be16(bytes, 4), Some(0x1000 | 0));
            plain && kinds.contains(&head.ptype) && head.length >= 20 && head.flags & FIRST != 0
        })
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said)) -> Heard {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= HEADER) {
            let Some(head) = Head::of(rest) else {
                if self.astray[side as usize] {
                    return Heard::Took(bytes.len());
                }
                return Heard::Enough;
            };
            if rest.len() < head.length.min(WHOLE) {
                break;
            }
            self.astray[side as usize] = false;
            self.pdus.pdu(rest, say);
            at += head.length;
        }
        Heard::Took(at)
    }

    fn lost(&mut self, side: Side) {
        self.astray[side as usize] = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pdu(ptype: u8, call: u32, body: &[u8]) -> Vec<u8> {
        let length = (HEADER + body.len()) as u16;
        let mut out = vec![5, 0, ptype, 3, 0x10, 0, 0, 0];
        out.extend(length.to_le_bytes());
        out.extend([0, 0]);
        out.extend(call.to_le_bytes());
        out.extend(body);
        out
    }

    fn wire_uuid(uuid: u128) -> Vec<u8> {
        let mut bytes = uuid.to_be_bytes();
        bytes[..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        bytes.to_vec()
    }

    fn bind(ids: &[(u16, u128)]) -> Vec<u8> {
        let mut body = vec![0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, ids.len() as u8, 0, 0, 0];
        for (id, uuid) in ids {
            body.extend(id.to_le_bytes());
            body.extend([1, 0]);
            body.extend(wire_uuid(*uuid));
            body.extend([4, 0, 0, 0]);
            body.extend([0x42; 20]);
        }
        pdu(ptype::BIND, 2, &body)
    }

    fn request(call: u32, context: u16, opnum: u16) -> Vec<u8> {
        let mut body = vec![8, 0, 0, 0];
        body.extend(context.to_le_bytes());
        body.extend(opnum.to_le_bytes());
        body.extend([7; 8]);
        pdu(ptype::REQUEST, call, &body)
    }

    fn hear(session: &mut Session, side: Side, bytes: &[u8]) -> (Heard, Vec<Said>) {
        let mut said = Vec::new();
        let heard = session.hear(side, bytes, &mut |s| said.push(s));
        (heard, said)
    }

    #[test]
    fn a_call_is_named_by_the_interface_of_its_context_and_its_answer_by_the_call() {
        let mut session = Session::default();
        let both = [(0, Interface::Lsa.uuid()), (1, Interface::Replication.uuid())];
        let bytes = [bind(&both), request(3, 1, 3)].concat();
        assert!(Session::begins(Side::Client, &bytes, 49_674));
        let (heard, said) = hear(&mut session, Side::Client, &bytes);
        assert_eq!((heard, said.len()), (Heard::Took(bytes.len()), 3));
        assert_eq!(said[2].calls(Interface::Replication), Some(3));
        let answer = pdu(ptype::RESPONSE, 3, &[0, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9, 9, 0x22, 0, 0, 0xc0]);
        let (_, said) = hear(&mut session, Side::Server, &answer);
        let event = Event::Response { opnum: 3, status: Some(0xc000_0022) };
        assert_eq!(said, [Said { interface: Interface::Replication, event }]);
        let fault = pdu(ptype::FAULT, 9, &[0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
        let (_, said) = hear(&mut session, Side::Server, &fault);
        assert_eq!(said[0].event, Event::Fault { opnum: 0, status: 5 });
    }

    #[test]
    fn a_return_value_is_found_before_a_signature_and_not_where_it_is_encrypted() {
        for (level, status) in [(5, Some(0xc000_0022)), (6, None)] {
            let body = [0, 0, 0, 0, 0, 0, 0, 0, 0x22, 0, 0, 0xc0, 0, 0, 0, 0, 10, level, 4, 0, 0, 0, 0, 0];
            let mut answer = pdu(ptype::RESPONSE, 1, &[&body[..], &[0x55; 16]].concat());
            answer[10] = 16;
            let (_, said) = hear(&mut Session::default(), Side::Server, &answer);
            assert_eq!(said[0].event, Event::Response { opnum: 0, status });
        }
    }

    #[test]
    fn half_a_pdu_is_waited_for_a_long_one_skipped_and_after_a_loss_the_next_is_found() {
        let call = request(1, 0, 15);
        let mut session = Session::default();
        assert_eq!(hear(&mut session, Side::Client, &call[..call.len() - 1]), (Heard::Took(0), vec![]));
        let long = pdu(ptype::REQUEST, 4, &[1; 5000]);
        assert_eq!(hear(&mut session, Side::Client, &long[..1200]).0, Heard::Took(long.len()));
        session.lost(Side::Client);
        assert_eq!(hear(&mut session, Side::Client, &[0xaa; 40]), (Heard::Took(40), vec![]));
        assert_eq!(hear(&mut session, Side::Client, &call).1.len(), 1);
        assert_eq!(hear(&mut session, Side::Client, &[0xaa; 40]).0, Heard::Enough);
    }

    #[test]
    fn other_protocols_are_not_rpc() {
        for other in
            [&b"\x05\x00\x00\x03 something else"[..], b"\x16\x03\x01\x02\x00\x01", &[5, 1, 0], &[5, 0, 11]]
        {
            assert!(!Session::begins(Side::Client, other, 135), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), ptype in 0u8..20, at in 0usize..60) {
            let mut session = Session::default();
            let framed = pdu(ptype, 1, &bytes);
            let mut bent = framed.clone();
            if let Some(byte) = bent.get_mut(at) {
                *byte ^= 0xff;
            }
            for part in [&bytes[..], &framed, &bent] {
                if let Heard::Took(n) = session.hear(Side::Client, part, &mut |_| ()) {
                    prop_assert!(n <= part.len() + 65_536);
                }
            }
        }
    }
}
