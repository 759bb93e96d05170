//! `ransomware`: one client turns the files of a share into something unreadable.
//!
//! Evidence, from the names in SMB messages: files with an ordinary ending (`.docx`, `.jpg`) that are renamed to, or
//! replaced by, ones with an ending that no program of a house or office uses; and the same ransom note put into several
//! folders. Contents are not looked at.
//!
//! Not signs: new files with ordinary endings (a photo import, unpacking, a git checkout), and what programs do while they
//! save: `x.tmp` renamed to `x.docx`, `x.jpg` kept as `x.jpg.bak`.
//!
//! Known false alarms: a program that encrypts or converts a whole folder and gives each file an ending of its own.

use super::settings::settings;
use super::window::{Distinct, Pace, Rate, mix};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::Flow;
use crate::wire::smb::Said;
use crate::words::say;

settings! {
    /// Settings of `ransomware`.
    RansomwareSettings {
        /// Files of one client that get a strange ending within a minute. 20 to 1000; ransomware does hundreds, people a
        /// handful.
        files: u32 = 100, 20..=1000;
        /// Folders into which one client puts the same ransom note within five minutes. 2 to 8.
        notes: u32 = 3, 2..=8;
        /// Files with a strange ending within a minute that are enough beside one ransom note. 5 to 100.
        files_with_note: u32 = 20, 5..=100;
    }
}

/// The window of files, seconds.
const SECONDS: usize = 60;
/// The window of notes, seconds.
const NOTE_SECONDS: u32 = 300;
/// Longest ending: what is longer is a sentence.
const LONGEST: usize = 32;

/// Endings of files that people and their programs have.
#[rustfmt::skip]
const USUAL: [&str; 147] = [
    "txt", "doc", "docx", "docm", "dot", "dotx", "rtf", "odt", "ods", "odp", "odg", "xls", "xlsx", "xlsm", "xlsb", "xltx",
    "csv", "tsv", "ppt", "pptx", "pptm", "pps", "ppsx", "pdf", "xps", "epub", "mobi", "azw3", "pages", "numbers", "key", "md",
    "tex", "log", "ini", "cfg", "conf", "xml", "json", "yaml", "yml", "toml", "sql", "db", "sqlite", "mdb", "accdb", "dbf",
    "pst", "ost", "msg", "eml", "vcf", "ics", "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "heic", "heif", "avif",
    "svg", "ico", "psd", "psb", "ai", "eps", "indd", "raw", "cr2", "cr3", "nef", "arw", "dng", "orf", "rw2", "raf", "xmp", "lrcat",
    "mp3", "flac", "wav", "m4a", "aac", "ogg", "opus", "wma", "aiff", "mp4", "mkv", "avi", "mov", "wmv", "mts", "m2ts", "m4v",
    "mpg", "mpeg", "webm", "srt", "nfo", "zip", "rar", "7z", "gz", "tgz", "bz2", "xz", "zst", "tar", "iso", "img", "vhd", "vhdx",
    "vmdk", "qcow2", "exe", "dll", "msi", "bat", "cmd", "ps1", "sh", "py", "js", "ts", "c", "cpp", "h", "cs", "java", "php", "go",
    "rs", "html", "htm", "css", "dwg", "dxf", "stl", "3mf", "gcode", "skp",
];
/// Endings of files on their way, set aside, or protected by their owner.
#[rustfmt::skip]
const PASSING: [&str; 34] = [
    "tmp", "temp", "bak", "backup", "old", "orig", "save", "sav", "prev", "part", "partial", "filepart", "crdownload", "download",
    "!qb", "!ut", "new", "swp", "lock", "done", "processed", "imported", "deleted", "removed", "disabled", "failed", "gpg", "asc",
    "age", "pgp", "sig", "enc", "c9r", "lnk",
];

/// What one client did: about 370 bytes.
#[derive(Default)]
struct Client {
    files: Rate<SECONDS>,
    notes: Distinct<8>,
    note: u64,
    pace: Pace,
}

/// What happened to a file under its ordinary name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    /// It was deleted.
    Gone,
    /// A file of that name with a strange ending behind it was made.
    Doubled,
}

