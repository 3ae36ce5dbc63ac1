//! The spool over restarts, damage and too many alerts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::alerts::Parts;

fn alert(rule: &str, text: &str) -> Alert {
    Alert::new(&Parts { rule, text: text.as_bytes(), ..Parts::default() }).unwrap()
}

fn texts(reader: &mut Reader) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some((_, alert)) = reader.read().unwrap() {
        texts.push(String::from_utf8_lossy(alert.text()).into_owned());
    }
    texts
}

fn append(spool: &Spool, texts: &[&str]) -> Vec<u64> {
    texts.iter().map(|text| spool.append(&alert("r", text)).unwrap().0).collect()
}

#[test]
fn readers_go_on_where_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("below/spool");
    let spool = Spool::open(&path, 1 << 20).unwrap();
    let (mut http, mut slow) = (spool.reader("http").unwrap(), spool.reader("slow").unwrap());
    let numbers = append(&spool, &["a", "b", "c"]);
    assert_eq!(texts(&mut http), ["a", "b", "c"]);
    http.commit(numbers[1]).unwrap();
    assert_eq!((http.waiting(), slow.waiting()), (1, 3));
    http.rewind();
    assert_eq!(texts(&mut http), ["c"]);
    append(&spool, &["d"]);
    assert_eq!(
        (texts(&mut http), texts(&mut slow)),
        (vec!["d".into()], vec!["a".into(), "b".into(), "c".into(), "d".into()])
    );

    assert!(matches!(Spool::open(&path, 1 << 20), Err(SpoolError::InUse(_))));
    drop((spool, http, slow));
    let spool = Spool::open(&path, 1 << 20).unwrap();
    let mut http = spool.reader("http").unwrap();
    assert_eq!(texts(&mut http), ["c", "d"], "committed: a and b");
    assert_eq!(texts(&mut spool.reader("new").unwrap()), Vec::<String>::new());
    assert_eq!(spool.keep_only(&["http", "new"]), [("slow".to_owned(), 4)]);
    assert_eq!(append(&spool, &["e"]), [5]);
    assert_eq!(texts(&mut http), ["e"]);

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn numbers_do_not_come_again_when_all_is_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path(), 1 << 20).unwrap();
    let mut reader = spool.reader("http").unwrap();
    let numbers = append(&spool, &["a", "b"]);
    assert_eq!(texts(&mut reader).len(), 2);
    reader.commit(numbers[1]).unwrap();
    drop((reader, spool));
    for path in segment::list(directory.path()).unwrap() {
        fs::remove_file(path).unwrap();
    }
    let spool = Spool::open(directory.path(), 1 << 20).unwrap();
    assert_eq!(append(&spool, &["c"]), [3]);
    assert_eq!(texts(&mut spool.reader("http").unwrap()), ["c"]);
}

#[test]
fn a_full_spool_loses_its_oldest_and_says_which() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path(), 8 * SEGMENT_MIN).unwrap();
    let mut reader = spool.reader("http").unwrap();
    let long = "x".repeat(10_000);
    let mut evicted = 0;
    for number in 0..200 {
        let rule = if number % 2 == 0 { "even" } else { "odd" };
        if let (_, Some(gone)) = spool.append(&alert(rule, &long)).unwrap() {
            assert!(gone.rules["even"] > 0 && gone.rules["odd"] > 0, "{gone:?}");
            evicted += gone.rules.values().sum::<u64>();
        }
    }
    assert!(spool.size().0 <= 8 * SEGMENT_MIN, "{:?}", spool.size());
    assert!(spool.is_full());
    let read = texts(&mut reader).len() as u64;
    assert_eq!((reader.take_missed(), read + evicted), (evicted, 200));
    assert!(evicted > 0 && read > 20, "{evicted} {read}");
    reader.commit(200).unwrap();
    assert!(!spool.is_full());
    assert_eq!(segment::list(directory.path()).unwrap().len(), 1);
}

#[test]
fn what_was_cut_short_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let whole = {
        let spool = Spool::open(directory.path(), 1 << 20).unwrap();
        spool.reader("http").unwrap();
        append(&spool, &["first", "second", "third"]);
        fs::read(&segment::list(directory.path()).unwrap()[0]).unwrap()
    };
    let path = segment::list(directory.path()).unwrap().remove(0);
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let spool = Spool::open(directory.path(), 1 << 20).unwrap();
        let mut reader = spool.reader("http").unwrap();
        let read = texts(&mut reader);
        let kept = ["first", "second"];
        assert!(
            read.len() < 3 && read.iter().zip(kept).all(|(read, kept)| read == kept),
            "{length}: {read:?}"
        );
        // And what comes now follows it.
        append(&spool, &["new"]);
        assert_eq!(texts(&mut reader), ["new"], "{length}");
    }
}

#[test]
fn damage_costs_no_more_than_its_segment() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path(), 8 * SEGMENT_MIN).unwrap();
    let mut reader = spool.reader("http").unwrap();
    let long = "x".repeat(30_000);
    (0..6).for_each(|_| drop(spool.append(&alert("r", &long)).unwrap()));
    let first = segment::list(directory.path()).unwrap().remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[100] ^= 1;
    fs::write(&first, bytes).unwrap();
    let read = texts(&mut reader).len() as u64;
    assert_eq!((read, reader.take_missed()), (4, 2));

    // A damaged place means the beginning.
    drop((reader, spool));
    fs::write(directory.path().join("http.next"), b"nonsense").unwrap();
    let spool = Spool::open(directory.path(), 8 * SEGMENT_MIN).unwrap();
    assert_eq!(texts(&mut spool.reader("http").unwrap()).len(), 4);
}
