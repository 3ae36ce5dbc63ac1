// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Tables of flags: every bit that is translated, one by one, and what has no translation.

use super::super::flags::*;

/// Each bit alone gives its own, all bits together give all, and no other bit gives anything.
#[track_caller]
fn bits(what: &str, translate: impl Fn(u32) -> u32, none: u32, rows: &[(u32, u32)]) {
    let mut all = (0, none);
    for (kernel, schema) in rows {
        assert_eq!(translate(*kernel), none | schema, "{what} {kernel:#x}");
        all = (all.0 | kernel, all.1 | schema);
    }
    assert_eq!(translate(all.0), all.1, "{what}: all of them");
    for bit in (0..32).map(|bit| 1u32 << bit).filter(|bit| all.0 & bit == 0) {
        assert_eq!(translate(bit), none, "{what}: {bit:#x} has no name");
    }
}

#[test]
fn open() {
    bits(
        "open",
        |flags| open_flags(flags & !3),
        1,
        &[
            (0o100, 4),
            (0o2000, 8),
            (0o10000, 0x10),
            (0o200, 0x20),
            (0o4000, 0x40),
            (0o4010000, 0x90),
            (0o1000, 0x100),
            (0o40000, 0x200),
            (0o200000, 0x400),
            (0o100000, 0x800),
            (0o2000000, 0x1000),
            (0o20200000, 0x2400),
        ],
    );
    assert_eq!([0, 1, 2, 3].map(open_flags), [1, 2, 3, 1]);
    assert_eq!(open_mode(0o100, 0o17777), 0o7777);
    assert_eq!(open_mode(0o20200000, 0o600), 0o600);
    assert_eq!(open_mode(0o200000, 0o600), 0, "O_DIRECTORY is a part of O_TMPFILE only");
    bits(
        "resolve",
        |flags| resolve_flags(flags.into()),
        0,
        &[(1, 0x10), (2, 4), (4, 8), (8, 1), (0x10, 2), (0x20, 0x20)],
    );
    assert_eq!(opened_flags(0, 0), 0);
    assert_eq!(opened_flags(0x10_0000, 1), 0xc000);
    assert_eq!(opened_flags(u64::MAX, 2), 0x1_4000);
}

#[test]
fn files() {
    bits("descriptor", descriptor_flags, 0, &[(0o4000, 0x40), (0o2000000, 0x1000)]);
    bits("pipe", pipe_flags, 0, &[(0o4000, 0x40), (0o40000, 0x200), (0o2000000, 0x1000)]);
    bits("dup", dup_flags, 0, &[(0o2000000, 0x1000)]);
    bits("unlinkat", unlinkat_flags, 0, &[(0x200, 0x200)]);
    bits("linkat", linkat_flags, 0, &[(0x400, 0x400), (0x1000, 0x1000)]);
    bits("newfstatat", newfstatat_flags, 0, &[(0x100, 0x100), (0x800, 0x800), (0x1000, 0x1000)]);
    bits("fchownat", fchownat_flags, 0, &[(0x100, 0x400), (0x1000, 0x1000)]);
    bits("umount", umount_flags, 0, &[(1, 1), (2, 2), (4, 4), (8, 8)]);
    bits("access", access_mode, 0, &[(1, 1), (2, 2), (4, 4)]);
    bits("flock", flock_operation, 0, &[(1, 1), (2, 2), (4, 4), (8, 8)]);
    bits("memfd", memfd_flags, 0, &[(1, 1), (2, 2), (4, 4)]);
    bits("epoll", epoll_flags, 0, &[(0o2000000, 1)]);
    bits("pidfd", pidfd_flags, 0, &[(0o4000, 1)]);
    bits("splice", splice_flags, 0, &[(1, 1), (2, 2), (4, 4), (8, 8)]);
    bits("close_range", close_range_flags, 0, &[(2, 2), (4, 4)]);
    for (mode, expected) in [
        (0o644, 0o100644),
        (0o100644, 0o100644),
        (0o20644, 0o20644),
        (0o60644, 0o60644),
        (0o10644, 0o10644),
        (0o140644, 0o140644),
        (0o40644, 0o644),
        (0o120644, 0o644),
    ] {
        assert_eq!(node_mode(mode), expected, "{mode:o}");
    }
    for (flags, expected) in [(0x1021, 0x1021), (0xc0ed_1021, 0x1021), (0x8000_0000, 0x8000_0000)] {
        assert_eq!(mount_flags(flags), expected);
    }
    let commands = [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (6, 8),
        (7, 9),
        (8, 10),
        (9, 12),
        (10, 13),
        (11, 15),
        (12, 6),
        (13, 8),
        (14, 9),
        (15, 21),
        (16, 22),
        (36, 30),
        (37, 31),
        (38, 32),
        (1024, 23),
        (1025, 24),
        (1026, 27),
        (1029, 25),
        (1030, 26),
        (1031, 28),
        (1032, 29),
        (17, 0),
        (1033, 0),
        (u32::MAX, 0),
    ];
    for (command, expected) in commands {
        assert_eq!(fcntl_command(command), expected, "fcntl {command}");
    }
    assert_eq!([0, 1, 2, 3].map(seek_origin), [0, 1, 2, 0]);
}

