//! Sets `dashboard.server` in a settings file, one line of it; all others stay as their owner wrote them.

use crate::cli::read_config;
use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Makes the file at `path` say `wanted`, all or nothing; a file that is missing is made.
pub(super) fn set(path: &Path, wanted: &str) -> Result<(), Box<dyn Error>> {
    if !matches!(wanted, "embedded" | "standalone" | "off") {
        return Err(format!("--server {wanted:?}: expected embedded, standalone or off").into());
    }
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(named)?,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(named)?;
    }
    let new = path.with_added_extension("new");
    fs::write(&new, with_server(&text, wanted)).map_err(named)?;
    if let Ok(old) = fs::metadata(path) {
        fs::set_permissions(&new, old.permissions()).map_err(named)?;
    }
    let read = read_config(Some(&new), &[]);
    let problem = match &read {
        Ok(config) if format!("{:?}", config.dashboard.server).to_lowercase() == wanted => {
            fs::rename(&new, path).map_err(named)?;
            return Ok(());
        }
        Ok(_) => "it is set elsewhere, perhaps by the environment".to_owned(),
        Err(error) => error.to_string(),
    };
    // It is ours, and worth nothing.
    let _ = fs::remove_file(&new);
    Err(format!("{}: dashboard.server cannot be changed here: {problem}", path.display()).into())
}

fn with_server(text: &str, wanted: &str) -> String {
    let setting = format!("server = \"{wanted}\"");
    let mut lines: Vec<&str> = text.lines().collect();
    let is_header = |line: &str| line.trim_start().starts_with('[');
    match lines.iter().position(|line| line.trim_start().starts_with("[dashboard]")) {
        None => lines.extend(["", "[dashboard]", &setting]),
        Some(header) => {
            let length = lines[header + 1..].iter().position(|line| is_header(line));
            let end = length.map_or(lines.len(), |length| header + 1 + length);
            let is_server = |line: &&str| {
                line.trim_start()
                    .strip_prefix("server")
                    .is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            match lines[header + 1..end].iter().position(is_server) {
                Some(at) => lines[header + 1 + at] = &setting,
                None => lines.insert(header + 1, &setting),
            }
        }
    }
    lines.join("\n").trim_start_matches('\n').to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_changes_and_the_owners_words_stay() {
        let old =
            "# mine\n[dashboard] # here\n  server = \"embedded\" # as ever\nport = 81\n[log]\nserver = 1\n";
        let new = "# mine\n[dashboard] # here\nserver = \"standalone\"\nport = 81\n[log]\nserver = 1\n";
        assert_eq!(with_server(old, "standalone"), new);
        assert_eq!(with_server(new, "standalone"), new);
        assert_eq!(with_server("", "off"), "[dashboard]\nserver = \"off\"\n");
        let apart = with_server("[dashboard]\nport = 81\n[log]\n", "off");
        assert_eq!(apart, "[dashboard]\nserver = \"off\"\nport = 81\n[log]\n");
    }

    #[test]
    fn what_would_not_load_is_not_written() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("config.toml");
        let old = "dashboard.server = \"embedded\"\n";
        fs::write(&path, old).expect("written");
        assert!(set(&path, "standalone").is_err(), "set twice");
        assert!(set(&path, "gunicorns").is_err(), "no such mode");
        assert_eq!(fs::read_to_string(&path).expect("there"), old);
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1, "nothing is left beside it");
        fs::remove_file(&path).expect("removed");
        set(&path, "standalone").expect("a file is made");
        assert!(fs::read_to_string(&path).expect("there").contains("standalone"));
    }
}
