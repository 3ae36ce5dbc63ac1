//! Damage: found where it is, after everything before it.

use proptest::prelude::*;

use super::*;

#[test]
fn errors_say_what_and_where() {
    let text = |bytes: &[u8]| read(bytes).error.map(|error| error.to_string()).unwrap_or_default();
    insta::assert_snapshot!(text(b"hello, world"), @"at byte 0: not a .scap file: it begins with 0x6c6c6568, not with a section header");
    insta::assert_snapshot!(text(b"abc"), @"at byte 0: the capture is cut off: 5 more bytes were expected");
    let mut newer = section();
    newer[12] = 2;
    insta::assert_snapshot!(text(&newer), @"at byte 0: capture version 2.2 is newer than 1.x");
    let good = capture();
    insta::assert_snapshot!(text(&good[..good.len() - 1]), @"at byte 142148: the capture is cut off: 1 more bytes were expected");
    let mut trailer = good.clone();
    *trailer.last_mut().unwrap() = 1;
    insta::assert_snapshot!(text(&trailer), @"at byte 142148: block 0x216 says 48 bytes at its head and 16777264 at its end");
    let mut length = good.clone();
    let at = good.len() - 48;
    length[at + 4] = 3;
    insta::assert_snapshot!(text(&length), @"at byte 142148: block 0x216 has the impossible length 3");
    let mut params = good.clone();
    params[at + 10 + 26] = 200;
    insta::assert_snapshot!(text(&params), @"at byte 142148: event 203 is damaged: its parameters are longer than itself");
}

/// Cut anywhere, a capture gives all events before the cut and then an error at the block that is cut.
#[test]
fn every_cut_is_found() {
    let good = capture();
    let all = read(&good);
    let events_end = |cut: usize| {
        // Walk the blocks to know how many events lie wholly before the cut, and where the cut block starts.
        let (mut at, mut events) = (0, 0);
        while at < cut {
            let word = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().unwrap());
            let length = word(at + 4) as usize;
            if at + length > cut {
                break;
            }
            events += usize::from(matches!(word(at), 0x216 | 0x217 | 0x221 | 0x222));
            at += length;
        }
        (events, at)
    };
    for cut in (0..4000).chain((4000..good.len()).step_by(997)) {
        let (events, block) = events_end(cut);
        let part = read(&good[..cut]);
        assert_eq!(part.events, all.events[..events], "{cut}");
        match part.error {
            Some(error) => assert_eq!(error.offset, block as u64, "{cut}: {error}"),
            None => assert_eq!(block, cut, "a cut inside a block went unnoticed"),
        }
    }
}

/// The same of a compressed capture: what was decompressed before the damage counts.
#[test]
fn damaged_gzip_gives_what_came_before() {
    let mut writer = ScapWriter::gzip(Vec::new()).unwrap();
    let many: Vec<_> = (0..2000u64)
        .map(|ts| Owned { ts: ts.wrapping_mul(0x9E37_79B9_7F4A_7C15), ..events()[0].clone() })
        .collect();
    many.iter().for_each(|event| event.write(&mut writer));
    let good = writer.into_inner().finish().unwrap();
    let cut = read(&good[..good.len() / 2]);
    assert!(cut.events.len() > 100, "{}", cut.events.len());
    assert_eq!(cut.events, many[..cut.events.len()]);
    assert!(cut.error.is_some_and(|error| error.compressed && error.offset > 0));
    let mut checksum = good.clone();
    let at = good.len() - 6;
    checksum[at] ^= 1;
    let damaged = read(&checksum);
    assert_eq!(damaged.events, many);
    assert!(matches!(damaged.error.map(|error| error.kind), Some(ScapErrorKind::Gzip(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Flipped bytes end in success or in a located error, never in a panic, and never before the first flip.
    #[test]
    fn flipped_bytes_are_survived(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let good = capture();
        let mut bad = good.clone();
        for (index, value) in &flips {
            // Mostly in the tables and headers, where it hurts.
            let at = index.index(4200.min(bad.len()));
            bad[at] = *value;
        }
        let first = good.iter().zip(&bad).position(|(a, b)| a != b).unwrap_or(good.len());
        let read = read(&bad);
        if let Some(error) = read.error {
            prop_assert!(error.offset <= bad.len() as u64);
            // The block with the first flip starts at or before it, and nothing before that block is damaged.
            prop_assert!(error.offset + 150_000 > first as u64);
        }
    }

    /// Any bytes after a section header are survived.
    #[test]
    fn garbage_is_survived(garbage in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&[section(), garbage].concat());
    }

    /// Any parameters of any event, as an old capture may have them, come out as a current event or not at all.
    #[test]
    fn any_event_is_lifted(
        ids in prop::collection::vec(0u16..454, 1..20),
        params in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..32),
    ) {
        let mut bytes = section();
        for id in ids {
            let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
            for count in 0..=params.len() {
                bytes.extend(block(0x216, &event_body(&Owned::new(EventId(id), &params[..count]), true)));
            }
        }
        // Events with large payload have lengths of four bytes, so these may be damaged.
        for event in read(&bytes).events {
            let row = event.id.info().unwrap();
            prop_assert!(event.params.len() <= row.params.len());
        }
    }
}
