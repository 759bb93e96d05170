//! Frames through `pnet_datalink`, where the kernel has no ring (or none of the memory for it).
//!
//! pnet receives on a duplicate of our own socket, so that readiness, exclusions, errors and drop counts stay ours.
//! It knows neither the kernel's stamps nor VLAN tags nor the original length.

use super::ring::PacketSocket;
use pnet_datalink::{Channel, Config, DataLinkReceiver, NetworkInterface};
use std::io;
use std::os::fd::{AsFd, IntoRawFd};
use std::time::Duration;

/// The socket's receive buffer where we may choose: some 4,000 small frames.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// Room for the largest frame that GRO puts together.
const FRAME: usize = 65_536 + 64;

/// A receiver over our own socket.
pub(super) struct PnetSource {
    socket: PacketSocket,
    receiver: Box<dyn DataLinkReceiver>,
}

impl PnetSource {
    /// Starts to receive on interface `index`, called `name`.
    pub(super) fn new(
        socket: PacketSocket,
        name: &str,
        index: u32,
        promiscuous: bool,
    ) -> io::Result<PnetSource> {
        use rustix::net::sockopt;
        // Beyond the system's limit where we are allowed to, up to it otherwise; a small buffer still works.
        if sockopt::set_socket_recv_buffer_size_force(&socket, SOCKET_BUFFER).is_err() {
            let _ = sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER);
        }
        let interface = NetworkInterface {
            name: name.to_owned(),
            description: String::new(),
            index,
            mac: None,
            ips: Vec::new(),
            flags: 0,
        };
        // pnet closes what it is given, in success and in failure.
        let given = socket.as_fd().try_clone_to_owned()?.into_raw_fd();
        let config = Config {
            read_buffer_size: FRAME,
            write_buffer_size: 0,
            read_timeout: Some(Duration::ZERO),
            promiscuous,
            socket_fd: Some(given),
            ..Config::default()
        };
        match pnet_datalink::channel(&interface, config)? {
            Channel::Ethernet(_, receiver) => Ok(PnetSource { socket, receiver }),
            _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }

    pub(super) fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    /// Hands at most `budget` frames to `f` and says how many there were. An error of the socket ends the turn; the
    /// caller finds it with `take_error`, or here when receiving took it away.
    pub(super) fn drain(&mut self, budget: usize, mut f: impl FnMut(&[u8])) -> io::Result<usize> {
        for taken in 0..budget {
            match self.receiver.next() {
                Ok(data) => f(data),
                Err(e) if e.raw_os_error().is_none() || e.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(taken);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(taken),
                Err(e) => return Err(e),
            }
        }
        Ok(budget)
    }
}
