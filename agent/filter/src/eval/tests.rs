use std::ops::ControlFlow;

use bumpalo::Bump;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::compile::Compiler;
use crate::index::{Index, ProcessKey, Remembered};
use crate::matcher::Matcher;
use crate::parse::{RULE_DEPTH, parse};
use crate::schema::Schema;
use crate::support::{SmallContext, SmallSchema};
use crate::typed::{Condition, Node, Test};
use crate::typing::check;

fn typed(text: &str) -> Condition {
    let expr = parse(text, RULE_DEPTH).unwrap_or_else(|errors| panic!("{}", errors[0].render(text)));
    check(&expr, &SmallSchema).unwrap_or_else(|errors| panic!("{}", errors[0].render(text))).condition
}

/// The meaning of a condition, without compiling.
fn holds<'e>(node: &Node, context: &SmallContext<'e>) -> bool {
    match node {
        Node::And(children) => children.iter().all(|child| holds(child, context)),
        Node::Or(children) => children.iter().any(|child| holds(child, context)),
        Node::Not(child) => !holds(child, context),
        Node::Check(comparison) => {
            let Some(value) = comparison.source.value(context) else { return false };
            if let Test::Source(relation, right) = &comparison.test {
                let Some(right) = right.value(context) else { return false };
                return source::related(*relation, comparison.quantifier, value, right);
            }
            if comparison.test == Test::Exists {
                return true;
            }
            let matcher = Matcher::new(&comparison.test).unwrap();
            match (value, comparison.quantifier) {
                (Value::List(values), Quantifier::All) => values.iter().all(|value| matcher.matches(*value)),
                (Value::List(values), Quantifier::Any) => values.iter().any(|value| matcher.matches(*value)),
                (value, _) => matcher.matches(value),
            }
        }
    }
}

fn context(arena: &Bump) -> SmallContext<'_> {
    let mut context = SmallContext::new(arena);
    context.text("evt.type", "open");
    context.set("evt.num", Value::UInt(7));
    context.set("evt.cpu", Value::Int(3));
    context.set("evt.is_open", Value::Bool(false));
    context.set("evt.buffer", Value::Bytes(b"\x7fELF\0root"));
    context.text("proc.name", "bash");
    context.text("proc.pname", "sshd");
    context.set(
        "proc.aname",
        Value::List(arena.alloc_slice_copy(&[Value::Bytes(b"sshd"), Value::Bytes(b"init")])),
    );
    context.text("proc.aname[2]", "init");
    context.text("proc.cmdline", "bash -c 'Curl x'");
    context.text("proc.exepath", "/usr/bin/bash");
    context.text("proc.args", "");
    context.set("proc.pid", Value::Int(100));
    context.set("proc.ppid", Value::Int(-1));
    context.set("proc.cmdnargs", Value::UInt(4));
    context.set("user.uid", Value::UInt(u64::from(u32::MAX)));
    context.text("fd.name", "/etc/ssl//certs/ca.pem");
    context.text("fd.directory", "/etc/ssl");
    context.set("fd.ip", Value::List(arena.alloc_slice_copy(&[ip("10.0.0.1"), ip("127.0.0.1")])));
    context.set("fd.net", Value::List(arena.alloc_slice_copy(&[ip("10.0.0.1"), ip("127.0.0.1")])));
    context.set("fd.sip", ip("10.0.0.1"));
    context.set("fd.snet", ip("10.0.0.1"));
    context.set("fd.cip", ip("fe80::1"));
    context.set("fd.port", Value::List(arena.alloc_slice_copy(&[Value::UInt(443), Value::UInt(50000)])));
    context.set("fd.sport", Value::UInt(443));
    context.set(
        "fd.types",
        Value::List(arena.alloc_slice_copy(&[Value::Bytes(b"file"), Value::Bytes(b"pipe")])),
    );
    context.set("fd.nums", Value::List(&[]));
    context
}

fn ip(text: &str) -> Value<'static> {
    Value::Ip(text.parse().unwrap())
}

fn evaluate(text: &str) -> bool {
    let arena = Bump::new();
    let context = context(&arena);
    let mut compiler = Compiler::new();
    let condition = typed(text);
    compiler.add(&condition);
    let (table, programs) = compiler.finish();
    let mut memo = Memo::default();
    let outcome = Evaluation::new(&table, &context, &mut memo).matches(&programs[0]);
    assert_eq!(outcome, holds(&condition.root, &context), "{text}");
    outcome
}