/// See the module.
pub struct Ransomware {
    settings: RansomwareSettings,
    clients: Bounded<Ip, Client>,
    halves: Bounded<u64, Half>,
}

impl Detector for Ransomware {
    const KIND: Kind = Kind {
        id: "ransomware",
        severity: Severity::Critical,
        mitre: &["T1486"],
        en: Texts {
            title: "Files are being encrypted",
            what: "One device is changing file after file on a shared disk into files that cannot be opened any more. That is what ransomware does before it asks for money.",
            why: "Within a minute it gave many ordinary files an ending that no known program uses, or it put the same ransom note into several folders.",
            harmless: "A program that converts or encrypts a whole folder on purpose and gives each file an ending of its own.",
            todo: "Disconnect this device from the network now, then the shared disk. Do not switch them off, do not delete anything. Find out from a backup that is not connected what can be restored.",
            silence: "Mute ransomware with the device that does it on purpose as the source and the file server as the target.",
        },
        nl: Texts {
            title: "Bestanden worden versleuteld",
            what: "Eén apparaat verandert op een gedeelde schijf het ene na het andere bestand in iets dat niet meer te openen is. Dat doet gijzelsoftware voordat ze om geld vraagt.",
            why: "Binnen een minuut kregen veel gewone bestanden een extensie die geen bekend programma gebruikt, of dezelfde losgeldbrief werd in meerdere mappen gezet.",
            harmless: "Een programma dat met opzet een hele map omzet of versleutelt en elk bestand een eigen extensie geeft.",
            todo: "Koppel dit apparaat nu los van het netwerk, en daarna de gedeelde schijf. Zet ze niet uit en verwijder niets. Zoek uit wat er uit een niet-aangesloten back-up terug te zetten is.",
            silence: "Demp ransomware met het apparaat dat dit met opzet doet als bron en de bestandsserver als doel.",
        },
    };
    const INTEREST: u64 = interest::SMB;
    type Settings = RansomwareSettings;

