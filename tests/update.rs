//! Updates of a card that is a folder: its firmware reads the same boot files as the real one, the power goes at every
//! step, and whatever happens the machine starts into a slot that is whole.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;

use netmonitor::store;
use netmonitor::update::{
    Allowed, Bundle, Phase, Record, Slot, Slots, Step, UpdateError, Verdict, confirm, install, restart,
};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

/// Bytes of a slot, and of a root in it.
const SLOT: usize = 6 << 20;
const ROOT: usize = 5 << 20;

/// A card, and who makes updates for it.
struct Card {
    dir: tempfile::TempDir,
}

/// `None`, said so, where there is no minisign.
fn card() -> Option<Card> {
    if Command::new("minisign").arg("-v").output().is_err() {
        lab::skip("no minisign");
        return None;
    }
    let card = Card { dir: tempfile::tempdir().expect("a folder") };
    for folder in [
        "proc/device-tree",
        "sys/class/block/p2",
        "sys/class/block/p3",
        "dev",
        "boot/firmware/a",
        "run/systemd",
    ] {
        fs::create_dir_all(card.path(folder)).expect("a folder");
    }
    fs::create_dir_all(card.path("usr/share/netmonitor")).expect("a folder");
    fs::create_dir_all(card.path("var/lib/netmonitor")).expect("a folder");
    for n in [2, 3] {
        let uevent = format!("MAJOR=179\nDEVNAME=mmcblk0p{n}\nPARTN={n}\nPARTUUID=6e6d6f6e-0{n}\n");
        card.write(&format!("sys/class/block/p{n}/uevent"), uevent.as_bytes());
        card.write(&format!("dev/mmcblk0p{n}"), &vec![0; SLOT]);
    }
    card.write("proc/device-tree/compatible", b"raspberrypi,4-model-b\0brcm,bcm2711\0");
    card.write("boot/firmware/config.txt", b"# what starts\nos_prefix=a/\nkernel=vmlinuz\n");
    card.write("boot/firmware/a/vmlinuz", &kernel("0.1.0"));
    card.write("boot/firmware/a/cmdline.txt", b"root=PARTUUID=6e6d6f6e-02 quiet\n");
    let mut first = root("0.1.0", ROOT);
    first.resize(SLOT, 0);
    card.write("dev/mmcblk0p2", &first);
    card.write("proc/cmdline", b"root=PARTUUID=6e6d6f6e-02 quiet\n");
    card.key("");
    fs::copy(card.path("key.pub"), card.path("usr/share/netmonitor/update.pub")).expect("copied");
    Some(card)
}

/// A root of this release, so that half of one is told from a whole one.
fn root(release: &str, bytes: usize) -> Vec<u8> {
    let seed = release.bytes().fold(7u32, |all, b| all.wrapping_mul(31) + u32::from(b));
    let mut at = seed;
    let mut all: Vec<u8> = format!("root {release}\n").into_bytes();
    all.extend(
        std::iter::repeat_with(|| {
            at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (at >> 24) as u8
        })
        .take(bytes - all.len()),
    );
    all
}

fn kernel(release: &str) -> Vec<u8> {
    format!("kernel {release}").into_bytes()
}

impl Card {
    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn write(&self, below: &str, bytes: &[u8]) {
        fs::write(self.path(below), bytes).expect("written");
    }

    fn key(&self, name: &str) {
        let (public, secret) =
            (self.path(&format!("key{name}.pub")), self.path(&format!("key{name}.secret")));
        let made = Command::new("minisign")
            .args(["-G", "-W", "-f", "-p"])
            .arg(public)
            .arg("-s")
            .arg(secret)
            .output();
        assert!(made.expect("minisign").status.success(), "a key");
    }

    /// An update to `release`, with more arguments for its maker.
    fn update(&self, release: &str, more: &[&str]) -> PathBuf {
        self.made(release, ROOT, "", more)
    }

