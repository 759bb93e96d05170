//! Packs `assets/` for the binary: all modules of the page as one script, all style sheets as one, both compressed and
//! named by their content, and a document that names them so. The files stay plain ES modules that run unpacked.
//!
//! Each module becomes a function of its own that returns what it exports, in the order of the imports. That is no
//! bundler: modules keep to a strict form, and a module that does not fails the build with its file and line.
//! `import { a, b as c } from "./x.js";`, `import x from "./x.js";`, `export const|class|function|async function`,
//! `export default`; no import cycles, no `import(…)`, `import *`, `import.meta`, no re-exports, no `export let`, no
//! `await` outside of functions, no template literal over several lines (so that comment lines can be told and left out).

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Where the page begins.
const ENTRY: &str = "app.js";
/// Runs before the first paint, so it stands in the document itself; the policy lets it by its digest.
const INLINE: &str = "theme.js";

fn main() {
    println!("cargo::rerun-if-changed=assets");
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    if let Err(problem) = write(Path::new("assets"), Path::new(&out)) {
        println!("cargo::error={problem}");
        std::process::exit(1);
    }
}

/// The page as it is served.
pub struct Page {
    /// The document, with the names of the files below.
    pub document: String,
    /// What the policy names to let the inline script run: `'sha256-…'`.
    pub inline: String,
    /// Name under `/static/` and content.
    pub files: Vec<(String, String)>,
}

/// Writes the packed page into `out`, with `page.rs`, which `src/http/assets.rs` includes.
fn write(assets: &Path, out: &Path) -> Result<(), String> {
    let mut sources = BTreeMap::new();
    for entry in std::fs::read_dir(assets).map_err(|e| format!("assets: {e}"))? {
        let path = entry.map_err(|e| format!("assets: {e}"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = ["js", "css", "svg", "html", "json"];
        if path.extension().is_some_and(|e| wanted.iter().any(|w| e == *w)) {
            let text = std::fs::read_to_string(&path).map_err(|e| format!("assets/{name}: {e}"))?;
            sources.insert(name, text);
        }
    }
    let page = pack(&sources)?;
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(out.join(name), bytes).map_err(|e| format!("{}: {e}", out.join(name).display()))
    };
    let mut table = String::new();
    for (name, text) in
        page.files.iter().chain([&("openapi.json".to_owned(), sources["openapi.json"].clone())])
    {
        put(&format!("{name}.gz"), &gzip(text.as_bytes()))?;
        let digest = &hex(text.as_bytes())[..16];
        let at = format!("concat!(env!(\"OUT_DIR\"), \"/{name}.gz\")");
        // Writing to a string cannot fail.
        let _ =
            writeln!(table, "Packed {{ name: {name:?}, digest: {digest:?}, gzip: include_bytes!({at}) }},");
    }
    let (document, inline) = (&page.document, &page.inline);
    let source = format!(
        "/// Everything under `/static/`, and the API's description.\nconst FILES: &[Packed] = &[\n{table}];\n\
         /// The document of every page.\nconst DOCUMENT: &str = {document:?};\n"
    );
    println!("cargo::rustc-env=PAGE_INLINE={inline}");
    put("page.rs", source.as_bytes())
}

/// Makes the page of the files of `assets/`.
pub fn pack(sources: &BTreeMap<String, String>) -> Result<Page, String> {
    let of = |kind: &'static str| sources.iter().filter(move |(name, _)| name.ends_with(kind));
    let get = |name: &str| sources.get(name).ok_or_else(|| format!("assets/{name} is missing"));
    let code = get(INLINE)?.lines().filter(|line| !line.trim_start().starts_with("//"));
    let inline = code.collect::<Vec<_>>().join("\n");
    let inline = inline.trim();
    if inline.contains("</script") {
        return Err(format!("assets/{INLINE}: this ends the script element it stands in"));
    }
    let mut document = get("index.html")?.clone();
    let mut replace = |what: &str, by: &str| {
        let times = document.matches(what).count();
        document = document.replace(what, by);
        if times == 1 {
            Ok(())
        } else {
            Err(format!("assets/index.html: {what} stands there {times} times, not once"))
        }
    };
    let script = script(sources)?;
    let mut sheets = get("app.css")?.clone();
    for (name, text) in of(".css").filter(|(name, _)| *name != "app.css") {
        let _ = write!(sheets, "\n/* {name} */\n{text}");
    }
    let mut files = Vec::new();
    let mut packed = vec![("app.js", &script), ("app.css", &sheets)];
    packed.extend(of(".svg").map(|(name, text)| (name.as_str(), text)));
    for (name, text) in packed {
        let (stem, kind) = name.split_once('.').expect("chosen by it");
        let hashed = format!("{stem}-{}.{kind}", &hex(text.as_bytes())[..12]);
        replace(&format!("\"static/{name}\""), &format!("\"static/{hashed}\""))?;
        files.push((hashed, text.clone()));
    }
    replace(&format!("<script src=\"static/{INLINE}\"></script>"), &format!("<script>{inline}</script>"))?;
    let inline = format!("'sha256-{}'", base64(&Sha256::digest(inline.as_bytes())));
    Ok(Page { document, inline, files })
}

/// All modules as one script.
fn script(sources: &BTreeMap<String, String>) -> Result<String, String> {
    let modules: BTreeMap<&str, &str> = sources
        .iter()
        .filter(|(name, _)| name.ends_with(".js") && *name != INLINE)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let mut packed = Packer { modules: &modules, done: Vec::new(), path: Vec::new(), script: String::new() };
    packed.module(ENTRY, "")?;
    match modules.keys().find(|name| !packed.done.contains(&(**name).to_owned())) {
        Some(lost) => Err(format!("assets/{lost}: no module that the page runs imports it")),
        None => Ok(packed.script),
    }
}

/// The modules packed so far, and the way to the one at hand.
struct Packer<'a> {
    modules: &'a BTreeMap<&'a str, &'a str>,
    done: Vec<String>,
    path: Vec<String>,
    script: String,
}

