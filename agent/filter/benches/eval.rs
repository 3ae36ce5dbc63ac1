//! What a condition costs: to read, to compile, and to evaluate for an event.

#[path = "../tests/support/mod.rs"]
mod support;

use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use saker_filter::parse::RULE_DEPTH;
use saker_filter::{Checked, Index, ProcessKey, Remembered, Value, check, parse};
use std::hint::black_box;
use std::ops::ControlFlow;
use support::{SmallContext, SmallSchema};

/// A rule set of the size and the shape of a real one: parts that many rules share, lists, paths, exceptions.
fn rules() -> Vec<String> {
    let shells = "proc.name in (ash, bash, csh, ksh, sh, tcsh, zsh, dash)";
    let managers = "(proc.name in (dpkg, apt, apt-get, rpm, yum, dnf) or proc.pname in (dpkg, rpm, apt) or proc.aname contains yum)";
    let opened = "(evt.type in (open, openat) and evt.is_open = true and fd.num >= 0)";
    let sensitive = "(fd.name in (/etc/shadow, /etc/sudoers, /etc/pam.conf) or fd.name startswith /etc/sudoers.d or fd.name pmatch (/root/.ssh, /home/*/.ssh))";
    (0..90)
        .map(|rule| match rule % 6 {
            0 => format!("{opened} and {sensitive} and not {managers} and not proc.name in (login, sshd, su, p{rule})"),
            1 => format!("evt.type = execve and {shells} and not proc.pname in (a{rule}, b, c) and proc.cmdnargs > 0"),
            2 => format!("{opened} and fd.name startswith /bin{rule} and not {managers} and not {shells}"),
            3 => format!("evt.type = connect and fd.sport = {rule} and not fd.snet in (10.0.0.0/8, 127.0.0.0/8) and {shells}"),
            4 => format!("evt.type = execve and (proc.cmdline contains \"-e {rule}\" or proc.cmdline contains nc or proc.args icontains curl)"),
            _ => format!("{opened} and (fd.directory in (/etc, /usr/etc{rule}) or fd.name endswith .conf) and not {managers} and user.uid != 0"),
        })
        .collect()
}

fn typed(rules: &[String]) -> Vec<Checked> {
    let typed =
        |rule: &String| check(&parse(rule, RULE_DEPTH).expect("parses"), &SmallSchema).expect("is typed");
    rules.iter().map(typed).collect()
}

fn index(checked: &[Checked]) -> Index {
    Index::new(checked.iter().map(|checked| (&checked.condition, checked.events)), &SmallSchema)
}

fn event(arena: &Bump) -> SmallContext<'_> {
    let mut context = SmallContext::new(arena);
    context.text("evt.type", "openat");
    context.set("evt.is_open", Value::Bool(true));
    context.set("fd.num", Value::Int(3));
    context.text("fd.name", "/usr/lib/x86_64-linux-gnu/libc.so.6");
    context.text("fd.directory", "/usr/lib/x86_64-linux-gnu");
    context.text("proc.name", "python3");
    context.text("proc.pname", "bash");
    context.set("user.uid", Value::UInt(1000));
    context
}

fn load(c: &mut Criterion) {
    let rules = rules();
    c.bench_function("parse 90 rules", |b| {
        b.iter(|| {
            rules.iter().map(|rule| parse(rule, RULE_DEPTH).map_or(0, |expr| expr.size())).sum::<usize>()
        })
    });
    let parsed: Vec<_> = rules.iter().map(|rule| parse(rule, RULE_DEPTH).expect("parses")).collect();
    c.bench_function("type 90 rules", |b| {
        b.iter(|| parsed.iter().filter(|expr| check(expr, &SmallSchema).is_ok()).count())
    });
    let checked = typed(&rules);
    c.bench_function("compile 90 rules", |b| b.iter(|| index(&checked).table().len()));
}

fn evaluate(c: &mut Criterion) {
    let index = index(&typed(&rules()));
    let arena = Bump::new();
    let context = event(&arena);
    let mut remembered = Remembered::default();
    let mut run = |version| {
        let mut found = 0;
        let key = Some(ProcessKey { slot: 0, version, ancestry: version });
        index.evaluate(1, &context, key, &mut remembered, |_| {
            found += 1;
            ControlFlow::Continue(())
        });
        found
    };
    c.bench_function("event of a known process, 45 rules of 90", |b| b.iter(|| black_box(run(1))));
    let mut version = 1;
    c.bench_function("event of a new process, 45 rules of 90", |b| {
        b.iter(|| {
            version += 1;
            black_box(run(version))
        })
    });
}

criterion_group!(benches, load, evaluate);
criterion_main!(benches);
