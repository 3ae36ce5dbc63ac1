//! What the project asks of its own files: things that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

/// Code beyond this is several subjects in one file; tables may be longer.
const MAX_LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the agent lies in the repository").to_owned()
}

/// All files of the repository but build products, relative to its root.
fn files() -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if matches!(name, ".git" | "target" | "artifacts") {
                continue;
            }
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    found.into_iter().map(|path| path.strip_prefix(&root).expect("below the root").to_owned()).collect()
}

/// The text files with these extensions (`""`: none), with their contents.
fn texts(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let matching = files().into_iter().filter(|path| {
        extensions.contains(&path.extension().and_then(|extension| extension.to_str()).unwrap_or_default())
    });
    matching.filter_map(|path| Some((path.clone(), fs::read_to_string(root().join(&path)).ok()?))).collect()
}

/// A source file's text from its first `//!` line on: what the kernel takes in has its licence before.
fn after_licence(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("// SPDX-License-Identifier: ") => rest,
        _ => text,
    }
}

/// Fails with one line per offence, so that a run names them all.
#[track_caller]
fn none(what: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{what}:\n  {}", offences.join("\n  "));
}

#[test]
fn each_source_file_says_its_place_first() {
    // `tests.rs` stands beside the file that it tests and needs no words; `layout_table.rs` is included in the middle of others.
    let silent = texts(&["rs"]).into_iter();
    let silent = silent.filter(|(path, text)| {
        !path.ends_with("tests.rs")
            && !path.ends_with("layout_table.rs")
            && !after_licence(text).starts_with("//! ")
    });
    none("files without a `//!` line first", silent.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn source_files_keep_to_one_subject() {
    let long = texts(&["rs"]).into_iter().filter_map(|(path, text)| {
        let table = after_licence(&text).lines().next().is_some_and(|first| first.contains("table"));
        let lines = text.lines().count();
        (lines > MAX_LINES && !table).then(|| format!("{}: {lines} lines", path.display()))
    });
    none("files that want to be several", long.collect());
}

#[test]
fn unsafe_code_stays_where_memory_is_shared() {
    // The drivers and the BPF programs of tests run in the kernel, and the live tests make calls that no library makes.
    let places = ["agent/src/capture", "kmod", "ebpf", "tests/live", "tests/ebpf/programs"];
    let offences =
        texts(&["rs"]).into_iter().filter(|(path, _)| !places.iter().any(|place| path.starts_with(place)));
    let lines = offences.flat_map(|(path, text)| {
        let code = |line: &&str| !line.trim_start().starts_with("//") && !line.contains('"');
        // The word also stands in texts that tests expect.
        let is_unsafe = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.iter().enumerate().any(|(at, word)| {
                let next = words.get(at + 1);
                *word == "unsafe"
                    && next.is_none_or(|next| ["{", "fn", "impl", "trait", "extern"].contains(next))
            })
        };
        let hits = text.lines().filter(code).filter(is_unsafe);
        hits.map(|line| format!("{}: {}", path.display(), line.trim())).collect::<Vec<_>>()
    });
    none("unsafe where there is no need for it", lines.collect());
}

#[test]
fn the_probe_fits_all_its_compilers() {
    // Kbuild takes the modules by path, and kernel and BPF have atomics of their own.
    let unfit = ["crate::", "core::sync::atomic", "std::sync::atomic", "extern crate alloc"];
    let mut offences = Vec::new();
    for (path, text) in texts(&["rs"]).into_iter().filter(|(path, _)| path.starts_with("probe/src")) {
        if !text.starts_with("// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only\n") {
            offences.push(format!("{}: no licence in the first line", path.display()));
        }
        // What is only for tests stands at the end of a file, or in a file of its own.
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        if path.ends_with("mock.rs") || path.to_string_lossy().contains("/tests") {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            let line = line.trim_start();
            if !line.starts_with("//") && unfit.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    none("what not all compilers of the probe take", offences);
}

#[test]
fn nothing_names_the_machine_it_was_made_on() {
    // Put together here, so that this file does not name them itself.
    let places = ["/wo#rk/", "/root/.car#go", "../sha#red"].map(|path| path.replace('#', ""));
    let mut offences = Vec::new();
    for (path, text) in texts(&["rs", "toml", "lock", "md", "yaml", "yml", "py", ""]) {
        // These look for the corpus beside the repository.
        if path.to_string_lossy().contains("conformance") || path.ends_with("scripts/live") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place.as_str())) {
                offences.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    none("machine paths", offences);
}

#[test]
fn scripts_stop_at_the_first_error() {
    let scripts = texts(&[""]).into_iter().filter(|(path, _)| path.starts_with("scripts"));
    let loose = scripts.filter(|(_, text)| {
        !text.starts_with("#!/usr/bin/env bash\n# ") || !text.contains("\nset -euo pipefail\n")
    });
    none(
        "scripts without a purpose in line 2 or `set -euo pipefail`",
        loose.map(|(path, _)| path.display().to_string()).collect(),
    );
}
