//! URLs of lists and requests, in one form: host and path, without scheme, port, user and fragment.

use crate::wire::clean_text;

/// Of a longer path only so much counts, as [`crate::wire::http`] keeps no more of it.
const MAX_PATH: usize = 512;

/// Hosts where strangers keep their files side by side: a bad URL there says nothing of the others.
const SHARED: &[&str] = &[
    "amazonaws.com",
    "archive.org",
    "backblazeb2.com",
    "bit.ly",
    "bitbucket.org",
    "blogspot.com",
    "box.com",
    "canva.com",
    "catbox.moe",
    "cloudfront.net",
    "codeberg.org",
    "digitaloceanspaces.com",
    "discord.com",
    "discordapp.com",
    "discordapp.net",
    "dropbox.com",
    "dropboxusercontent.com",
    "facebook.com",
    "firebasestorage.app",
    "forms.gle",
    "gitee.com",
    "github.com",
    "githubusercontent.com",
    "gitlab.com",
    "goo.gl",
    "google.com",
    "googleapis.com",
    "googleusercontent.com",
    "instagram.com",
    "ipfs.io",
    "is.gd",
    "jsdelivr.net",
    "linkedin.com",
    "live.com",
    "mediafire.com",
    "mega.nz",
    "microsoft.com",
    "notion.so",
    "office.com",
    "onedrive.com",
    "paste.ee",
    "pastebin.com",
    "pinterest.com",
    "reddit.com",
    "rentry.co",
    "sharepoint.com",
    "sourceforge.net",
    "t.co",
    "t.me",
    "telegra.ph",
    "telegram.org",
    "tinyurl.com",
    "transfer.sh",
    "twitter.com",
    "typeform.com",
    "unpkg.com",
    "wetransfer.com",
    "windows.net",
    "wordpress.com",
    "x.com",
    "yahoo.com",
    "yandex.ru",
    "youtube.com",
];

/// Host, as it is written, and path of a URL or of a bare `host/path`.
pub(super) fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or(host),
        None => host,
    };
    (host, path)
}

/// The hash of a URL; `target` may be a path or a whole URL, as proxies are asked for.
pub(super) fn hash(key: u64, host: &str, target: &str) -> u64 {
    let path = if target.starts_with('/') { target } else { split(target).1 };
    let path = clean_text(path.split('#').next().unwrap_or(path).as_bytes(), MAX_PATH);
    let slash = if path.starts_with('/') { "" } else { "/" };
    super::hash(key, host.bytes().chain(slash.bytes()).chain(path.bytes()))
}

/// Whether strangers share `host`.
pub(super) fn is_shared(host: &str) -> bool {
    SHARED.iter().any(|shared| host.strip_suffix(shared).is_some_and(|r| r.is_empty() || r.ends_with('.')))
}