    fn made(&self, release: &str, bytes: usize, key: &str, more: &[&str]) -> PathBuf {
        let boot = self.path("make-boot");
        fs::create_dir_all(boot.join("overlays")).expect("a folder");
        fs::write(boot.join("vmlinuz"), kernel(release)).expect("written");
        fs::write(boot.join("overlays/one.dtbo"), b"overlay").expect("written");
        fs::write(boot.join("cmdline.txt"), "root=PARTUUID=00000000-02 quiet\n").expect("written");
        self.write("make-root", &root(release, bytes));
        let out = self.path(&format!("update-{release}{key}"));
        let made = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/make-update"))
            .args(["--release", release, "--arch", std::env::consts::ARCH])
            .arg("--root")
            .arg(self.path("make-root"))
            .arg("--boot")
            .arg(boot)
            .arg("--key")
            .arg(self.path(&format!("key{key}.secret")))
            .args(more)
            .arg(&out)
            .stdin(Stdio::null())
            .output()
            .expect("bash");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        out
    }

    fn slots(&self) -> Slots {
        Slots::find(self.dir.path()).expect("a card")
    }

    fn bundle(&self, file: &Path) -> Result<Bundle, UpdateError> {
        Bundle::open(file, &self.path("usr/share/netmonitor/update.pub"))
    }

    fn install(
        &self,
        file: &Path,
        told: impl FnMut(Step) -> Result<(), UpdateError>,
    ) -> Result<Slot, UpdateError> {
        let allowed = Allowed { schema: store::SCHEMA, ..Allowed::default() };
        install(&self.slots(), &self.bundle(file)?, allowed, told)
    }