#[test]
fn conditions_that_hold() {
    for text in [
        "proc.name = bash",
        "proc.name != cat and not proc.name = cat",
        "not fd.num = 3 and not fd.num != 3",
        "proc.args = '' and proc.args glob '' and proc.args regex ''",
        "proc.name > 5 and not proc.name <= 5",
        "evt.type in (open, close)",
        "proc.cmdline icontains 'curl X' and not proc.cmdline contains curl",
        "proc.cmdline iglob '*CURL*'",
        "proc.exepath pmatch (/usr) and fd.name pmatch ('/etc/ssl/certs/')",
        "evt.buffer bcontains 454c46 and evt.buffer bstartswith 7F and evt.buffer endswith root",
        "evt.is_open = false and evt.is_open != true and evt.is_open in (true, false)",
        "fd.ip = 127.0.0.1 and not fd.ip != 127.0.0.1 and fd.ip != 1.1.1.1 and fd.ip in (127.0.0.1)",
        "fd.net = 127.0.0.0/8 and fd.net intersects (10.0.0.0/8) and fd.net != 11.0.0.0/8",
        "not fd.snet = 'fe80::/10' and fd.snet in (0.0.0.0/0)",
        "fd.port = https and fd.port > 49999 and fd.port < 444 and not fd.port != 443 and fd.port in (1, 443)",
        "proc.aname = init and proc.aname != init and proc.aname in (x, sshd) and not proc.aname = cat",
        "proc.aname = anyof (a, init) and proc.aname contains allof (s, h) and proc.aname[2] = init",
        "proc.name = oneof (bash, sh) and not proc.name contains oneof (b, a) and proc.name contains anyof (x, b)",
        "proc.name startswith allof (b, ba) and not proc.name != oneof (a, bash, c)",
        "fd.types in (file, pipe, x) and not fd.types in (file) and fd.types intersects (pipe)",
        "fd.nums in () and not fd.nums intersects (1) and not fd.types in () and fd.nums exists",
        "len(fd.types) = 2 and len(proc.args) = 0 and len(proc.name) in (4, 5)",
        "tolower(toupper(proc.name)) = bash and toupper(fd.types) intersects (FILE)",
        "basename(fd.name) = ca.pem and basename('/a/b') = b",
        "join('-', (proc.name, proc.pid, 'x')) = bash-100-x and join(':', fd.types) = file:pipe",
        "concat(proc.name, '!') = 'bash!' and not concat(proc.name, proc.env) exists",
        "b64(proc.name) exists and not b64(proc.pname) = x and not b64(fd.name) exists",
        "b64(concat('aGVsbG8', '=')) = hello",
        "proc.name = val(proc.name) and proc.pid > val(proc.ppid) and len(proc.name) = val(proc.cmdnargs)",
        "fd.name startswith val(fd.directory) and not proc.name = val(proc.env)",
        "getopt(('-a', '-bval', '-c', 'x', 'file', '-d'), 'ab:c:d') in (a, b, val, c, x)",
        "getopt(('-b', '1', '-b2', '--long', '-zb', '3'), 'b:')[b] = 3 and not getopt(('-a'), 'ab')[b] exists",
        "getopt(('-x', '-b'), ':b:') intersects ('?') and getopt(('-b'), ':b:')[b] = ':' and getopt(('-b'), 'b:')[b] = '?'",
        "proc.name regex 'b.s(h|x)' and not proc.name regex as",
    ] {
        assert!(evaluate(text), "{text}");
    }
}

#[test]
fn numbers_do_not_wrap() {
    for text in [
        "evt.cpu < 4294967296 and evt.cpu > -4294967296",
        "not evt.cpu = 65539",
        "user.uid = 4294967295 and not user.uid = -1 and user.uid > -1",
        "fd.sport != 65979 and fd.sport < 65979",
        "evt.num < 99999999999999999999999999999999999999999999",
        "proc.ppid > -99999999999999999999 and proc.ppid < 18446744073709551615",
    ] {
        assert!(evaluate(text), "{text}");
    }
}

#[test]
fn outcomes_are_remembered() {
    let arena = Bump::new();
    let context = context(&arena);
    let mut compiler = Compiler::new();
    let rule = "(proc.name = bash and proc.pid = 100) and (fd.name = x or fd.name startswith /etc) and proc.pname = sshd";
    compiler.add(&typed(rule));
    compiler.add(&typed(&format!("evt.num = 7 and {rule}")));
    let (table, programs) = compiler.finish();
    let mut memo = Memo::default();
    let (mut process, mut ancestry) = (ScopeMemo::new(), ScopeMemo::new());
    let gets: Vec<usize> = (0..3)
        .map(|_| {
            let before = context.gets.get();
            let mut evaluation = Evaluation::new(&table, &context, &mut memo)
                .with_process(&mut process)
                .with_ancestry(&mut ancestry);
            assert!(programs.iter().all(|program| evaluation.matches(program)));
            context.gets.get() - before
        })
        .collect();
    // At first all five fields, then those of the event only; the second rule adds nothing but its own.
    assert_eq!(gets, [5, 2, 2]);
    process.reset();
    let mut evaluation =
        Evaluation::new(&table, &context, &mut memo).with_process(&mut process).with_ancestry(&mut ancestry);
    assert!(evaluation.matches(&programs[0]));
}

