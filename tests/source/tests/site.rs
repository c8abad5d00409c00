//! The site: its pictures are made from their sources, and every document is a chapter.

#![allow(clippy::unwrap_used, reason = "an unreadable file fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pikchr::{Pikchr, PikchrFlags};

/// Light and dark, as the page is that shows the picture.
const STYLE: &str = "<style>\
:root{--ink:#1d2330;--paper:#ffffff;--region:#eaf1fb;--store:#fff3dc;--key:#ece6fa;font-family:system-ui,sans-serif}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ec;--paper:#20262f;--region:#1d3048;--store:#45391f;--key:#38305a}}\
</style>";

/// What a source calls a colour, as Pikchr writes it.
const COLOURS: [(&str, &str); 5] = [
    ("rgb(0,0,0)", "var(--ink)"),
    ("rgb(255,255,255)", "var(--paper)"),
    ("rgb(234,241,251)", "var(--region)"),
    ("rgb(255,243,220)", "var(--store)"),
    ("rgb(236,230,250)", "var(--key)"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The SVG of a source: with its first line as the title, a width, and colours that follow the page.
fn picture(source: &str) -> String {
    let title = source.lines().next().unwrap().strip_prefix("# ").unwrap();
    assert!(!title.contains(['<', '&']), "{title}");
    let drawn = Pikchr::render(source, None, PikchrFlags::default()).unwrap();
    let (_, shapes) = drawn.split_once('>').unwrap();
    let view = drawn.split('"').nth(1).unwrap();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{view}\" width=\"{}\" role=\"img\">\n<title>{title}</title>\n{STYLE}{shapes}",
        drawn.width()
    );
    for (written, meant) in COLOURS {
        // Attributes of texts take no variable, styles do.
        svg = svg.replace(&format!("fill=\"{written}\""), &format!("style=\"fill:{meant}\"")).replace(written, meant);
    }
    assert!(!svg.contains("rgb("), "a colour is not in COLOURS: {svg}");
    svg
}

/// `UPDATE=1 cargo test -p umoja-source pictures` writes them.
#[test]
fn the_pictures_are_those_of_their_sources() {
    let mut sources = 0;
    for entry in std::fs::read_dir(root().join("docs/pictures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "pikchr") {
            continue;
        }
        sources += 1;
        let svg = picture(&std::fs::read_to_string(&path).unwrap());
        let stored = path.with_extension("svg");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&stored, &svg).unwrap();
        }
        let same = std::fs::read_to_string(&stored).unwrap_or_default() == svg;
        assert!(same, "run UPDATE=1 cargo test -p umoja-source pictures: {}", stored.display());
    }
    assert!(sources >= 5, "{sources} sources");
}

/// The documents that the links of a document lead to, as paths from the root.
fn linked(document: &str) -> BTreeSet<PathBuf> {
    let folder = Path::new(document).parent().unwrap();
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let ends = text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap());
    let paths = ends.map(|end| {
        let mut path = folder.to_path_buf();
        for name in end.split('/') {
            if name == ".." {
                path.pop();
            } else {
                path.push(name);
            }
        }
        path
    });
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

fn documents(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path);
        }
    }
}

/// `site/build` makes the chapters of the summary, and of the decisions that the list of decisions names.
#[test]
fn every_document_is_a_chapter_of_the_site() {
    let mut chapters = linked("docs/SUMMARY.md");
    assert!(chapters.contains(Path::new("docs/decisions/README.md")));
    chapters.extend(linked("docs/decisions/README.md"));
    let mut all = BTreeSet::new();
    documents(Path::new("docs"), &mut all);
    all.remove(Path::new("docs/SUMMARY.md"));
    assert!(all.len() > 200, "{} documents", all.len());
    let left: Vec<_> = all.difference(&chapters).collect();
    assert!(left.is_empty(), "add these to docs/SUMMARY.md, or decisions to docs/decisions/README.md: {left:?}");
}
