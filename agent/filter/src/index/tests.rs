use bumpalo::Bump;

use super::*;
use crate::parse::{RULE_DEPTH, parse};
use crate::support::{EVENTS, EXECVE, EXECVE_KINDS, SmallContext, SmallSchema};
use crate::typing::check;

#[test]
fn candidates_are_cut_to_the_event() {
    let texts = [
        "evt.type in (open, openat) and fd.name = /a",
        "proc.name = cat",
        "(evt.type = open and fd.num = 1) or (not evt.type contains open and fd.num = 2)",
        "evt.type = open and evt.type = close",
    ];
    let checked: Vec<_> =
        texts.iter().map(|text| check(&parse(text, RULE_DEPTH).unwrap(), &SmallSchema).unwrap()).collect();
    let index = Index::new(checked.iter().map(|checked| (&checked.condition, checked.events)), &SmallSchema);
    let shown: Vec<_> = (0..EVENTS.len())
        .map(|event| {
            let candidates = index.candidates(event as u16).iter().map(|candidate| {
                format!("{} {}", candidate.condition, index.table().display(&candidate.program))
            });
            format!("{}\n{}", EVENTS[event], candidates.collect::<String>())
        })
        .collect();
    insta::assert_snapshot!(shown.join(""), @r"
    open
    0   0: fd.name = /a ? true : false
    1   0: proc.name = cat [process] ? true : false
    2   0: fd.num = 1 ? true : false
    openat
    0   0: fd.name = /a ? true : false
    1   0: proc.name = cat [process] ? true : false
    close
    1   0: proc.name = cat [process] ? true : false
    2   0: fd.num = 2 ? true : false
    execve
    1   0: proc.name = cat [process] ? true : false
    2   0: fd.num = 2 ? true : false
    connect
    1   0: proc.name = cat [process] ? true : false
    2   0: fd.num = 2 ? true : false
    ");
    assert!(index.candidates(u16::MAX).is_empty());

    let arena = Bump::new();
    let mut context = SmallContext::new(&arena);
    context.text("evt.type", "close");
    context.set("fd.num", crate::Value::Int(2));
    let mut memo = Memo::default();
    let mut evaluation = Evaluation::new(index.table(), &context, &mut memo);
    let matching: Vec<_> = index
        .candidates(2)
        .iter()
        .filter(|candidate| evaluation.matches(&candidate.program))
        .map(|candidate| candidate.condition)
        .collect();
    assert_eq!(matching, [2]);
}

#[test]
fn candidates_are_cut_to_the_kind() {
    let texts = [
        "evt.type = execve and fd.num = 1",
        "evt.type in (open, execve) and (fd.num = 2 or proc.name = cat)",
        "fd.num > 0 and fd.num < 2",
    ];
    let checked: Vec<_> =
        texts.iter().map(|text| check(&parse(text, RULE_DEPTH).unwrap(), &SmallSchema).unwrap()).collect();
    let index = Index::new(checked.iter().map(|checked| (&checked.condition, checked.events)), &SmallSchema);
    let shown = |kind| {
        let candidates = index.candidates(kind).iter().map(|candidate| {
            format!("{} {}", candidate.condition, index.table().display(&candidate.program))
        });
        candidates.collect::<String>()
    };
    let kinds: Vec<_> = EXECVE_KINDS.map(|kind| format!("{kind}\n{}", shown(kind))).collect();
    insta::assert_snapshot!(kinds.join(""), @r"
    512
    1   0: proc.name = cat [process] ? true : false
    513
    0   true
    1   0: proc.name = cat [process] ? true : false
    2   true
    514
    1   true
    ");
    insta::assert_snapshot!(shown(EXECVE), @r"
    0   0: fd.num = 1 ? true : false
    1   0: proc.name = cat [process] ? true : 1
      1: fd.num = 2 ? true : false
    2   0: fd.num > 0 ? 1 : false
      1: fd.num < 2 ? true : false
    ");
    assert!(shown(EXECVE_KINDS.end).is_empty());
}

#[test]
fn what_the_process_decides_is_remembered() {
    let texts = [
        "evt.type = open and proc.name = cat and fd.num = 1",
        "evt.type = open and not proc.name = cat and fd.num = 1",
        "proc.name = cat and proc.pname = bash and fd.num = 1",
        "proc.name in (cat, dog)",
        "fd.num = 1",
    ];
    let checked: Vec<_> =
        texts.iter().map(|text| check(&parse(text, RULE_DEPTH).unwrap(), &SmallSchema).unwrap()).collect();
    let index = Index::new(checked.iter().map(|checked| (&checked.condition, checked.events)), &SmallSchema);
    let arena = Bump::new();
    let mut context = SmallContext::new(&arena);
    context.text("evt.type", "open");
    context.text("proc.name", "cat");
    context.text("proc.pname", "sh");
    context.set("fd.num", crate::Value::Int(1));
    let mut remembered = Remembered::default();
    let mut run = |context: &SmallContext<'_>, slot, version, ancestry| {
        let before = context.gets.get();
        let mut found = Vec::new();
        index.evaluate(
            0,
            context,
            Some(ProcessKey { slot, version, ancestry }),
            &mut remembered,
            |condition| {
                found.push(condition);
                ControlFlow::Continue(())
            },
        );
        (found, context.gets.get() - before)
    };
    assert_eq!(run(&context, 5, 1, 1), (vec![0, 3, 4], 3));
    assert_eq!(run(&context, 5, 1, 1), (vec![0, 3, 4], 1));
    context.text("proc.pname", "bash");
    assert_eq!(run(&context, 5, 1, 1), (vec![0, 3, 4], 1));
    assert_eq!(run(&context, 5, 1, 2), (vec![0, 2, 3, 4], 2));
    assert_eq!(run(&context, 6, 2, 2), (vec![0, 2, 3, 4], 3));
    context.text("proc.name", "dog");
    assert_eq!(run(&context, 5, 3, 2), (vec![1, 3, 4], 2));
    assert_eq!(run(&context, u32::MAX, 3, 2), (vec![1, 3, 4], 2));

    let mut first = Vec::new();
    index.evaluate(0, &context, None, &mut remembered, |condition| {
        first.push(condition);
        ControlFlow::Break(())
    });
    assert_eq!(first, [1]);
}
