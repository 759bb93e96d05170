//! How `build.rs` packs the page: what it makes of modules, and which it refuses and says where.

#[path = "../build.rs"]
#[allow(dead_code, reason = "its main runs at build time")]
mod build;

use std::collections::BTreeMap;

const DOCUMENT: &str = r#"<link rel="icon" href="static/favicon.svg"><link rel="stylesheet" href="static/app.css">
<script src="static/theme.js"></script><script type="module" src="static/app.js"></script>"#;

/// The page of these files, beside a document and what it needs.
fn page(files: &[(&str, &str)]) -> Result<build::Page, String> {
    let always = [
        ("index.html", DOCUMENT),
        ("theme.js", "(() => {})();\n"),
        ("app.css", "a {}\n"),
        ("favicon.svg", "<svg/>"),
    ];
    let all = always.iter().chain(files);
    build::pack(&all.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>())
}

fn script(files: &[(&str, &str)]) -> String {
    let page = page(files).expect("it packs");
    page.files.into_iter().find(|(name, _)| name.ends_with(".js")).expect("a script").1
}

#[test]
fn modules_become_functions_in_the_order_of_their_imports() {
    let packed = script(&[
        (
            "app.js",
            "// Entry.\nimport words from \"./b_words.js\";\nimport {\n  one,\n  two as second,\n} from \"./a.js\";\none(words);\n",
        ),
        (
            "a.js",
            "import words from \"./b_words.js\";\n/** Doc. */\nexport const one = (x) => x;\nexport async function two() {}\n",
        ),
        ("b_words.js", "/*\n * many lines\n */\nexport default {\n  a: \"b // c\",\n};\n"),
    ]);
    let wanted = "\
// b_words.js
const $b_words = (() => {
const $default = {
a: \"b // c\",
};
return { default: $default };
})();
// a.js
const $a = (() => {
const { default: words } = $b_words;
const one = (x) => x;
async function two() {}
return { one, two };
})();
// app.js
const $app = (() => {
const { default: words } = $b_words;
const { one, two: second } = $a;
one(words);
return {  };
})();
";
    assert_eq!(packed, wanted);
}

#[test]
fn what_cannot_be_packed_is_refused_with_its_file_and_line() {
    for line in [
        "export let changing = 1;",
        "export { a };",
        "export * from \"./b.js\";",
        "export default function f() {}",
        "import * as b from \"./b.js\";",
        "import \"./b.js\";",
        "import { a } from \"elsewhere\";",
        "import { a } from \"./folder/b.js\";",
        "  import { a } from \"./b.js\";",
        "const b = () => import(\"./b.js\");",
        "const here = import.meta.url;",
        "await start();",
        "const lines = `first",
        "/* why */ const a = 1;",
    ] {
        let refused = page(&[("app.js", &format!("// Entry.\n{line}\n"))]).err().unwrap_or_default();
        assert!(refused.starts_with("assets/app.js:2: "), "{line}: {refused}");
    }
}

#[test]
fn a_cycle_a_missing_module_and_one_that_nobody_imports_are_refused() {
    let import = |file: &str| format!("import {{ a }} from \"./{file}\";\n");
    let cycle = page(&[("app.js", &import("a.js")), ("a.js", &import("b.js")), ("b.js", &import("a.js"))]);
    assert_eq!(
        cycle.err().as_deref(),
        Some("assets/b.js:1: an import cycle: app.js -> a.js -> b.js -> a.js")
    );
    let missing = page(&[("app.js", &import("none.js"))]);
    assert_eq!(missing.err().as_deref(), Some("assets/app.js:1: there is no assets/none.js"));
    let lost = page(&[("app.js", ""), ("lost.js", "")]);
    assert_eq!(lost.err().as_deref(), Some("assets/lost.js: no module that the page runs imports it"));
}

#[test]
fn a_change_of_any_file_changes_the_name_it_is_served_by_and_the_document() {
    let names = |files: &[(&str, &str)]| {
        let page = page(files).expect("it packs");
        let names: Vec<String> = page.files.iter().map(|(name, _)| name.clone()).collect();
        let named = |name: &String| page.document.contains(&format!("\"static/{name}\""));
        assert!(names.iter().all(|name| name.ends_with(".svg") || named(name)), "{names:?}");
        assert!(page.document.contains("href=\"data:image/svg+xml;base64,PHN2Zy8+\""), "{}", page.document);
        names
    };
    let before = names(&[("app.js", "1;\n"), ("kiosk.css", "b {}\n")]);
    let after = names(&[("app.js", "1;\n"), ("kiosk.css", "b { color: red }\n")]);
    assert_eq!(before[0], after[0], "the script is the same");
    assert_ne!(before[1], after[1], "the sheets are not");
    assert_eq!(
        before,
        names(&[("app.js", "1;\n"), ("kiosk.css", "b {}\n")]),
        "the same page, the same names"
    );
}

#[test]
fn the_first_script_stands_in_the_document_under_the_digest_that_the_policy_names() {
    let page = page(&[("app.js", "")]).expect("it packs");
    assert!(page.document.contains("<script>(() => {})();</script>"), "{}", page.document);
    // openssl dgst -sha256 -binary | base64, of what stands between the tags.
    assert_eq!(page.inline, "'sha256-NZi7f9fWKnvPrJjNUuLynQRYSzXUSRFz5XK+S1UyM3o='");
}
