//! The comparison, with records made by hand.

use saker_probe::wire::record::Header;

use super::super::want::{number, text};
use super::*;

fn record(tid: u32, event: u16, returns: i64, parameters: &[&[u8]]) -> Recorded {
    let header = Header { tid, event, return_value: returns, ..Header::default() };
    let parameters = parameters.iter().map(|bytes| (bytes.to_vec(), false)).collect();
    Recorded { header, parameters, extras: Vec::new() }
}

fn mark(tid: u32, descriptor: u32) -> Recorded {
    let fd = descriptor.to_le_bytes();
    record(tid, event::SYSCALL_CLOSE_RANGE_X, 0, &[&0_i64.to_le_bytes(), &fd, &fd, &[0; 4]])
}

fn chdir(tid: u32, path: &[u8]) -> Recorded {
    record(tid, event::SYSCALL_CHDIR_X, 0, &[&0_i64.to_le_bytes(), path])
}

fn expected(bracket: u32, path: &str) -> Expectation {
    Expectation {
        bracket,
        who: Who::Caller,
        event: event::SYSCALL_CHDIR_X,
        returns: 0,
        parameters: vec![("path".into(), text(path))],
        extras: Vec::new(),
        flags: 0,
        misses: 0,
    }
}

fn bracketed(records: Vec<Recorded>) -> Vec<Recorded> {
    let (before, after) = marks(7);
    [vec![mark(5, before)], records, vec![mark(5, after)]].concat()
}

#[test]
fn the_record_between_the_marks_is_compared() {
    let other = chdir(6, b"/elsewhere\0");
    let good = bracketed(vec![other.clone(), chdir(5, b"/tmp\0")]);
    assert_eq!(check(&[expected(7, "/tmp")], &good), Vec::<String>::new());
    assert_eq!(
        check(&[expected(7, "/var")], &good),
        [r#"SYSCALL_CHDIR_X: path: "/tmp\x00", wanted "/var\x00""#]
    );
}

#[test]
fn too_few_and_too_many_records_are_told() {
    assert_eq!(check(&[expected(7, "/tmp")], &bracketed(vec![])), ["no record of SYSCALL_CHDIR_X"]);
    let twice = bracketed(vec![chdir(5, b"/tmp\0"), chdir(5, b"/tmp\0")]);
    let problems = check(&[expected(7, "/tmp")], &twice);
    assert_eq!(problems, [r#"one record more: SYSCALL_CHDIR_X = 0 res=0 path="/tmp\x00""#]);
    assert_eq!(check(&[expected(7, "/tmp")], &[]), ["the mark before call 7 was not recorded"]);
    let mut cut = bracketed(vec![chdir(5, b"/tmp\0")]);
    cut.pop();
    assert_eq!(check(&[expected(7, "/tmp")], &cut), ["the mark after call 7 was not recorded"]);
}

#[test]
fn a_parameter_that_no_case_names_is_a_fault_of_the_case() {
    let mut forgets = expected(7, "/tmp");
    forgets.parameters.clear();
    let problems = check(&[forgets], &bracketed(vec![chdir(5, b"/tmp\0")]));
    assert_eq!(problems, ["SYSCALL_CHDIR_X: path: the case does not say what it must be"]);
    let mut invents = expected(7, "/tmp");
    invents.parameters.push(("colour".into(), number(1)));
    let problems = check(&[invents], &bracketed(vec![chdir(5, b"/tmp\0")]));
    assert_eq!(problems, ["SYSCALL_CHDIR_X: the event has no parameter colour"]);
}

#[test]
fn no_record_can_be_what_is_wanted() {
    let nobody = Expectation { who: Who::Nobody, ..expected(7, "") };
    assert_eq!(check(std::slice::from_ref(&nobody), &bracketed(vec![])), Vec::<String>::new());
    assert_eq!(check(&[nobody], &bracketed(vec![chdir(5, b"/tmp\0")])).len(), 1);
}

#[test]
fn one_of_several_ways_is_enough() {
    let one_of = |path: &str| Expectation { who: Who::CallerOneOf, ..expected(7, path) };
    let found = bracketed(vec![chdir(5, b"/tmp\0")]);
    assert_eq!(check(&[one_of("/var"), one_of("/tmp")], &found), Vec::<String>::new());
    assert_eq!(check(&[one_of("/var"), one_of("/usr")], &found).len(), 1);
    let among = Expectation { who: Who::Among, ..expected(7, "/tmp") };
    let several = bracketed(vec![chdir(5, b"/var\0"), chdir(5, b"/tmp\0"), chdir(5, b"/usr\0")]);
    assert_eq!(check(std::slice::from_ref(&among), &several), Vec::<String>::new());
    assert_eq!(check(&[among], &bracketed(vec![])), ["none of 0 records of SYSCALL_CHDIR_X fits"]);
}

#[test]
fn two_drivers_may_differ_in_time_only() {
    let (one, mut other) = (bracketed(vec![chdir(5, b"/tmp\0")]), bracketed(vec![chdir(5, b"/tmp\0")]));
    other[1].header.time = 9;
    let expected = [expected(7, "/tmp")];
    assert_eq!(differences(&expected, ("a", &one), ("b", &other)), Vec::<String>::new());
    other[1].header.start_time = 9;
    assert_eq!(differences(&expected, ("a", &one), ("b", &other)).len(), 1);
}