    fn new(settings: &RansomwareSettings, keys: usize) -> Self {
        Ransomware {
            settings: settings.clone(),
            clients: Bounded::new((keys / 32).max(16)),
            halves: Bounded::new((keys / 2).max(64)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Smb(flow, said) = observation else { return };
        match said {
            Said::Renamed { from, to, .. } if is_disguise(from, to) => self.lost(cx, flow, to, out),
            Said::Renamed { to, .. } if is_note(to) => self.note(cx, flow, to, out),
            Said::Deleted { name, .. } if is_usual(extension(name)) => {
                self.half(cx, flow, (name, name), Half::Gone, out);
            }
            Said::Opened(file) if file.created && is_note(file.name) => self.note(cx, flow, file.name, out),
            Said::Opened(file) if file.created && is_disguise("", file.name) => {
                let before = file.name.rsplit_once('.').map_or("", |(before, _)| before);
                self.half(cx, flow, (before, file.name), Half::Doubled, out);
            }
            _ => {}
        }
    }
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('\\').next().unwrap_or(path)
}

/// What follows the last dot of a file's name.
fn extension(path: &str) -> &str {
    file_name(path).rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_usual(extension: &str) -> bool {
    USUAL.iter().any(|usual| extension.eq_ignore_ascii_case(usual))
}

/// Whether an ending belongs to no program: not usual, not passing, no number, and short enough to be one.
fn is_strange(extension: &str) -> bool {
    let begins = |start: &str| extension.get(..start.len()).is_some_and(|e| e.eq_ignore_ascii_case(start));
    let passing = PASSING.iter().any(|passing| extension.eq_ignore_ascii_case(passing))
        || begins("sb-")
        || begins("smbdelete")
        || extension.ends_with('~')
        || extension.ends_with("_original")
        || extension.bytes().all(|b| b.is_ascii_digit());
    !extension.is_empty()
        && extension.len() <= LONGEST
        && !extension.contains(' ')
        && !passing
        && !is_usual(extension)
}

/// Whether an ordinary file becomes a strange one. When its old name was not seen, the new one must show it: `a.docx.xyz`.
fn is_disguise(from: &str, to: &str) -> bool {
    let before = if from.is_empty() { to.rsplit_once('.').map_or("", |(before, _)| before) } else { from };
    is_usual(extension(before)) && is_strange(extension(to)) && !file_name(to).starts_with(['.', '~'])
}

/// Whether a file's name is one that extortionists give their letters.
fn is_note(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    let letter = ["txt", "html", "htm", "hta", "rtf", "url", "png", "bmp"].contains(&extension(&name));
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let files = has(&["file", "data", "your", "my_", "instruction", "how", "read", "!!"]);
    let rescue = has(&["decrypt", "recover", "restore", "unlock", "get_back", "ransom"]);
    letter && (files && rescue || name == "_readme.txt" || has(&["how_to_back_files", "ryukreadme"]))
}

impl Ransomware {
    /// One half of "make the encrypted copy, delete the original", in either order.
    fn half(
        &mut self,
        cx: &Context<'_>,
        flow: &Flow,
        (before, name): (&str, &str),
        half: Half,
        out: &mut Findings,
    ) {
        let key = mix(ip_part(flow.client) ^ text_part(before));
        match self.halves.remove(&key) {
            Some(other) if other != half => self.lost(cx, flow, name, out),
            _ => {
                self.halves.insert_new(key, half);
            }
        }
    }

    /// An ordinary file has become a strange one.
    fn lost(&mut self, cx: &Context<'_>, flow: &Flow, name: &str, out: &mut Findings) {
        self.clients.entry(flow.client, Client::default).0.files.add(cx.now, 1);
        self.judge(cx, flow, name, out);
    }

    /// A ransom note was written.
    fn note(&mut self, cx: &Context<'_>, flow: &Flow, path: &str, out: &mut Findings) {
        let client = self.clients.entry(flow.client, Client::default).0;
        let note = text_part(file_name(path));
        if client.note != note {
            (client.note, client.notes) = (note, Distinct::default());
        }
        let folder = path.len() - file_name(path).len();
        *client.notes.seen(text_part(&path[..folder]) as u32, cx.tick()).0 = 1;
        self.judge(cx, flow, path, out);
    }

    fn judge(&mut self, cx: &Context<'_>, flow: &Flow, name: &str, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let client = self.clients.entry(flow.client, Client::default).0;
        let files = client.files.total(cx.now);
        let notes = client.notes.within(now, NOTE_SECONDS).0;
        let threshold = if notes > 0 { s.files_with_note } else { s.files };
        if files <= u64::from(threshold) && notes < s.notes || !client.pace.due(now) {
            return;
        }
        let summary = say!(
            "{} makes files on {} unreadable: {files} in {SECONDS} s, {notes} ransom notes, such as {}",
            "{} maakt bestanden op {} onleesbaar: {files} in {SECONDS} s, losgeldbrieven: {notes}, zoals {}",
            flow.client,
            flow.server,
            file_name(name)
        );
        let evidence = evidence! {
            "files" => files, "threshold" => threshold, "window_s" => SECONDS, "notes" => notes,
            "notes_threshold" => s.notes, "example" => file_name(name),
        };
        let finding = Self::KIND.finding(Severity::Critical, &[ip_part(flow.client)], summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, tcp};
    use crate::wire::smb::File;

    fn flow() -> Flow {
        tcp("10.0.0.5", "10.0.0.9", 445)
    }

    fn rename(b: &mut Bench<Ransomware>, from: &str, to: &str) {
        b.see(&Observation::Smb(&flow(), &Said::Renamed { share: "data", from, to }));
    }

    fn create(b: &mut Bench<Ransomware>, name: &str) {
        let file = File { share: "data", name, writes: true, created: true };
        b.see(&Observation::Smb(&flow(), &Said::Opened(&file)));
    }

    #[test]
    fn renaming_a_share_to_strange_endings_is_one_critical_alert() {
        for ending in ["lockbit", "a1F9", "id-7.crypt"] {
            let mut b = Bench::<Ransomware>::new();
            for i in 0..150 {
                rename(&mut b, &format!("d\\f{i}.docx"), &format!("d\\f{i}.docx.{ending}"));
                b.wait(0.2);
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical), "{ending}");
        }
    }

    #[test]
    fn encrypted_copies_beside_deleted_originals_count_in_either_order() {
        let mut b = Bench::<Ransomware>::new();
        for i in 0..130 {
            let (plain, strange) = (format!("f{i}.jpg"), format!("f{i}.jpg.kraken"));
            let delete = Said::Deleted { share: "data", name: &plain };
            if i % 2 == 0 {
                b.see(&Observation::Smb(&flow(), &delete));
                create(&mut b, &strange);
            } else {
                create(&mut b, &strange);
                b.see(&Observation::Smb(&flow(), &delete));
            }
            b.wait(0.3);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn what_programs_do_while_they_save_copy_and_clean_up_is_silent() {
        let mut b = Bench::<Ransomware>::new();
        for i in 0..500 {
            create(&mut b, &format!("import\\IMG_{i}.JPG"));
            rename(&mut b, &format!("a\\{i}.tmp"), &format!("a\\{i}.xlsx"));
            rename(&mut b, &format!("a\\{i}.docx"), &format!("a\\{i}.docx.bak"));
            rename(&mut b, &format!("a\\{i}.jpg"), &format!("a\\{i}.jpg_original"));
            rename(&mut b, &format!("a\\{i}.docx"), &format!("a\\{i}.docx.sb-4f1-Xy"));
            rename(&mut b, &format!("a\\x{i}.log"), &format!("a\\x{i}.log.7"));
            rename(&mut b, &format!("a\\{i}.mkv.!qB"), &format!("a\\{i}.mkv"));
            rename(&mut b, &format!("a\\{i}.pdf"), &format!("trash\\{i}.pdf"));
            b.see(&Observation::Smb(&flow(), &Said::Deleted { share: "data", name: &format!("b\\{i}.jpg") }));
            b.wait(0.05);
        }
        assert!(b.found.is_empty(), "{:?}", b.last());
    }

    #[test]
    fn a_ransom_note_in_three_folders_is_told_and_one_readme_is_not() {
        let mut b = Bench::<Ransomware>::new();
        for folder in ["a", "b", "c\\d"] {
            create(&mut b, &format!("{folder}\\README.txt"));
            create(&mut b, &format!("{folder}\\restore.txt"));
        }
        create(&mut b, "a\\HOW_TO_RECOVER_FILES.html");
        assert!(b.found.is_empty(), "{:?}", b.found);
        for folder in ["b", "c\\d"] {
            create(&mut b, &format!("{folder}\\HOW_TO_RECOVER_FILES.html"));
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn names_of_notes_are_known_from_ordinary_ones() {
        for note in [
            "README_TO_DECRYPT.txt",
            "_readme.txt",
            "HOW_TO_RECOVER.txt",
            "!!!RESTORE_FILES!!!.hta",
            "RECOVER-YOUR-DATA.txt",
        ] {
            assert!(is_note(&format!("x\\{note}")), "{note}");
        }
        for plain in
            ["readme.txt", "recovery.pdf", "decrypt.py", "Restore.docx", "datasheet.txt", "unlocked.png"]
        {
            assert!(!is_note(plain), "{plain}");
        }
    }

    #[test]
    fn a_flood_of_made_up_clients_stays_within_its_tables() {
        let mut b = Bench::<Ransomware>::with(&RansomwareSettings::default(), 64);
        for i in 0..20_000u32 {
            let flow = Flow { client: Ip::v4(i.to_be_bytes()), ..flow() };
            let (from, to) = ("a.doc", "a.doc.xyz");
            b.see(&Observation::Smb(&flow, &Said::Renamed { share: "s", from, to }));
            b.see(&Observation::Smb(&flow, &Said::Deleted { share: "s", name: "b.doc" }));
        }
        assert!(b.found.is_empty() && b.detector.clients.len() <= 16 && b.detector.halves.len() <= 64);
    }
}