#[test]
fn explains() {
    let arena = Bump::new();
    let context = context(&arena);
    let mut compiler = Compiler::new();
    compiler.add(&typed("proc.name = bash and proc.pid = 1 and evt.num = 7"));
    let (table, programs) = compiler.finish();
    let (outcome, seen) = Evaluation::new(&table, &context, &mut Memo::default()).explain(&programs[0]);
    let seen: Vec<_> =
        seen.iter().map(|(check, outcome)| format!("{} {outcome}", table.show(*check))).collect();
    assert!(!outcome);
    assert_eq!(seen, ["proc.pid = 1 false"]);
}

fn checks() -> impl Strategy<Value = String> {
    let text_field = select(
        &["proc.name", "proc.pname", "proc.aname", "fd.name", "proc.env", "tolower(proc.cmdline)"][..],
    );
    let text = || select(&["bash", "sshd", "init", "s", "''", "/etc", "sh", "'*s*'", "b*"][..]);
    let texts = || prop::collection::vec(text(), 0..4).prop_map(|texts| texts.join(", "));
    let single = select(&["=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob"][..]);
    let modifier = select(&["oneof", "anyof", "allof"][..]);
    let number_field =
        select(&["evt.num", "proc.pid", "proc.ppid", "fd.num", "fd.port", "len(fd.types)"][..]);
    let number = || select(&["0", "1", "2", "7", "100", "-1", "443"][..]);
    let numbers = prop::collection::vec(number(), 0..4).prop_map(|numbers| numbers.join(", "));
    prop_oneof![
        (text_field.clone(), single.clone(), text()).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        (text_field.clone(), single, modifier, texts()).prop_map(|(f, o, m, v)| format!("{f} {o} {m} ({v})")),
        (text_field.clone(), select(&["in", "intersects", "pmatch"][..]), texts())
            .prop_map(|(f, o, v)| format!("{f} {o} ({v})")),
        (text_field.clone(), text_field).prop_filter_map("aname has no right", |(a, b)| {
            (!a.contains("aname") && !b.contains("aname") && !b.contains('('))
                .then(|| format!("{a} = val({b})"))
        }),
        (number_field.clone(), select(&["=", "!=", "<", ">="][..]), number())
            .prop_filter_map("ports are positive", |(f, o, v)| {
                (f != "fd.port" || !v.starts_with('-')).then(|| format!("{f} {o} {v}"))
            }),
        (number_field, numbers).prop_filter_map("ports are positive", |(f, v)| {
            (f != "fd.port" || !v.contains('-')).then(|| format!("{f} in ({v})"))
        }),
        (select(&["fd.types", "toupper(fd.types)"][..]), select(&["in", "intersects"][..]), texts())
            .prop_map(|(f, o, v)| format!("{f} {o} ({v})")),
        select(&["fd.name exists", "proc.env exists", "fd.ip != 127.0.0.1", "fd.ip in (127.0.0.1, ::1)"][..])
            .prop_map(str::to_owned),
    ]
}

fn conditions() -> impl Strategy<Value = String> {
    checks().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| format!("not ({e})")),
            prop::collection::vec(inner.clone(), 2..5).prop_map(|c| format!("({})", c.join(" and "))),
            prop::collection::vec(inner, 2..5).prop_map(|c| format!("({})", c.join(" or "))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn compiled_conditions_mean_what_they_say(texts in prop::collection::vec(conditions(), 1..4)) {
        let arena = Bump::new();
        let context = context(&arena);
        let conditions: Vec<_> = texts.iter().map(|text| typed(text)).collect();
        let mut compiler = Compiler::new();
        conditions.iter().for_each(|condition| { compiler.add(condition); });
        let (table, programs) = compiler.finish();
        let expected: Vec<u32> = (0..conditions.len() as u32)
            .filter(|index| holds(&conditions[*index as usize].root, &context))
            .collect();
        let index = Index::new(conditions.iter().map(|condition| (condition, SmallSchema.all_events())), &SmallSchema);
        let mut remembered = Remembered::default();
        for (slot, version) in [(None, 1), (Some(0), 1), (Some(0), 1), (Some(0), 2), (Some(1), 3)] {
            let key = slot.map(|slot| ProcessKey { slot, version, ancestry: 1 });
            let mut found = Vec::new();
            index.evaluate(0, &context, key, &mut remembered, |condition| {
                found.push(condition);
                ControlFlow::Continue(())
            });
            prop_assert_eq!(&found, &expected, "{:?}", &texts);
        }

        let mut memo = Memo::default();
        let (mut process, mut ancestry) = (ScopeMemo::new(), ScopeMemo::new());
        for round in 0..3 {
            let mut evaluation = Evaluation::new(&table, &context, &mut memo);
            if round > 0 {
                evaluation = evaluation.with_process(&mut process).with_ancestry(&mut ancestry);
            }
            for ((program, condition), text) in programs.iter().zip(&conditions).zip(&texts) {
                let expected = holds(&condition.root, &context);
                prop_assert_eq!(evaluation.matches(program), expected, "{}\n{}", text, table.display(program));
                prop_assert_eq!(evaluation.explain(program).0, expected, "{}", text);
            }
        }
    }
}