    /// What the firmware does: `tryboot.txt` once after a restart on purpose with that word, else `config.txt`. The
    /// release that runs then; it panics where the machine would not start.
    fn start(&self) -> String {
        let word = fs::read_to_string(self.path("run/systemd/reboot-param")).unwrap_or_default();
        let _ = fs::remove_file(self.path("run/systemd/reboot-param"));
        let trial = self.path("boot/firmware/tryboot.txt");
        let config =
            if word == "0 tryboot" && trial.exists() { trial } else { self.path("boot/firmware/config.txt") };
        let config = fs::read_to_string(config).expect("the firmware finds a config");
        let prefix =
            config.lines().find_map(|line| line.strip_prefix("os_prefix=")).expect("it names a folder");
        let folder = self.path("boot/firmware").join(prefix);
        let cmdline = fs::read_to_string(folder.join("cmdline.txt")).expect("a command line");
        let number = cmdline.split_whitespace().find_map(|w| w.strip_prefix("root=PARTUUID=6e6d6f6e-0"));
        let number = number.unwrap_or_else(|| panic!("no root of this card in {cmdline}"));
        let disk = fs::read(self.path(&format!("dev/mmcblk0p{number}"))).expect("a partition");
        let release = String::from_utf8_lossy(&disk[5..10]).into_owned();
        assert_eq!(disk[..ROOT], root(&release, ROOT)[..], "the root of {prefix} is not whole");
        assert_eq!(fs::read(folder.join("vmlinuz")).expect("a kernel"), kernel(&release), "another kernel");
        self.write("proc/cmdline", cmdline.as_bytes());
        release
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(lab::BINARY);
        command
            .arg("update")
            .args(arguments)
            .arg("--root")
            .arg(self.dir.path())
            .env_clear()
            .env("NETMONITOR_STORE_PATH", self.path("var/lib/netmonitor/netmonitor.redb"))
            .env("RUNTIME_DIRECTORY", self.path("run/netmonitor"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    fn worked(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn phase(&self) -> Option<Phase> {
        Record::load(&self.slots()).attempt.map(|attempt| attempt.phase)
    }
}

fn fine(_: Step) -> Result<(), UpdateError> {
    Ok(())
}

#[test]
fn an_update_is_tried_once_kept_when_it_works_and_the_next_goes_into_the_other_slot() {
    let Some(card) = card() else { return };
    let file =
        card.update("0.2.0", &["--board", "raspberrypi,3-model-b", "--board", "raspberrypi,4-model-b"]);
    let said = card.worked(&[file.to_str().expect("UTF-8")]);
    assert!(said.contains("release 0.2.0") && said.contains("slot b is ready"), "{said}");
    assert_eq!(fs::read(card.path("boot/firmware/b/overlays/one.dtbo")).expect("there"), b"overlay");
    assert_eq!(card.start(), "0.1.0", "whoever restarts otherwise gets the old one");
    assert!(card.worked(&["--status"]).contains("slot a runs"));
    card.worked(&["--confirm"]);
    assert_eq!(card.phase(), Some(Phase::Ready), "it is offered still");
    card.worked(&["--reboot"]);
    assert_eq!(card.start(), "0.2.0");
    assert!(card.worked(&["--status"]).contains("on trial"));
    let refused = card.install(&card.update("0.3.0", &[]), fine).expect_err("on trial");
    assert!(refused.to_string().contains("on trial"), "{refused}");
    let kept = confirm(&card.slots(), |_| Ok(())).expect("decided");
    assert_eq!(kept, Verdict::Kept("0.2.0".into()));
    assert!(!card.path("boot/firmware/tryboot.txt").exists());
    assert_eq!(card.start(), "0.2.0", "and it stays");
    let config = fs::read_to_string(card.path("boot/firmware/config.txt")).expect("there");
    assert_eq!(config, "# what starts\nos_prefix=b/\nkernel=vmlinuz\n");
    assert_eq!(
        confirm(&card.slots(), |_| panic!("there is nothing to decide")).expect("decided"),
        Verdict::Nothing
    );

    let older = card.install(&card.update("0.1.5", &[]), fine).expect_err("older");
    assert!(older.to_string().contains("--allow-downgrade"), "{older}");
    assert_eq!(card.install(&card.update("0.3.0", &["--plain"]), fine).expect("newer"), Slot::A);
    restart(&card.slots(), true).expect("ready");
    assert_eq!(card.start(), "0.3.0");
}

#[test]
fn a_release_that_does_not_work_or_never_says_so_is_given_up_and_can_be_tried_again() {
    let Some(card) = card() else { return };
    let file = card.update("0.2.0", &[]);
    for _ in 0..2 {
        card.install(&file, fine).expect("installed");
        restart(&card.slots(), true).expect("ready");
        assert_eq!(card.start(), "0.2.0");
        let verdict = confirm(&card.slots(), |_| Err("no page".into())).expect("decided");
        assert_eq!(verdict, Verdict::GivenUp("0.2.0".into()));
        assert_eq!(card.start(), "0.1.0");
        assert_eq!(card.phase(), Some(Phase::Failed));
        assert!(card.worked(&["--status"]).contains("did not work, and was given up (no page)"));
    }
    card.install(&file, fine).expect("installed");
    restart(&card.slots(), true).expect("ready");
    assert_eq!(card.start(), "0.2.0");
    // It hangs there until somebody pulls the plug.
    assert_eq!(card.start(), "0.1.0");
    let verdict = confirm(&card.slots(), |_| panic!("this slot is not on trial")).expect("decided");
    assert_eq!(verdict, Verdict::CameBack("0.2.0".into()));
    assert!(!card.path("boot/firmware/tryboot.txt").exists());
    let none = restart(&card.slots(), true).expect_err("nothing is ready");
    assert!(none.to_string().contains("install one first"), "{none}");
}

#[test]
fn the_power_may_go_after_any_step() {
    let Some(card) = card() else { return };
    let file = card.update("0.2.0", &[]);
    let mut steps = 0;
    loop {
        let mut left = steps;
        let cut = |_| match left {
            0 => Err(UpdateError::Stopped),
            _ => {
                left -= 1;
                Ok(())
            }
        };
        let done = card.install(&file, cut);
        // Even a restart on purpose, by somebody who believes that it is done.
        card.write("run/systemd/reboot-param", b"0 tryboot");
        let offered = card.path("boot/firmware/tryboot.txt").exists();
        assert_eq!(card.start(), if offered { "0.2.0" } else { "0.1.0" }, "cut after {steps} steps");
        if offered {
            assert!(confirm(&card.slots(), |_| Err("not yet".into())).is_ok());
            assert_eq!(card.start(), "0.1.0");
        }
        match done {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, UpdateError::Stopped), "{error}"),
        }
        steps += 1;
    }
    assert!(steps >= 7, "{steps} steps");
    card.install(&file, fine).expect("installed");
    restart(&card.slots(), true).expect("ready");
    assert_eq!(card.start(), "0.2.0");
    // It was kept, and the power went before that was written down.
    card.slots().keep(Slot::B).expect("kept");
    assert_eq!(card.start(), "0.2.0");
    let verdict = confirm(&card.slots(), |_| panic!("it was decided already")).expect("decided");
    assert_eq!(verdict, Verdict::Kept("0.2.0".into()));
}

#[test]
fn a_killed_update_leaves_the_running_slot_alone_and_is_done_again() {
    let Some(card) = card() else { return };
    let file = card.update("0.2.0", &[]);
    let file = file.to_str().expect("UTF-8");
    for millis in (0..20).map(|n| n * n) {
        let mut child = card.command(&[file]).spawn().expect("it starts");
        thread::sleep(Duration::from_millis(millis));
        let _ = child.kill();
        let _ = child.wait();
        card.write("run/systemd/reboot-param", b"0 tryboot");
        if card.start() == "0.2.0" {
            assert!(confirm(&card.slots(), |_| Err("not yet".into())).is_ok());
            assert_eq!(card.start(), "0.1.0");
        }
    }
    card.worked(&[file, "--reboot"]);
    assert_eq!(card.start(), "0.2.0");
}

#[test]
fn nothing_is_written_of_what_is_not_signed_or_not_for_this_card() {
    let Some(card) = card() else { return };
    card.key("-other");
    let good = card.update("0.2.0", &[]);
    let bytes = fs::read(&good).expect("read");
    let like = |name: &str, bytes: &[u8]| {
        card.write(name, bytes);
        fs::copy(good.with_extension("0.minisig"), card.path(&format!("{name}.minisig"))).expect("copied");
        card.path(name)
    };
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let unsigned = card.path("unsigned");
    fs::write(&unsigned, &bytes).expect("written");
    let newer = (store::SCHEMA + 1).to_string();
    for (file, named) in [
        (like("flipped", &flipped), "damaged or cut off"),
        (like("cut", &bytes[..bytes.len() - 10_000]), "damaged or cut off"),
        (like("longer", &[&bytes[..], b"more"].concat()), "damaged or cut off"),
        (unsigned, "the signature"),
        (card.made("0.2.0", ROOT, "-other", &[]), "not signed with the key of this card"),
        (card.path("nowhere"), "the signature"),
        (card.update("0.2.1", &["--arch", "riscv64"]), "this update is for riscv64"),
        (card.update("0.2.2", &["--board", "raspberrypi,3-model-b"]), "this board is raspberrypi,4-model-b"),
        (card.update("0.0.9", &[]), "older than"),
        (card.update("0.2.3", &["--schema", "1"]), "cannot read the store"),
        (card.made("0.2.4", SLOT + 1, "", &[]), "does not fit its slot"),
    ] {
        let error = card.install(&file, |step| panic!("{step:?}")).expect_err(named).to_string();
        assert!(error.contains(named) && error.contains("nothing was changed"), "{named}: {error}");
    }
    let room = Allowed { schema: store::SCHEMA, store_bytes: 1 << 50, ..Allowed::default() };
    let migrates = card.update("0.2.5", &["--schema", &newer]);
    let bundle = card.bundle(&migrates).expect("signed");
    let error =
        install(&card.slots(), &bundle, room, |step| panic!("{step:?}")).expect_err("no room").to_string();
    assert!(error.contains("a copy of the store"), "{error}");
    assert!(card.install(&migrates, fine).is_ok(), "with room it goes");
    card.write("proc/cmdline", b"root=/dev/sda1 quiet\n");
    let output = card.run(&[good.to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("no netmonitor card"), "{said}");
    assert!(card.run(&["--confirm"]).status.success(), "the unit is harmless elsewhere");
}

#[test]
fn a_file_that_changes_after_its_check_does_not_get_through() {
    let Some(card) = card() else { return };
    let file = card.update("0.2.0", &["--plain"]);
    let swapped = fs::read(&file).expect("read");
    let kernel = kernel("0.2.0");
    let kernel = swapped.windows(kernel.len()).rposition(|bytes| bytes == kernel).expect("it is in there");
    for at in [5000, 3 << 20, kernel] {
        let bundle = card.bundle(&file).expect("signed");
        let mut changed = swapped.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).expect("written");
        let allowed = Allowed { schema: store::SCHEMA, ..Allowed::default() };
        let error = install(&card.slots(), &bundle, allowed, fine).expect_err("changed");
        assert!(matches!(error, UpdateError::Bundle(_)), "{at}: {error}");
        card.write("run/systemd/reboot-param", b"0 tryboot");
        assert_eq!(card.start(), "0.1.0");
        fs::write(&file, &swapped).expect("written");
    }
}

/// Serves these files, one connection after the other, until the test ends.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let name = head.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
            let answer = match fs::read(folder.join(name)) {
                Ok(bytes) => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                        bytes.len()
                    );
                    [head.as_bytes(), &bytes].concat()
                }
                Err(_) => {
                    b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()
                }
            };
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://{address}")
}

