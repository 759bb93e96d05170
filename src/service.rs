//! Being a service: readiness and watchdog for systemd, and what is in the run-time folder: the claim code, and the
//! socket for programs on this machine.

use rustix::fs::Mode;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::Permissions;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the claim code is kept for whoever may read it.
const CLAIM_FILE: &str = "claim-code";

/// Where the monitor's state is, in one word, for the LED and the screen of a board.
const STATE_FILE: &str = "state";

/// Where programs on this machine ask the monitor.
const SOCKET_FILE: &str = "monitor.sock";
/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// Tells systemd `state` (`READY=1`, `WATCHDOG=1`, `STOPPING=1`, …; sd_notify(3)). Without systemd, nothing happens.
pub fn notify(state: &str) {
    if let Some(path) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&path.to_string_lossy(), state)
    {
        log::warn!("systemd was not told {state}: {error}");
    }
}

fn send(path: &str, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}

/// How often systemd wants to hear from us: half of WATCHDOG_USEC.
pub fn watchdog_interval() -> Option<Duration> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    Some(Duration::from_micros(micros / 2))
}

/// Lets this process open `wanted` files, as far as the system permits; how many it may.
pub fn allow_files(wanted: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile);
    let files = |most: Option<u64>| most.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX));
    if files(limit.current) >= wanted {
        return files(limit.current);
    }
    let more = Rlimit { current: Some(u64::from(wanted.min(files(limit.maximum)))), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, more) {
        Ok(()) => files(more.current),
        Err(_) => files(limit.current),
    }
}

/// The folder for what lives as long as the service: RUNTIME_DIRECTORY of systemd, else `/run/netmonitor`.
pub fn run_dir() -> PathBuf {
    match std::env::var_os("RUNTIME_DIRECTORY") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from("/run/netmonitor"),
    }
}

/// A new claim code: eight characters that nobody mixes up, in two groups.
pub fn new_claim_code() -> Result<String, getrandom::Error> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes)?;
    let mut code: String = bytes.iter().map(|b| LETTERS[usize::from(b % 32)] as char).collect();
    code.insert(4, '-');
    Ok(code)
}

/// Keeps the claim code in `dir`, readable by its owner alone.
pub fn keep_claim_code(dir: &Path, code: &str) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join(CLAIM_FILE);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    io::Write::write_all(&mut file, format!("{code}\n").as_bytes())?;
    Ok(path)
}

/// Removes the claim code once it was used.
pub fn forget_claim_code(dir: &Path) {
    // It may never have been written.
    let _ = std::fs::remove_file(dir.join(CLAIM_FILE));
}

/// Keeps the monitor's state, one word, in `dir` for whoever reads files there; nobody sees half of it.
pub fn keep_state(dir: &Path, state: &str) -> io::Result<()> {
    let (path, new) = (dir.join(STATE_FILE), dir.join("state.new"));
    std::fs::create_dir_all(dir)?;
    std::fs::write(&new, format!("{state}\n"))?;
    // The unit's umask is for secrets; this is none.
    std::fs::set_permissions(&new, Permissions::from_mode(0o644))?;
    std::fs::rename(new, path)
}

/// Where the local socket is, in `dir`.
pub fn socket_path(dir: &Path) -> PathBuf {
    dir.join(SOCKET_FILE)
}

/// The local socket; its file goes when this does.
pub struct Socket {
    /// What listens.
    pub listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Someone may have removed it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens the local socket in `dir`, for its owner, and its group where it is `shared` with a dashboard of another user.
/// What a dead process left is replaced; a live one keeps it.
pub fn open_socket(dir: &Path, shared: bool) -> io::Result<Socket> {
    std::fs::create_dir_all(dir)?;
    let path = socket_path(dir);
    match UnixStream::connect(&path) {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another netmonitor answers there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            if std::fs::symlink_metadata(&path)?.file_type().is_socket() {
                std::fs::remove_file(&path)?;
            }
        }
        // Binding says what is wrong, if anything is.
        Err(_) => {}
    }
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Before it has a name, so that nobody can come in between. Linux gives the file this mode, less the umask.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
    if shared {
        std::fs::set_permissions(&path, Permissions::from_mode(0o660))?;
    }
    net::listen(&socket, BACKLOG)?;
    Ok(Socket { listener: socket.into(), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_codes_are_readable_and_differ() {
        let (a, b) = (new_claim_code().expect("random"), new_claim_code().expect("random"));
        assert_ne!(a, b);
        assert_eq!(a.len(), 9);
        assert!(a.chars().all(|c| c == '-' || (c.is_ascii_alphanumeric() && !"IO01".contains(c))), "{a}");
    }

    #[test]
    fn a_claim_code_is_for_its_owner_alone_and_goes_away() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = keep_claim_code(&dir.path().join("run"), "ABCD-EFGH").expect("written");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        forget_claim_code(&dir.path().join("run"));
        assert!(!path.exists());
    }

    #[test]
    fn the_state_is_one_word_that_everyone_on_the_machine_may_read() {
        let dir = tempfile::tempdir().expect("temporary folder");
        keep_state(dir.path(), "capturing").expect("written");
        keep_state(dir.path(), "alert").expect("written over");
        let path = dir.path().join(STATE_FILE);
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "alert\n");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn the_socket_is_for_its_owner_or_its_group_and_a_dead_ones_file_is_replaced_and_a_live_ones_kept() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let run = dir.path().join("run");
        std::fs::create_dir_all(&run).expect("a folder");
        drop(UnixListener::bind(socket_path(&run)).expect("bound"));
        assert!(socket_path(&run).exists(), "std leaves the file, like a process that was killed");
        let socket = open_socket(&run, false).expect("replaced");
        let mode = std::fs::metadata(socket_path(&run)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = dir.path().join("shared");
        let _shared = open_socket(&other, true).expect("made");
        let mode = std::fs::metadata(socket_path(&other)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let second = open_socket(&run, false).err().expect("refused");
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        assert!(UnixStream::connect(socket_path(&run)).is_ok(), "the first one goes on");
        drop(socket);
        assert!(!socket_path(&run).exists());
        std::fs::write(socket_path(&run), "a file of somebody's").expect("written");
        assert!(open_socket(&run, false).is_err());
        assert!(socket_path(&run).exists(), "what is no socket stays");
    }
}