impl Packer<'_> {
    /// Packs `name` after everything that it imports, as a browser would run them.
    fn module(&mut self, name: &str, from: &str) -> Result<(), String> {
        if self.done.iter().any(|done| done == name) {
            return Ok(());
        }
        if self.path.iter().any(|on_the_way| on_the_way == name) {
            return Err(format!("{from}: an import cycle: {} -> {name}", self.path.join(" -> ")));
        }
        let text = *self.modules.get(name).ok_or_else(|| format!("{from}: there is no assets/{name}"))?;
        let module = Module::read(name, text)?;
        self.path.push(name.to_owned());
        for (imported, at) in &module.imports {
            self.module(imported, at)?;
        }
        self.path.pop();
        self.done.push(name.to_owned());
        let (own, exports) = (variable(name), module.exports.join(", "));
        let body = module.body;
        let _ = write!(
            self.script,
            "// {name}\nconst {own} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"
        );
        Ok(())
    }
}

/// One module, its imports and exports written as a function would take and give them.
#[derive(Default)]
struct Module {
    body: String,
    exports: Vec<String>,
    /// File and where it is imported.
    imports: Vec<(String, String)>,
}

impl Module {
    fn read(name: &str, text: &str) -> Result<Self, String> {
        let mut module = Module::default();
        let mut lines = text.lines().enumerate();
        let mut comment = false;
        while let Some((at, line)) = lines.next() {
            let at = format!("assets/{name}:{}", at + 1);
            let bare = line.trim_start();
            if comment || bare.starts_with("//") || bare.starts_with("/*") {
                comment = (comment || bare.starts_with("/*")) && !bare.contains("*/");
                if !comment && bare.split_once("*/").is_some_and(|(_, code)| !code.trim().is_empty()) {
                    return Err(format!("{at}: code after a comment on its line"));
                }
                continue;
            }
            if line.starts_with("import ") {
                let mut statement = line.to_owned();
                while !statement.contains(';') {
                    let (_, more) = lines.next().ok_or_else(|| format!("{at}: an import without end"))?;
                    statement.push(' ');
                    statement.push_str(more.trim());
                }
                let (code, file) = import(&statement).ok_or_else(|| form(&at, &statement))?;
                module.imports.push((file, at));
                module.line(&code);
            } else if let Some(code) = line.strip_prefix("export ") {
                let (code, export) = export(code).ok_or_else(|| form(&at, line))?;
                module.exports.push(export);
                module.line(&code);
            } else {
                strict(&at, line)?;
                // No string and no template goes over lines, so how far a line is indented says nothing.
                module.line(bare);
            }
        }
        Ok(module)
    }

