//! AF_PACKET: the raw socket and the TPACKET_V3 ring that the kernel writes frames into (packet_mmap in the kernel's
//! documentation). The only file with `unsafe`: system calls that no safe crate offers, and the shared memory.
#![allow(unsafe_code)]

use super::filter::Instruction;
use crate::time::{SECOND, WallTime};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::io;
use std::mem::{self, offset_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// One block: what the kernel hands over at once. A multiple of every page size in use (4, 16 and 64 KiB), and large
/// enough for a frame that GRO has put together (64 KiB).
const BLOCK: usize = 256 * 1024;
/// A block that is not full is handed over after this many milliseconds: the latency of a live view, and 50 wake-ups
/// a second at most. An empty block is never handed over.
const RETIRE_MS: u32 = 20;
/// Only divides a block for the kernel's own checks; frames in version 3 are as long as they are.
const FRAME_SLOT: usize = 2048;

/// A raw packet socket, bound to nothing when opened.
pub(super) struct PacketSocket {
    fd: OwnedFd,
}

/// What the kernel counted since it was asked last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    /// Frames for this socket, dropped ones included.
    pub(super) packets: u32,
    /// Frames dropped for want of room.
    pub(super) drops: u32,
    /// Times the ring was full.
    pub(super) freezes: u32,
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PacketSocket {
    /// Opens a socket that receives nothing yet: protocol 0, so no frame of another interface slips in before it is
    /// bound.
    pub(super) fn open() -> io::Result<PacketSocket> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        Ok(PacketSocket { fd })
    }

    /// Binds to an interface; with `receive`, frames of every protocol begin to arrive.
    pub(super) fn bind(&self, index: u32, receive: bool) -> io::Result<()> {
        let mut address = empty_address();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = if receive { (libc::ETH_P_ALL as u16).to_be() } else { 0 };
        address.sll_ifindex = index as i32;
        let length = mem::size_of_val(&address) as libc::socklen_t;
        // SAFETY: the pointer and the length describe `address`, which lives through the call.
        let result = unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const address).cast(), length) };
        check(result)
    }

    /// The ARPHRD type of the interface bound to.
    pub(super) fn hardware(&self) -> io::Result<u16> {
        let mut address = empty_address();
        let mut length = mem::size_of_val(&address) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes into `address`; both live through the call.
        let result =
            unsafe { libc::getsockname(self.fd.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
        check(result)?;
        Ok(address.sll_hatype)
    }

    /// Lets `program` decide which frames are received.
    pub(super) fn attach(&self, program: &[Instruction]) -> io::Result<()> {
        let length =
            u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // `Instruction` has the layout of `sock_filter`; the kernel only reads it.
        let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
    }

    /// Leaves out what this machine sends: on the loopback interface every frame is seen coming in as well.
    pub(super) fn ignore_outgoing(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1i32)
    }

    /// Receives frames for other stations too, while this socket is open.
    pub(super) fn promiscuous(&self, index: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index as i32,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// The kernel's counts since the last call: reading resets them.
    pub(super) fn statistics(&self) -> io::Result<Statistics> {
        let mut raw = [0u32; 3];
        let mut length = mem::size_of_val(&raw) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes (two or three words) into `raw`.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                raw.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        check(result)?;
        Ok(Statistics { packets: raw[0], drops: raw[1], freezes: raw[2] })
    }

    /// An error the kernel left on the socket, such as the interface going down; taken away by asking.
    pub(super) fn take_error(&self) -> io::Result<()> {
        Ok(net::sockopt::socket_error(&self.fd)??)
    }

    /// Sets an option whose value is a plain C structure or number.
    fn set<T>(&self, level: i32, name: i32, value: &T) -> io::Result<()> {
        let length = mem::size_of::<T>() as libc::socklen_t;
        // SAFETY: the pointer and the length describe `value`, which lives through the call; the kernel only reads.
        check(unsafe {
            libc::setsockopt(self.fd.as_raw_fd(), level, name, (&raw const *value).cast(), length)
        })
    }
}

fn empty_address() -> libc::sockaddr_ll {
    // SAFETY: a C structure of numbers, for which all zero is a value.
    unsafe { mem::zeroed() }
}

fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A frame in the ring, its stamp by the kernel's wall clock.
pub(super) struct RingFrame<'a> {
    pub(super) wall: WallTime,
    pub(super) data: &'a [u8],
    pub(super) wire_len: u32,
    pub(super) vlan: u16,
}

/// The ring: blocks that the kernel fills and hands over in turn.
pub(super) struct Ring {
    socket: PacketSocket,
    memory: NonNull<u8>,
    blocks: usize,
    /// The block that is handed over next, or is being read.
    current: usize,
    /// Frames left in the current block, when it is ours.
    left: u32,
    /// Where the next of them begins.
    at: usize,
    ours: bool,
}

