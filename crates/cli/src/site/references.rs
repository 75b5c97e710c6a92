//! What a file of a page names: scripts, styles, modules, pictures. A file that is the release's own names what the
//! release does; of another one this finds what it names plainly. What a script puts together it does not find, and
//! need not: that such a file is another one is said already.

use std::collections::BTreeSet;

/// Longest name that counts as one.
const MAX_NAME: usize = 300;
/// Most names of one file.
const MAX_NAMES: usize = 1_000;

/// How files end that a page loads.
const ENDINGS: [&str; 16] = [
    "avif",
    "css",
    "gif",
    "html",
    "ico",
    "jpg",
    "js",
    "json",
    "mjs",
    "mp4",
    "png",
    "svg",
    "wasm",
    "webmanifest",
    "webp",
    "woff2",
];

/// Attributes of HTML whose value is an address.
const ATTRIBUTES: [&str; 8] = [
    "src", "href", "data", "poster", "action", "manifest", "ping", "srcset",
];

/// The names in a file, each once.
pub(super) fn references(file: &str, content: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(content);
    let mut names = BTreeSet::new();
    match file.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" | "svg" => {
            attributes(&text, &mut names);
            literals(&text, &mut names);
        }
        "css" => {
            in_url(&text, &mut names);
            literals(&text, &mut names);
        }
        "js" | "mjs" | "json" | "webmanifest" => literals(&text, &mut names),
        _ => {}
    }
    names
}

fn add(name: &str, names: &mut BTreeSet<String>) {
    let name = name.trim();
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace();
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_plain) && names.len() < MAX_NAMES
    {
        names.insert(name.to_owned());
    }
}

/// Values of attributes, quoted or not.
fn attributes(text: &str, names: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices('=') {
        let before = text[..at].trim_end();
        let name = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        if !ATTRIBUTES.contains(&name.as_str()) {
            continue;
        }
        let value = text[at + 1..].trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
            _ => value.split(|c: char| c.is_whitespace() || c == '>').next(),
        };
        let value = value.unwrap_or_default().replace("&amp;", "&");
        match name.as_str() {
            "srcset" => value
                .split(',')
                .filter_map(|one| one.split_whitespace().next())
                .for_each(|one| add(one, names)),
            _ => add(&value, names),
        }
    }
}

/// Texts in quotes that look like a file's name.
fn literals(text: &str, names: &mut BTreeSet<String>) {
    for quote in ['"', '\'', '`'] {
        // What lies between two texts looks like one, too; it has no file's ending.
        for literal in text.split(quote) {
            if literal.len() <= MAX_NAME && looks_like_a_file(literal) {
                add(literal, names);
            }
        }
    }
}

fn looks_like_a_file(name: &str) -> bool {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@%".contains(c);
    let Some((stem, ending)) = path.rsplit_once('.') else {
        return false;
    };
    !stem.is_empty() && path.chars().all(is_plain) && ENDINGS.contains(&ending)
}

/// `url(…)` of style sheets.
fn in_url(text: &str, names: &mut BTreeSet<String>) {
    for part in text.split("url(").skip(1) {
        let name = part.split(')').next().unwrap_or_default();
        let name = name.trim().trim_matches(['"', '\'']);
        // A fragment is a part of the page itself.
        if !name.starts_with('#') {
            add(name, names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str) -> Vec<String> {
        references(file, text.as_bytes()).into_iter().collect()
    }

    #[test]
    fn a_page_names_what_its_attributes_and_scripts_name() {
        let page = "<!doctype html><link rel=icon href=./a.svg><script src = './b.js'></script>\
            <SCRIPT SRC=\"c.js?v=1&amp;w\"></SCRIPT><img srcset='d.png 1x, e.png 2x'><a href=\"./\">\
            <script>import('./f.js')</script><meta content=\"no file\"><p data-src-none=g.js>";
        assert_eq!(
            found("index.html", page),
            [
                "./",
                "./a.svg",
                "./b.js",
                "./f.js",
                "c.js?v=1&amp;w",
                "c.js?v=1&w",
                "d.png",
                "e.png"
            ]
        );
    }

    #[test]
    fn a_script_names_files_and_no_other_texts() {
        let script = "import{a}from\"./a-1.js\";new Worker(new URL('assets/b.js',import.meta.url));\
            fetch(`c_bg.wasm`);x='not a file.';y=\"1.5\";z='.js';w=\"http://e.example/d.mjs\"";
        assert_eq!(
            found("assets/x.js", script),
            [
                "./a-1.js",
                "assets/b.js",
                "c_bg.wasm",
                "http://e.example/d.mjs"
            ]
        );
    }

    #[test]
    fn a_style_sheet_names_what_it_imports_and_draws() {
        let style =
            "@import \"a.css\"; b{background:url( 'c.png' ) url(#d)} @font-face{src:url(e.woff2)}";
        assert_eq!(found("a.css", style), ["a.css", "c.png", "e.woff2"]);
        assert_eq!(found("a.png", style), [""; 0]);
    }
}
