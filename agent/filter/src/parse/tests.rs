use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn print(text: &str) -> String {
    match parse(text, RULE_DEPTH) {
        Ok(expr) => expr.to_string(),
        Err(diagnostics) => diagnostics.iter().map(|d| d.render(text)).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn prints_as_falco_does() {
    assert_snapshot!(print("a and b or not(c or d)and e"), @"((a and b) or (not (c or d) and e))");
    assert_snapshot!(print("((proc.name=cat))"), @"proc.name = cat");
    assert_snapshot!(print("not not a and not not not b"), @"(a and not b)");
    assert_snapshot!(print(r#"proc.args contains "\ " or proc.args = '' or proc.name = "it's""#), @r#"(proc.args contains "\\" or proc.args =  or proc.name = "it's")"#);
    assert_snapshot!(print("fd.name in ( '/etc/a b', x ,\"y\")"), @r#"fd.name in ("/etc/a b", x, y)"#);
    assert_snapshot!(print("proc.aname[2]==val( proc.name ) and evt.arg['a b'] exists"), @r#"(proc.aname[2] == val(proc.name) and evt.arg["a b"] exists)"#);
    assert_snapshot!(print("proc.name startswith\n oneof (a,b)or proc.name = anyof and proc.pid>=+5"), @"(proc.name startswith oneof (a, b) or (proc.name = anyof and proc.pid >= +5))");
    assert_snapshot!(print(r#"join("-", (proc.name,tolower( fd.name ), 5)) = x and getopt(proc.args, "a:")[a] = b"#), @"(join(-,(proc.name,tolower(fd.name),5)) = x and getopt(proc.args,a:)[a] = b)");
}

#[test]
fn a_chain_after_or_without_blank_ends() {
    // The parenthesis is taken as a whole chain, so no `and` can follow.
    assert_snapshot!(print("a or(b) and c"), @r"
    unexpected token after ')', expecting 'or', 'and'
     --> 1:9
      | a or(b) and c
      |         ^^^
    ");
}

#[test]
fn reports_several_errors() {
    assert_snapshot!(print("proc.name = and (fd.name in (a,,b) or x y) and evt.arg[] exists)"), @r"
    unexpected token after 'and', expecting 'or', 'and'
     --> 1:17
      | proc.name = and (fd.name in (a,,b) or x y) and evt.arg[] exists)
      |                 ^
    expected a valid field argument: a quoted string or a bare string
     --> 1:56
      | proc.name = and (fd.name in (a,,b) or x y) and evt.arg[] exists)
      |                                                        ^
    ");
    assert_snapshot!(print(r"proc.name = 'a\x' or proc.pid > b"), @r"
    unsupported string escape sequence: \x
     --> 1:13
      | proc.name = 'a\x' or proc.pid > b
      |             ^^^^^
    expected a number value or a field with a valid transformer: 'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'
     --> 1:33
      | proc.name = 'a\x' or proc.pid > b
      |                                 ^
    ");
}

#[test]
fn depth_counts_nodes_not_parentheses() {
    let nested = |n: usize| format!("{}proc.pid = 1{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(5000), RULE_DEPTH).is_ok());
    assert!(parse(&nested(2_000_000), RULE_DEPTH).is_err());
    let alternating = |n: usize| format!("{}a{}", "not (b or ".repeat(n), ")".repeat(n));
    assert!(parse(&alternating(49), DEFAULT_DEPTH).is_ok());
    let error = parse(&alternating(60), DEFAULT_DEPTH).unwrap_err();
    assert_eq!(error[0].message, "exceeded max depth limit of 100");
    assert!(parse(&alternating(499), RULE_DEPTH).is_ok());
    assert!(parse(&"tolower(".repeat(100_000), RULE_DEPTH).is_err());
}

#[test]
fn macros_are_substituted() {
    let inner = parse("evt.type = open or evt.type = close", RULE_DEPTH).unwrap();
    let expr = parse("opened and not other", RULE_DEPTH).unwrap();
    let result = expr.substitute(&mut |name, _| (name == "opened").then_some(&inner)).unwrap();
    assert_snapshot!(result, @"((evt.type = open or evt.type = close) and not other)");
}

#[test]
fn macros_cannot_explode() {
    let twice = parse("m and m", RULE_DEPTH).unwrap();
    let mut expr = twice.clone();
    let mut rounds = 0;
    while let Ok(larger) = twice.substitute(&mut |_, _| Some(&expr)) {
        expr = larger;
        rounds += 1;
    }
    assert_eq!(rounds, 17);
}

#[test]
fn terms_of_output_templates() {
    let (term, length) = parse_term("tolower(proc.name)[0] text").unwrap();
    assert_eq!((term.to_string().as_str(), length), ("tolower(proc.name)[0]", 21));
    let (term, length) = parse_term("proc.aname[2].").unwrap();
    assert_eq!((term.to_string().as_str(), length), ("proc.aname[2]", 13));
    assert_eq!(parse_term("nofield").unwrap_err().message, "unexpected token after '");
}

#[test]
fn long_texts_take_linear_time() {
    let start = std::time::Instant::now();
    for text in [
        "'\\".repeat(500_000),
        "not ".repeat(250_000),
        format!("proc.name in ({}a)", "a, ".repeat(300_000)),
        format!("a.b = {}", "\\'\"".repeat(300_000)),
        "(".repeat(1_000_000),
        "x y ".repeat(250_000),
        "a and ".repeat(150_000),
    ] {
        let _ = parse(&text, RULE_DEPTH);
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/.*-]{1,8}", "\"[a-z ()',=\t]{0,8} \"", "'[a-z \"]{0,4} '"]
}

fn term() -> impl Strategy<Value = String> {
    let leaf = prop_oneof!["[a-z]{1,4}\\.[a-z][a-z_0-9]{0,3}", "[a-z]{1,3}\\.x\\[[a-z0-9]{1,4}\\]"];
    leaf.prop_recursive(3, 6, 2, |inner| {
        (prop_oneof!["tolower", "b64", "len"], inner).prop_map(|(name, inner)| format!("{name}( {inner})"))
    })
}

fn condition() -> impl Strategy<Value = String> {
    let list = prop::collection::vec(value(), 0..4).prop_map(|list| format!("({})", list.join(" ,")));
    let check = prop_oneof![
        (term(), prop_oneof!["=", "!=", " contains ", " glob\n"], value())
            .prop_map(|(l, o, r)| format!("{l}{o}{r}")),
        (term(), prop_oneof![" in ", " pmatch", " = oneof "], list)
            .prop_map(|(l, o, r)| format!("{l}{o}{r}")),
        term().prop_map(|l| format!("{l} exists")),
        "m[a-z]{1,4}",
    ];
    check.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| format!("not ({e} or mx)")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|c| format!("({})", c.join(") and ("))),
            prop::collection::vec(inner, 2..4).prop_map(|c| format!("({})", c.join(" or "))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_is_a_fixpoint(text in condition()) {
        let first = parse(&text, RULE_DEPTH).map_err(|e| TestCaseError::fail(e[0].render(&text)))?;
        let printed = first.to_string();
        let second = parse(&printed, RULE_DEPTH).map_err(|e| TestCaseError::fail(e[0].render(&printed)))?;
        prop_assert_eq!(second.to_string(), printed);
    }

    #[test]
    fn any_text_is_safe(text in "\\PC{0,60}|[a-z.=()'\"\\\\ \\[\\],]{0,60}") {
        if let Err(diagnostics) = parse(&text, RULE_DEPTH) {
            for diagnostic in diagnostics {
                prop_assert!(diagnostic.at as usize <= text.len());
                diagnostic.render(&text);
            }
        }
        let _ = parse_term(&text);
    }
}