impl Ring {
    /// Sets up a ring of `mib` MiB on `socket`, which must not be receiving yet: a frame that came before the ring
    /// would stay in the socket's queue and make it readable for ever.
    pub(super) fn new(socket: PacketSocket, mib: u32) -> io::Result<Ring> {
        let blocks = (mib.clamp(1, 512) as usize) * (1024 * 1024 / BLOCK);
        let version = libc::tpacket_versions::TPACKET_V3 as i32;
        socket.set(libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: FRAME_SLOT as u32,
            tp_frame_nr: (blocks * (BLOCK / FRAME_SLOT)) as u32,
            tp_retire_blk_tov: RETIRE_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a new mapping at an address of the kernel's choice; it overlaps nothing.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                blocks * BLOCK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.fd.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).expect("mmap without a fixed address never returns null");
        Ok(Ring { socket, memory, blocks, current: 0, left: 0, at: 0, ours: false })
    }

    pub(super) fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    /// Hands at most `budget` frames to `f` and says how many there were.
    pub(super) fn drain(&mut self, budget: usize, mut f: impl FnMut(RingFrame<'_>)) -> usize {
        let mut taken = 0;
        while taken < budget && self.enter() {
            let Some(block) = self.block() else { break };
            match frame_at(block, self.at) {
                Some((frame, next)) => {
                    f(frame);
                    taken += 1;
                    self.at += next;
                    self.left -= 1;
                }
                // Cannot be, short of a kernel defect: go on with the next block rather than read outside.
                None => self.left = 0,
            }
            if self.left == 0 {
                self.release();
            }
        }
        taken
    }

    /// Makes the current block ours when the kernel has handed it over. Blocks without frames go straight back.
    fn enter(&mut self) -> bool {
        const HEAD: usize = offset_of!(libc::tpacket_block_desc, hdr);
        for _ in 0..=self.blocks {
            if self.ours {
                return true;
            }
            if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return false;
            }
            self.ours = true;
            let block = self.block().expect("the block was just made ours");
            let packets = word(block, HEAD + offset_of!(libc::tpacket_hdr_v1, num_pkts));
            let first = word(block, HEAD + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt));
            (self.left, self.at) = (packets.unwrap_or(0), first.unwrap_or(0) as usize);
            if self.left == 0 {
                self.release();
            }
        }
        false
    }

    /// The bytes of the current block, while it is ours.
    fn block(&self) -> Option<&[u8]> {
        // SAFETY: `current < blocks`, so the block lies inside the mapping, which lives as long as `self`. The kernel
        // does not write to a block with TP_STATUS_USER set, and it stays set until `release`, which needs `&mut self`
        // and so cannot run while the slice is borrowed.
        self.ours.then(|| unsafe { std::slice::from_raw_parts(self.start().as_ptr(), BLOCK) })
    }

    /// Gives the current block back to the kernel.
    fn release(&mut self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.ours = false;
        self.current = (self.current + 1) % self.blocks;
    }

    fn start(&self) -> NonNull<u8> {
        // SAFETY: `current < blocks`: the address lies inside the mapping of `blocks * BLOCK` bytes.
        unsafe { self.memory.add(self.current * BLOCK) }
    }

    /// The word by which the kernel and we hand the current block to one another.
    fn status(&self) -> &AtomicU32 {
        const STATUS: usize =
            offset_of!(libc::tpacket_block_desc, hdr) + offset_of!(libc::tpacket_hdr_v1, block_status);
        // SAFETY: inside the mapping, which lives as long as `self`; aligned, since blocks are page-aligned and STATUS is
        // a multiple of 4. Both sides access it atomically; the plain slice of `block` is never alive during a store.
        unsafe { AtomicU32::from_ptr(self.start().add(STATUS).as_ptr().cast()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, with its length; nothing borrows from it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.blocks * BLOCK) };
    }
}

/// The frame whose header is at `at` in a block, and the distance to the next one.
fn frame_at(block: &[u8], at: usize) -> Option<(RingFrame<'_>, usize)> {
    use libc::tpacket3_hdr as Header;
    let header = block.get(at..at + mem::size_of::<Header>())?;
    let field = |offset| word(header, offset);
    let start = at + usize::from(half(header, offset_of!(Header, tp_mac))?);
    let length = field(offset_of!(Header, tp_snaplen))? as usize;
    let data = block.get(start..start.checked_add(length)?)?;
    let seconds = i64::from(field(offset_of!(Header, tp_sec))?);
    let nanos = i64::from(field(offset_of!(Header, tp_nsec))?);
    let tagged = field(offset_of!(Header, tp_status))? & libc::TP_STATUS_VLAN_VALID != 0;
    let tci = offset_of!(Header, hv1) + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tci);
    let frame = RingFrame {
        wall: WallTime::from_micros(seconds * SECOND + nanos / 1000),
        data,
        wire_len: field(offset_of!(Header, tp_len))?.max(length as u32),
        vlan: if tagged { (field(tci)? & 0xfff) as u16 } else { 0 },
    };
    Some((frame, field(offset_of!(Header, tp_next_offset))? as usize))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
