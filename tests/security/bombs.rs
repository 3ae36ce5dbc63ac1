//! Small files that ask for a lot: expansions that double, nesting without end, patterns that explode, sizes that lie.
//!
//! The binary must answer each with a verdict, in bounded time and memory; fuzzing does not find inputs of this kind.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

/// On a slow machine, in a debug build.
const LONGEST: Duration = Duration::from_secs(60);

/// Address space of the process, KiB.
const MEMORY: u32 = 1 << 20;

/// Runs `saker` with these arguments and the bomb as a file behind them.
fn defuse(name: &str, arguments: &[&str], bomb: &[u8]) -> Output {
    let file = std::env::temp_dir().join(format!("saker-bomb-{}-{name}", std::process::id()));
    fs::write(&file, bomb).expect("a writable directory for temporary files");
    let start = Instant::now();
    let out = Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_saker"))
        .args(arguments)
        .arg(&file)
        .output()
        .expect("a shell");
    let took = start.elapsed();
    let _ = fs::remove_file(&file);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{name}: {:?}: {said}", out.status);
    assert!(!said.contains("panicked"), "{name}: {said}");
    assert!(took < LONGEST, "{name}: {took:?}");
    out
}

/// Loads rules as `saker check` does. Whether they are valid is not the question.
fn load(name: &str, rules: &str) {
    let out = defuse(name, &["check"], rules.as_bytes());
    assert!(!out.stdout.is_empty(), "{name}: no verdict");
}

fn rule(condition: &str) -> String {
    format!("- {{rule: r, desc: d, output: o, priority: INFO, condition: '{condition}'}}\n")
}

/// `count` items, each made from its number.
fn items(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect()
}

#[test]
fn conditions_that_nest() {
    let depth = 50_000;
    load("parentheses", &rule(&format!("{}evt.num = 1{}", "(".repeat(depth), ")".repeat(depth))));
    load("negations", &rule(&format!("{}evt.num = 1", "not ".repeat(depth))));
    load("transformers", &rule(&format!("{}proc.name{} = a", "tolower(".repeat(depth), ")".repeat(depth))));
    let levels = 400;
    let alternating = "(proc.name = a and (proc.name = b or ".repeat(levels);
    load("alternation", &rule(&format!("{alternating}evt.num = 1{}", "))".repeat(levels))));
}

#[test]
fn macros_and_lists_that_double() {
    let doubled =
        items(60, |i| format!("- {{macro: m{}, condition: (m{i} and proc.pid = {i} or m{i})}}\n", i + 1));
    load("macros", &format!("- {{macro: m0, condition: proc.name = a}}\n{doubled}{}", rule("m60")));
    let doubled = items(60, |i| format!("- {{list: l{}, items: [l{i}, l{i}]}}\n", i + 1));
    load("lists", &format!("- {{list: l0, items: [a, b]}}\n{doubled}{}", rule("proc.name in (l60)")));
    let many = items(20_000, |i| format!("a{i}, "));
    let users = items(100, |i| {
        rule(&format!("proc.name in (x) and proc.pid = {i}")).replace("rule: r", &format!("rule: r{i}"))
    });
    load("inserted lists", &format!("- {{list: x, items: [{many}]}}\n{users}"));
}

#[test]
fn yaml_that_grows() {
    let aliases = items(30, |i| format!("- &a{} [{}]\n", i + 1, format!("*a{i}, ").repeat(10)));
    load("aliases", &format!("- &a0 [x, x]\n{aliases}"));
    load("open sequences", &"[".repeat(200_000));
    let mut indented = String::new();
    for depth in 0..1_000 {
        let _ = writeln!(indented, "{}-", " ".repeat(depth));
    }
    load("indentation", &indented);
    load("same keys", &format!("- rule: r\n{}", "  desc: d\n".repeat(50_000)));
    load("documents", &"---\n".repeat(100_000));
}

#[test]
fn patterns_that_explode() {
    load("repetitions", &rule(r#"proc.name regex "((((a{0,100}){0,100}){0,100}){0,100})""#));
    let classes = items(200, |i| format!("proc.name regex \"(a|[^{}]{{200}})*\" or ", i % 10));
    load("classes", &rule(&format!("{classes}evt.num = 1")));
    load("stars", &rule(&format!("fd.name glob \"{}\"", "*a".repeat(20_000))));
}

#[test]
fn captures_that_lie() {
    let section =
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\x02\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0";
    let read = |name: &str, capture: &[u8]| defuse(name, &["read"], capture);

    // A block that claims 4 GiB, and one whose tables claim entries that are not there.
    read("long block", &[&section[..], &0x216u32.to_le_bytes(), &[0xff; 4]].concat());
    read(
        "long table",
        &[&section[..], &0x215u32.to_le_bytes(), &[0xfc, 0xff, 0, 0], &[0xff; 0xfff4]].concat(),
    );

    // 64 MiB of blocks that nobody knows, in 64 KiB.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(section).expect("memory does not fail");
    let mut block = vec![0; 64 * 1024];
    block[..4].copy_from_slice(&0x7777u32.to_le_bytes());
    block[4..8].copy_from_slice(&(64 * 1024u32).to_le_bytes());
    block[64 * 1024 - 4..].copy_from_slice(&(64 * 1024u32).to_le_bytes());
    for _ in 0..1024 {
        bomb.write_all(&block).expect("memory does not fail");
    }
    let out = read("unknown blocks", &bomb.finish().expect("memory does not fail"));
    assert!(out.stdout.is_empty());
}
