//! No crate has a circle of imports among its modules.

#![allow(clippy::unwrap_used, reason = "an unreadable file fails the test")]

use std::path::{Path, PathBuf};

use umoja_source::graph;

/// The root files of all crates of the workspace.
fn roots() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = std::fs::read_dir(&workspace).unwrap().map(|entry| entry.unwrap().path());
    let mut roots = folders.map(|folder| folder.join("src/lib.rs")).filter(|root| root.exists()).collect::<Vec<_>>();
    roots.push(workspace.join("tests/sim/main.rs"));
    roots.push(workspace.join("benches/src/main.rs"));
    roots.sort();
    roots
}

#[test]
fn no_crate_has_a_circle_of_imports() {
    let mut found = Vec::new();
    for root in roots().into_iter().filter(|root| root.exists()) {
        let circles = graph(&root).unwrap().circles();
        found.extend(circles.into_iter().map(|circle| format!("{}: a circle\n{circle}", root.display())));
    }
    assert!(found.is_empty(), "\n{}", found.concat());
}

/// A crate of these files.
fn of(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let circles = graph(&folder.path().join("lib.rs")).unwrap().circles();
    circles.iter().map(ToString::to_string).collect()
}

#[test]
fn modules_that_use_each_others_types_form_a_circle() {
    let circles = of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "pub struct B; fn f() { let _ = super::a::A; }"),
    ]);
    assert_eq!(circles, ["    crate::a -> crate::b (crate::b::B)\n    crate::b -> crate::a (super::a::A)\n"]);
}

#[test]
fn a_parent_and_a_child_that_import_each_other_form_a_circle() {
    let child = ("a/b.rs", "use super::A; pub fn f(_: A) {}");
    assert_eq!(of(&[("lib.rs", "mod a;"), ("a.rs", "mod b; pub struct A; fn g() { b::f(A); }"), child]).len(), 1);
    assert_eq!(of(&[("lib.rs", "mod a;"), ("a.rs", "mod b; pub use b::f; pub struct A;"), child]).len(), 0);
    assert_eq!(
        of(&[("lib.rs", "mod a;"), ("a.rs", "mod b; pub use b::f; pub struct A; fn g() { f(A) }"), child]).len(),
        1
    );
}

#[test]
fn a_facade_is_resolved_and_forms_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
        ("a.rs", "pub struct A;"),
        ("b.rs", "use crate::A; pub struct B(A); #[cfg(test)] mod tests { use super::*; }"),
    ];
    assert_eq!(of(&files).len(), 0);
}

#[test]
fn paths_in_macros_count() {
    let macros = ("b.rs", "pub struct B; fn f() { assert!(matches!(1, crate::a::A)); }");
    assert_eq!(of(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B; pub const A: u8 = 1;"), macros]).len(), 1);
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn the_files_that_the_architecture_names_exist_and_have_what_it_says() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(workspace.join("ARCHITECTURE.md")).unwrap();
    let is_code = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "rs");
    let is_file = |name: &&str| name.contains("/src/") && is_code(name);
    let mut missing = Vec::new();
    for name in page.lines().flat_map(quoted).filter(is_file) {
        if !workspace.join(name).is_file() {
            missing.push(name.to_owned());
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    let (_, table) = page.split_once("## Where a behaviour lives").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, _, file, start, _] = cells[..] else { return None };
        Some((quoted(file).next()?, quoted(start).next()?))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 10, "{rows:?}");
    for (file, start) in rows {
        let code = std::fs::read_to_string(workspace.join(file)).unwrap();
        assert!(code.contains(start), "{file} has no {start}");
    }
}