#[test]
fn processes() {
    bits(
        "clone",
        clone_flags,
        0,
        &[
            (0x100, 0x8000),
            (0x200, 2),
            (0x400, 1),
            (0x800, 0x800),
            (0x2000, 0x400),
            (0x4000, 0x800_0000),
            (0x8000, 0x100),
            (0x1_0000, 0x2000),
            (0x2_0000, 0x20),
            (0x4_0000, 0x1000),
            (0x8_0000, 0x200_0000),
            (0x10_0000, 0x200),
            (0x20_0000, 0x80_0000),
            (0x80_0000, 0x4000),
            (0x100_0000, 0x100_0000),
            (0x200_0000, 0x1000_0000),
            (0x400_0000, 0x80),
            (0x800_0000, 8),
            (0x1000_0000, 0x10_0000),
            (0x2000_0000, 0x40),
            (0x4000_0000, 0x10),
            (0x8000_0000, 4),
        ],
    );
    for resource in 0..16 {
        assert_eq!(u32::from(limit_resource(resource)), resource);
    }
    assert_eq!(limit_resource(16), 255);
    assert_eq!(capabilities(u64::MAX), (1 << 41) - 1);
    let requests = [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (6, 7),
        (7, 8),
        (8, 9),
        (9, 10),
        (12, 26),
        (13, 27),
        (14, 28),
        (15, 29),
        (16, 11),
        (17, 12),
        (18, 30),
        (19, 31),
        (21, 32),
        (24, 13),
        (25, 33),
        (26, 34),
        (30, 35),
        (31, 36),
        (32, 37),
        (33, 38),
        (0x4200, 14),
        (0x4201, 15),
        (0x4202, 16),
        (0x4203, 17),
        (0x4204, 18),
        (0x4205, 19),
        (0x4206, 20),
        (0x4207, 21),
        (0x4208, 22),
        (0x4209, 23),
        (0x420a, 24),
        (0x420b, 25),
        (10, 0),
        (0x420c, 0),
        (u64::MAX, 0),
    ];
    for (request, expected) in requests {
        assert_eq!(ptrace_request(request), expected, "ptrace {request:#x}");
    }
}

#[test]
fn memory() {
    bits(
        "protection",
        protection,
        0,
        &[(1, 1), (2, 2), (4, 4), (8, 8), (0x100_0000, 0x10), (0x200_0000, 0x20)],
    );
    bits(
        "mmap",
        mmap_flags,
        0,
        &[
            (1, 1),
            (2, 2),
            (0x10, 4),
            (0x20, 8),
            (0x40, 0x10),
            (0x4000, 0x40),
            (0x8000, 0x80),
            (0x1_0000, 0x100),
            (0x100, 0x200),
            (0x800, 0x400),
            (0x1000, 0x800),
            (0x2000, 0x4000),
        ],
    );
    bits("mlockall", mlockall_flags, 0, &[(1, 1), (2, 2), (4, 4)]);
    bits("mlock2", mlock2_flags, 0, &[(1, 1)]);
    for (error, expected) in
        [(0, 0x2a), (1, 0x29), (2, 0x26), (4, 0x1a), (8, 0x6a), (0x10, 0xaa), (0x1f, 0xd5)]
    {
        assert_eq!(fault_error(error), expected, "{error:#x}");
    }
}

