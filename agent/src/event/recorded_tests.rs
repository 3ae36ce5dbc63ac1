//! Holds the probe against the event table: what a sensor records is what the schema says, parameter by parameter. The
//! extractors run over the probe's own mock.

use saker_probe::extract::{calls, kernel, tracepoints};
use saker_probe::wire::event::RECORDED;

use super::syscall::SYSCALLS;
use super::{Category, Direction, EVENTS, EventFlags, EventInfo};

#[path = "../../../probe/src/extract/mock.rs"]
#[allow(dead_code)]
mod mock;

use mock::Mock;

#[test]
fn what_the_probe_records_stands_in_the_table() {
    for (id, name, parameters) in RECORDED {
        let row = &EVENTS[usize::from(*id)];
        assert_eq!((row.constant, row.params.len()), (*name, usize::from(*parameters)));
        let outdated = EventFlags::UNUSED | EventFlags::OLD_VERSION;
        assert!(!row.flags.intersects(outdated), "{name} is recorded no more");
    }
}

#[test]
fn what_the_probe_does_not_record_is_not_for_a_sensor() {
    let recorded = |row: &&EventInfo| RECORDED.iter().any(|(id, ..)| *id == row.id.0);
    let outdated = EventFlags::UNUSED | EventFlags::OLD_VERSION;
    let missing = EVENTS.iter().filter(|row| !row.flags.intersects(outdated) && !recorded(row));
    let names: Vec<_> = missing
        .filter(|row| {
            // The beginnings of calls, of which only the end is told; what others tell than the kernel.
            !(row.direction == Direction::Enter && row.category.contains(Category::SYSCALL)
                || row.category.intersects(Category::METAEVENT | Category::PLUGIN | Category::ITER))
        })
        .map(|row| row.constant)
        .collect();
    assert_eq!(names, [""; 0]);
}

/// Every parameter of a type with a width has that many bytes, or none where there is no value.
#[track_caller]
fn check(row: &EventInfo, mock: &Mock) {
    assert_eq!(mock.parameters.len(), row.params.len(), "{}", row.constant);
    for (parameter, written) in row.params.iter().zip(&mock.parameters) {
        let Some(width) = parameter.ty.width() else { continue };
        let length = written.bytes.len();
        assert!(length == width || length == 0, "{} {}: {length} bytes", row.constant, parameter.name);
    }
}

#[test]
fn parameters_have_the_width_of_their_type() {
    for call in &SYSCALLS {
        for result in [0, 3, 7, -2] {
            for compat in [false, true] {
                let mut mock = Mock { result, compat, call: (call.code, 0), snaplen: 80, ..Mock::default() };
                mock.memory.insert(0, vec![b'a'; 0x1000]);
                mock.arguments = [8, 16, 24, 32, 40, 48];
                calls::extract(call.code, &mut mock);
                if call.event == super::id::GENERIC_X && !compat {
                    assert_eq!(mock.parameters.len(), 0, "the header tells both");
                    continue;
                }
                check(&EVENTS[usize::from(call.event.0)], &mock);
            }
        }
    }
    let mut exec = Mock::default();
    tracepoints::exec(&mut exec);
    check(&EVENTS[usize::from(super::id::SYSCALL_EXECVE_19_X.0)], &exec);
}
