use insta::assert_snapshot;

use super::*;
use crate::parse::{RULE_DEPTH, parse};
use crate::support::SmallSchema;
use crate::typing::check;

fn compile(texts: &[&str]) -> (CheckTable, Vec<Program>) {
    let mut compiler = Compiler::new();
    for text in texts {
        let expr = parse(text, RULE_DEPTH).expect(text);
        compiler.add(&check(&expr, &SmallSchema).expect(text).condition);
    }
    compiler.finish()
}

fn show(texts: &[&str]) -> String {
    let (table, programs) = compile(texts);
    programs.iter().map(|program| format!("{}\n", table.display(program))).collect()
}

#[test]
fn jumps_and_order() {
    assert_snapshot!(show(&["fd.name regex '/etc/.+' and not (evt.type = open or fd.num < 3)"]), @r"
    0: fd.num < 3 ? false : 1
    1: evt.type = open ? false : 2
    2: fd.name regex /etc/.+ ? true : false
    ");
    assert_snapshot!(show(&["not proc.name = cat"]), @"  0: proc.name = cat [process] ? false : true");
}

#[test]
fn process_part_is_gathered_and_remembered() {
    assert_snapshot!(show(&["fd.name = /a and proc.name = cat and not proc.pid = 1 and proc.pname = sh"]), @r"
      0: group 4 [process] ? 1 : false
      1: proc.pname = sh [ancestry] ? 2 : false
      2: fd.name = /a ? true : false
    group 4:
      0: proc.name = cat ? 1 : false
      1: proc.pid = 1 ? false : true
    ");
}

#[test]
fn equal_parts_are_one() {
    let macro_text = "(evt.type in (open, openat) and fd.name startswith /etc)";
    let first = format!("{macro_text} and proc.name = cat");
    let second = format!("proc.name = \"cat\" and not {macro_text}");
    assert_snapshot!(show(&[&first, &second]), @r"
      0: proc.name = cat [process] ? 1 : false
      1: group 2 [event] ? true : false
    group 2:
      0: fd.name startswith /etc ? 1 : false
      1: evt.type in (open, openat) ? true : false

      0: proc.name = cat [process] ? 1 : false
      1: group 2 [event] ? false : true
    group 2:
      0: fd.name startswith /etc ? 1 : false
      1: evt.type in (open, openat) ? true : false
    ");
    let (table, _) = compile(&["proc.name in (a, b)", "proc.name in (b, a, a)", "not proc.name in (a, b)"]);
    assert_eq!(table.len(), 1);
}

#[test]
fn alternatives_are_merged() {
    assert_snapshot!(show(&[
        "proc.name = a or proc.name in (b, c) or proc.name glob 'd' or proc.pid = 1 or proc.pid in (2, 3)"
    ]), @r"
      0: group 2 [process] ? false : true
    group 2:
      0: proc.name in (a, b, c, d) ? false : 1
      1: proc.pid in (1, 2, 3) ? false : true
    ");
    assert_snapshot!(show(&[
        "fd.name contains a or fd.name contains oneof (b) or fd.name contains anyof (c, d) or fd.name glob '*e*'"
    ]), @"  0: fd.name contains anyof (a, b, c, d, e) ? true : false");
    assert_snapshot!(show(&["not fd.name startswith a and not fd.name startswith b and not fd.name pmatch (/c)"]), @r"
    0: fd.name startswith anyof (a, b) ? false : 1
    1: fd.name pmatch (/c) ? false : true
    ");
    assert_snapshot!(show(&["fd.sip = 1.2.3.4 or fd.sip in (::1) or fd.snet = 10.0.0.0/8 or fd.snet = '::1/128'"]), @r"
    0: fd.sip in (1.2.3.4, ::1) ? true : 1
    1: fd.snet in (10.0.0.0/8, ::1/128) ? true : false
    ");
}

#[test]
fn what_is_decided_already_is_left_out() {
    assert_snapshot!(show(&["proc.name in () or evt.num = 1"]), @"  0: evt.num = 1 ? true : false");
    assert_snapshot!(show(&["proc.name in () and evt.num = 1"]), @"  false");
    assert_snapshot!(show(&["evt.num = 1 or not evt.num = 1"]), @"  true");
    assert_snapshot!(show(&["fd.types in () and not fd.types intersects ()"]), @"  0: fd.types in () ? true : false");
}

#[test]
fn prints_every_kind_of_check() {
    assert_snapshot!(show(&[
        "proc.aname != oneof (a, 'b c') and len(fd.types) > 2 and evt.is_open in (true, false)",
        "join(',', (proc.name, 'x')) = val(proc.pname) and getopt(fd.types, 'a:')[a] iglob 'a?' and fd.net != 10.0.0.0/8",
        "tolower(concat(proc.name, '-')) endswith allof (a, b) and proc.env[HOME] exists and fd.types in (a)",
    ]), @r#"
      0: len(fd.types) > 2 ? 1 : false
      1: evt.is_open in (true, false) ? 2 : false
      2: proc.aname != oneof (a, "b c") [ancestry] ? true : false

      0: fd.net != 10.0.0.0/8 ? 1 : false
      1: join(,, (proc.name, x)) = val(proc.pname) [ancestry] ? 2 : false
      2: getopt(fd.types, a:)[a] iglob a? ? true : false

      0: group 9 [process] ? 1 : false
      1: fd.types in (a) ? true : false
    group 9:
      0: proc.env[HOME] exists ? 1 : false
      1: tolower(concat(proc.name, -)) endswith allof (a, b) ? true : false
    "#);
}

#[test]
fn deep_and_wide_conditions_are_compiled() {
    let nested = |levels: usize| {
        format!("{}proc.pid = 1{}", "not (evt.num = 1 or ".repeat(levels), ")".repeat(levels))
    };
    let inner = parse(&nested(240), RULE_DEPTH).unwrap();
    let outer = parse(&nested(240).replace("proc.pid = 1", "m"), RULE_DEPTH).unwrap();
    let expr = outer.substitute(&mut |_, _| Some(&inner)).unwrap();
    assert!(expr.depth() > 950);
    let checked = check(&expr, &SmallSchema).unwrap();
    let mut compiler = Compiler::new();
    compiler.add(&checked.condition);
    let (table, programs) = compiler.finish();
    assert!(table.display(&programs[0]).to_string().starts_with("  0: evt.num = 1"));

    let start = std::time::Instant::now();
    let many = |make: fn(usize) -> String, with: &str| (0..5_000).map(make).collect::<Vec<_>>().join(with);
    for text in [
        many(|i| format!("proc.env[k{i}] = v{i}"), " or "),
        many(|i| format!("proc.name = v{i}"), " or "),
        many(|i| format!("fd.name contains v{i}"), " or "),
        format!("proc.name in ({})", many(|i| format!("a.b{i}"), ",")),
        format!("fd.name pmatch ({})", many(|i| format!("/a/{i}/*"), ",")),
    ] {
        let checked = check(&parse(&text, RULE_DEPTH).unwrap(), &SmallSchema).unwrap();
        let mut compiler = Compiler::new();
        compiler.add(&checked.condition);
        compiler.finish();
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