    fn line(&mut self, code: &str) {
        self.body.push_str(code);
        self.body.push('\n');
    }
}

fn form(at: &str, line: &str) -> String {
    format!("{at}: build.rs does not pack this form: {line}")
}

/// `import { a, b as c } from "./x.js";` as what takes it from the function's answer, and `x.js`.
fn import(statement: &str) -> Option<(String, String)> {
    let (what, from) = statement.strip_prefix("import ")?.strip_suffix("\";")?.split_once(" from \"./")?;
    let plain =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_$".contains(c));
    let taken = match what.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
        None if plain(what) => format!("default: {what}"),
        None => return None,
        Some(names) => {
            let names = names.split(',').map(str::trim).filter(|n| !n.is_empty());
            let each = names.map(|name| match name.split_once(" as ") {
                Some((theirs, ours)) => (plain(theirs) && plain(ours)).then(|| format!("{theirs}: {ours}")),
                None => plain(name).then(|| name.to_owned()),
            });
            each.collect::<Option<Vec<_>>>()?.join(", ")
        }
    };
    (from.ends_with(".js") && !from.contains('/'))
        .then(|| (format!("const {{ {taken} }} = {};", variable(from)), from.to_owned()))
}

/// What stands after `export `, and how the function gives it back.
fn export(code: &str) -> Option<(String, String)> {
    if let Some(value) = code.strip_prefix("default ") {
        let named = ["class ", "function ", "async "].iter().any(|word| value.starts_with(word));
        return (!named).then(|| (format!("const $default = {value}"), "default: $default".to_owned()));
    }
    let declared =
        ["const ", "class ", "function ", "async function "].iter().find_map(|w| code.strip_prefix(w))?;
    let name: String = declared.chars().take_while(|c| c.is_alphanumeric() || "_$".contains(*c)).collect();
    (!name.is_empty()).then(|| (code.to_owned(), name))
}

/// Refuses what would mean something else in a function, or hide from the reading by lines.
fn strict(at: &str, line: &str) -> Result<(), String> {
    let bare = line.trim_start();
    let refused = ["import(", "import.meta", "import *"].iter().any(|word| line.contains(word))
        || ["import ", "import{", "export ", "export{"].iter().any(|word| bare.starts_with(word))
        || (bare.len() == line.len() && line.contains("await ") && !line.contains("async "))
        || line.matches('`').count() % 2 == 1;
    if refused { Err(form(at, line)) } else { Ok(()) }
}

/// The variable that holds what a module exports.
fn variable(file: &str) -> String {
    format!("${}", file.trim_end_matches(".js").replace(|c: char| !c.is_alphanumeric(), "_"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0usize, |n, i| n << 8 | usize::from(three.get(i).copied().unwrap_or(0)));
        for digit in 0..4 {
            let shown = digit <= three.len();
            text.push(if shown { DIGITS[number >> (18 - 6 * digit) & 63] as char } else { '=' });
        }
    }
    text
}
