//! What was written is read again.

use super::*;

#[test]
fn what_is_written_is_read_again() {
    let read = read(&capture());
    assert!(read.error.is_none(), "{:?}", read.error);
    assert_eq!(read.snapshots.len(), 1);
    let (was, is) = (snapshot(), &read.snapshots[0]);
    assert!(is.fresh);
    assert_eq!(is.machine, was.machine);
    assert_eq!(is.interfaces, was.interfaces);
    assert_eq!(is.users, was.users);
    assert_eq!(is.groups, was.groups);
    assert_eq!(is.processes, was.processes);
    assert_eq!(is.fds, was.fds);
    assert_eq!(read.events, events());
    assert_eq!(read.numbers, (1..=7).collect::<Vec<_>>());
}

#[test]
fn compressed_is_the_same() {
    let mut writer = ScapWriter::gzip(Vec::new()).unwrap();
    writer.snapshot(&snapshot()).unwrap();
    events().iter().for_each(|event| event.write(&mut writer));
    let bytes = writer.into_inner().finish().unwrap();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    assert_eq!(read(&bytes).events, events());
    // gzip files may follow each other, and so may sections.
    let twice = read(&[&bytes[..], &bytes[..]].concat());
    assert!(twice.error.is_none(), "{:?}", twice.error);
    assert_eq!((twice.snapshots.len(), twice.events.len()), (2, 14));
    assert_eq!(twice.numbers, (1..=14).collect::<Vec<_>>());
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let mut writer = ScapWriter::new(Vec::new()).unwrap();
    let data = vec![b'x'; 70_000];
    let params = Params::new(&data, &[0, 8, 70_000]);
    let event = Event::new(1, 1, 1, 0, id::SYSCALL_STAT_X, 0, params);
    assert_eq!(writer.event(&event).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}

/// Tables after events add to the state; a section header starts it anew.
#[test]
fn tables_may_come_later() {
    let mut writer = ScapWriter::new(Vec::new()).unwrap();
    events()[0].write(&mut writer);
    writer.snapshot(&snapshot()).unwrap();
    events()[0].write(&mut writer);
    writer.section().unwrap();
    events()[0].write(&mut writer);
    let read = read(&writer.into_inner());
    assert!(read.error.is_none(), "{:?}", read.error);
    let fresh: Vec<_> =
        read.snapshots.iter().map(|snapshot| (snapshot.fresh, snapshot.processes.len())).collect();
    assert_eq!(fresh, [(true, 0), (false, 2), (true, 0)]);
    assert_eq!(read.events.len(), 3);
}

/// A caller that does not want the events of a section still gets the next.
#[test]
fn sections_can_be_skipped() {
    let bytes = [capture(), capture()].concat();
    let mut reader = ScapReader::new(Cursor::new(bytes)).unwrap();
    assert!(reader.next_section().unwrap().is_some());
    assert!(reader.next_section().unwrap().is_some_and(|snapshot| snapshot.fresh));
    assert!(reader.next_section().unwrap().is_none());
}