#[test]
fn sockets_and_waiting() {
    assert_eq!([0, 1, 6, 17].map(option_level), [0, 1, 2, 0]);
    for name in 1..=50 {
        assert_eq!(u32::from(option_name(1, name)), name);
        assert_eq!(option_name(6, name), 0);
    }
    assert_eq!([55, 57, 59, 66, 67, 51, 99].map(|name| option_name(1, name)), [52, 53, 51, 20, 21, 0, 0]);
    bits(
        "poll",
        |events| poll_events(events as u16).into(),
        0,
        &[
            (1, 1),
            (2, 2),
            (4, 4),
            (0x2000, 8),
            (8, 0x10),
            (0x10, 0x20),
            (0x20, 0x40),
            (0x40, 0x80),
            (0x80, 0x100),
            (0x100, 0x200),
            (0x200, 0x400),
        ],
    );
    for (operation, expected) in
        [(0, 0), (9, 9), (12, 12), (13, 0), (0x81, 0x81), (0x18b, 0x18b), (0xfe00, 0)]
    {
        assert_eq!(futex_operation(operation), expected, "{operation:#x}");
    }
}

#[test]
fn systems() {
    bits("semget", semget_flags, 0, &[(0o1000, 0x2000), (0o2000, 0x4000)]);
    bits("semop", |flags| semop_flags(flags as u16).into(), 0, &[(0o4000, 1), (0x1000, 2)]);
    let commands = [
        (2, 1),
        (1, 2),
        (0, 4),
        (3, 8),
        (19, 0x10),
        (18, 0x20),
        (13, 0x40),
        (14, 0x80),
        (11, 0x100),
        (12, 0x200),
        (15, 0x400),
        (17, 0x800),
        (16, 0x1000),
        (0x102, 1),
        (99, 0),
    ];
    for (command, expected) in commands {
        assert_eq!(semctl_command(command), expected, "semctl {command}");
    }
    let commands = [
        (0x80_0001, 0x80),
        (0x80_0002, 1),
        (0x80_0003, 2),
        (0x80_0004, 4),
        (0x80_0005, 8),
        (0x80_0006, 0x10),
        (0x80_0007, 0x20),
        (0x80_0008, 0x40),
        (0x5801, 0x100),
        (0x5802, 0x200),
        (0x5803, 0x400),
        (0x5804, 0x800),
        (0x5805, 0x1000),
        (0x5806, 0x2000),
        (0x5807, 0x4000),
        (0, 0),
        (0x5808, 0),
    ];
    for (command, expected) in commands {
        assert_eq!(quota_command(command << 8 | 1), expected, "quota {command:#x}");
    }
    assert_eq!([0, 1, 2].map(quota_type), [1, 2, 0]);
    assert_eq!([0, 1, 2, 3, 4].map(quota_format), [1, 2, 4, 1, 8]);
    assert_eq!([0, 1, 2].map(quota_flags), [1, 2, 1]);
    bits(
        "ring setup",
        ring_setup_flags,
        0,
        &[(1, 1), (2, 2), (4, 8), (8, 0x10), (0x10, 0x20), (0x20, 0x40), (0x40, 0x80)],
    );
    assert_eq!(ring_features(u32::MAX), 0x7ff);
    bits("ring enter", ring_enter_flags, 0, &[(1, 1), (2, 2), (4, 4), (8, 8)]);
    bits("finit_module", finit_module_flags, 0, &[(1, 1), (2, 2), (4, 4)]);
    bits("delete_module", delete_module_flags, 0, &[(0o1000, 1), (0o4000, 2)]);
}