#[test]
fn an_update_comes_from_a_url_and_leaves_nothing_behind() {
    let Some(card) = card() else { return };
    card.update("0.2.0", &[]);
    let url = serve(card.dir.path().to_owned());
    let missing = card.run(&[&format!("{url}/nothing")]);
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(said.contains("404") && said.contains("nothing was changed"), "{said}");
    let said = card.worked(&[&format!("{url}/update-0.2.0"), "--reboot"]);
    assert!(said.contains("restarting"), "{said}");
    assert_eq!(card.start(), "0.2.0");
    let left: Vec<_> = fs::read_dir(card.path("var/lib/netmonitor")).expect("there").flatten().collect();
    assert_eq!(left.len(), 1, "the record alone: {left:?}");
}

/// The most memory that a process had when it ended, KiB.
fn peak(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        most = most.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0));
        thread::sleep(Duration::from_millis(5));
    }
    most
}

#[test]
fn an_update_of_any_size_takes_little_memory() {
    let Some(card) = card() else { return };
    let large = 96 << 20;
    card.write("dev/mmcblk0p3", &vec![0; large]);
    let file = card.made("0.2.0", large, "", &["--plain"]);
    let mut child = card.command(&[file.to_str().expect("UTF-8")]).spawn().expect("it starts");
    let most = peak(&mut child);
    assert!(child.wait().expect("a child").success());
    eprintln!("update of 96 MiB: {most} KiB at most");
    assert!((1..24 * 1024).contains(&most), "{most} KiB");
}

#[test]
fn a_slot_that_captures_and_answers_is_kept_by_the_command() {
    let Some(card) = card() else { return };
    card.install(&card.update("0.2.0", &[]), fine).expect("installed");
    restart(&card.slots(), true).expect("ready");
    assert_eq!(card.start(), "0.2.0");
    lab::on_a_cable(|_| {
        let folder = card.path("var/lib/netmonitor");
        let run = card.path("run/netmonitor");
        let port = ("NETMONITOR_DASHBOARD_PORT", "18993");
        let _monitor =
            lab::Monitor::start(&folder, &[port, ("RUNTIME_DIRECTORY", run.to_str().expect("UTF-8"))]);
        let output = card.command(&["--confirm"]).env(port.0, port.1).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(card.phase(), Some(Phase::Kept));
        assert_eq!(card.start(), "0.2.0");
    });
}

#[test]
fn the_maker_knows_the_schema_that_this_release_writes() {
    let fact = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/schema")).expect("there");
    assert_eq!(fact.trim(), store::SCHEMA.to_string());
}
