//! Cases of calls on the system as a whole: modules, BPF, keys, settings of file systems, quotas, rings; and of calls that
//! have no event of their own.

use saker_probe::extract::calls::code;

use super::prelude::*;

/// A call without an event of its own: its code and its number.
fn generic(code: u16, number_of_call: i64) -> [(&'static str, Want); 2] {
    [("ID", number(code)), ("nativeID", number(number_of_call))]
}

/// A number among the arguments of keyctl, with the byte that says so.
fn key_number(value: i64) -> Want {
    bytes([&[0][..], &value.to_le_bytes()].concat())
}

/// A string among them.
fn key_text(text: &str) -> Want {
    bytes([&[1], text.as_bytes(), &[0]].concat())
}

fn key_arguments(operation: Want, arguments: [Want; 4]) -> Vec<(&'static str, Want)> {
    let [arg2, arg3, arg4, arg5] = arguments;
    vec![("operation", operation), ("arg2", arg2), ("arg3", arg3), ("arg4", arg4), ("arg5", arg5)]
}

const KEYCTL_GET_KEYRING_ID: i32 = 0;
const KEYCTL_JOIN_SESSION_KEYRING: i32 = 1;
const KEYCTL_DESCRIBE: i32 = 6;
const KEYCTL_SEARCH: i32 = 10;
const KEYCTL_GET_SECURITY: i32 = 17;
const KEYCTL_SESSION_TO_PARENT: i32 = 18;
const KEY_SPEC_SESSION_KEYRING: i32 = -3;

/// The zeros of a quotactl that has nothing to tell, from `special` to `dqi_flags`.
fn no_quota() -> Vec<(&'static str, Want)> {
    let numbers = [
        "dqb_bhardlimit",
        "dqb_bsoftlimit",
        "dqb_curspace",
        "dqb_ihardlimit",
        "dqb_isoftlimit",
        "dqb_btime",
        "dqb_itime",
        "dqi_bgrace",
        "dqi_igrace",
    ];
    let mut parameters: Vec<_> = numbers.into_iter().map(|name| (name, number(0))).collect();
    parameters.push(("dqi_flags", number(0)));
    parameters
}

cases! {
    "generic: calls without an event of their own" => |t| {
        t.call(SYS_getppid, &args![]).ok().records(GENERIC_X, &generic(code::GETPPID, SYS_getppid));
        t.call(SYS_sched_yield, &args![]).gives(0).records(GENERIC_X, &generic(code::SCHED_YIELD, SYS_sched_yield));
        let mut time = [0_u64; 2];
        t.call(SYS_clock_gettime, &args![CLOCK_MONOTONIC, time.as_mut_ptr()]).gives(0)
            .records(GENERIC_X, &generic(code::CLOCK_GETTIME, SYS_clock_gettime));
        t.call(SYS_getcpu, &args![NOWHERE, NOWHERE, NOWHERE]).gives(0)
            .records(GENERIC_X, &generic(code::GETCPU, SYS_getcpu));
        t.call(SYS_gettimeofday, &args![time.as_mut_ptr(), NOWHERE]).gives(0)
            .records(GENERIC_X, &generic(code::GETTIMEOFDAY, SYS_gettimeofday));
        t.call(SYS_time, &args![NOWHERE]).ok().records(GENERIC_X, &generic(code::TIME, SYS_time));
        t.call(SYS_mremap, &args![0x1001, 1, 1, 0, 0]).fails(EINVAL)
            .records(GENERIC_X, &generic(code::MREMAP, SYS_mremap));
    };
    "bpf: a command that is none" => |t| {
        t.call(SYS_bpf, &args![-1, NOWHERE, 0]).fails_with(&[EINVAL, EPERM])
            .records(SYSCALL_BPF_2_X, &[("cmd", number(-1))]);
    };
    "bpf: a map" => |t| {
        // union bpf_attr of BPF_MAP_CREATE: array, key, value, entries.
        let attributes = [2_u32, 4, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        t.call(SYS_bpf, &args![0, &attributes, 72]).or_skip(&[EPERM, ENOSYS], "no BPF").ok()
            .records(SYSCALL_BPF_2_X, &[("cmd", named("BPF_MAP_CREATE"))]);
    };
    "init_module: no module" => |t| {
        t.call(SYS_init_module, &args![b"mock_img", 8, c"AAABAACAADAAE"])
            .or_skip(&[ENOSYS], "no modules")
            .fails_with(&[ENOEXEC, EPERM, EBADMSG])
            .records(
                SYSCALL_INIT_MODULE_X,
                &[("img", bytes("mock_img")), ("length", number(8)), ("uargs", text("AAABAACAADAAE"))],
            );
    };
    "finit_module: no descriptor" => |t| {
        for (flags, names) in [
            (0, ""),
            (1, "MODULE_INIT_IGNORE_MODVERSIONS"),
            (2, "MODULE_INIT_IGNORE_VERMAGIC"),
            (4, "MODULE_INIT_COMPRESSED_FILE"),
        ] {
            t.call(SYS_finit_module, &args![-1, c"parameter=1", flags])
                .or_skip(&[ENOSYS], "no modules")
                .fails_with(&[EBADF, EPERM, EOPNOTSUPP, EINVAL])
                .records(
                    SYSCALL_FINIT_MODULE_X,
                    &[("fd", number(-1)), ("uargs", text("parameter=1")), ("flags", named(names))],
                );
        }
    };
    "delete_module: what is not there" => |t| {
        t.call(SYS_delete_module, &args![c"no_such_module", O_NONBLOCK | O_TRUNC])
            .or_skip(&[ENOSYS], "no modules")
            .fails_with(&[ENOENT, EPERM])
            .records(
                SYSCALL_DELETE_MODULE_X,
                &[("name", text("no_such_module")), ("flags", named("O_NONBLOCK|O_TRUNC"))],
            );
    };
    "fsconfig: set an option" => |t| {
        let fd = t.must(SYS_fsopen, &args![c"tmpfs", 0]);
        t.call(SYS_fsconfig, &args![fd, FSCONFIG_SET_STRING, c"source", c"a name", 0]).gives(0).records(
            SYSCALL_FSCONFIG_X,
            &[
                ("fd", number(fd)),
                ("cmd", named("FSCONFIG_SET_STRING")),
                ("key", text("source")),
                ("value_bytebuf", empty()),
                ("value_charbuf", text("a name")),
                ("aux", number(0)),
            ],
        );
    };
    "fsconfig: no descriptor" => |t| {
        t.call(SYS_fsconfig, &args![-1, FSCONFIG_SET_BINARY, c"key", b"value", 5]).fails_with(&[EINVAL, EBADF]).records(
            SYSCALL_FSCONFIG_X,
            &[
                ("fd", number(-1)),
                ("cmd", named("FSCONFIG_SET_BINARY")),
                ("key", text("key")),
                ("value_bytebuf", empty()),
                ("value_charbuf", empty()),
                ("aux", number(5)),
            ],
        );
    };
    "keyctl: an operation that is none" => |t| {
        t.call(SYS_keyctl, &args![-3, 47, 0, 0, 0]).or_skip(&[ENOSYS], "no keys").fails(EOPNOTSUPP).records(
            SYSCALL_KEYCTL_X,
            &key_arguments(number(-3), [key_number(0), key_number(0), key_number(0), key_number(0)]),
        );
    };
    "keyctl: the session's keyring" => |t| {
        t.call(SYS_keyctl, &args![KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0])
            .or_skip(&[ENOSYS], "no keys")
            .ok()
            .records(
                SYSCALL_KEYCTL_X,
                &key_arguments(
                    named("KEYCTL_GET_KEYRING_ID"),
                    [key_number(-3), key_number(0), key_number(0), key_number(0)],
                ),
            );
    };
    "keyctl: a keyring with a name" => |t| {
        t.call(SYS_keyctl, &args![KEYCTL_JOIN_SESSION_KEYRING, c"saker-live"])
            .or_skip(&[ENOSYS], "no keys")
            .ok()
            .records(
                SYSCALL_KEYCTL_X,
                &key_arguments(
                    named("KEYCTL_JOIN_SESSION_KEYRING"),
                    [key_text("saker-live"), key_number(0), key_number(0), key_number(0)],
                ),
            );
        let mut buffer = [0_u8; 256];
        let arguments = args![KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, buffer.as_mut_ptr(), 256];
        t.call(SYS_keyctl, &arguments).ok().records(
            SYSCALL_KEYCTL_X,
            &key_arguments(
                named("KEYCTL_DESCRIBE"),
                [key_number(-3), key_number(arguments[2] as i64), key_number(256), key_number(0)],
            ),
        );
        let arguments = args![KEYCTL_GET_SECURITY, KEY_SPEC_SESSION_KEYRING, buffer.as_mut_ptr(), 256];
        t.call(SYS_keyctl, &arguments).records(
            SYSCALL_KEYCTL_X,
            &key_arguments(
                named("KEYCTL_GET_SECURITY"),
                [key_number(-3), key_number(arguments[2] as i64), key_number(256), key_number(0)],
            ),
        );
    };
    "keyctl: look for a key" => |t| {
        t.call(SYS_keyctl, &args![KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, c"user", c"a key", 0])
            .or_skip(&[ENOSYS], "no keys")
            .fails_with(&[ENOKEY])
            .records(
                SYSCALL_KEYCTL_X,
                &key_arguments(
                    named("KEYCTL_SEARCH"),
                    [key_number(-3), key_text("user"), key_text("a key"), key_number(0)],
                ),
            );
    };
    "keyctl: hand the session to the parent" => |t| {
        // A parent that is not allowed to take it keeps its own; the record is the same.
        super::process::in_child(t, |t| {
            t.call(SYS_keyctl, &args![KEYCTL_SESSION_TO_PARENT]).or_skip(&[ENOSYS], "no keys").records(
                SYSCALL_KEYCTL_X,
                &key_arguments(
                    named("KEYCTL_SESSION_TO_PARENT"),
                    [key_number(0), key_number(0), key_number(0), key_number(0)],
                ),
            );
        });
    };
    "quotactl: write quotas of users" => |t| {
        // QCMD(Q_SYNC, USRQUOTA).
        let command = 0x80_0001_u32 << 8;
        t.call(SYS_quotactl, &args![command, c"/dev//*null", 1, NOWHERE])
            .or_skip(&[ENOSYS], "no quotas")
            .fails_with(&[ENOENT, ENOTBLK, ENODEV])
            .records(
                SYSCALL_QUOTACTL_X,
                &[
                    &no_quota()[..],
                    &[
                        ("special", text("/dev//*null")),
                        ("quotafilepath", empty()),
                        ("quota_fmt_out", named("QFMT_NOT_USED")),
                        ("cmd", named("Q_SYNC")),
                        ("type", named("USRQUOTA")),
                        ("id", number(0)),
                        ("quota_fmt", named("QFMT_NOT_USED")),
                    ],
                ]
                .concat(),
            );
    };
    "quotactl: switch quotas of groups on" => |t| {
        // QCMD(Q_QUOTAON, GRPQUOTA), QFMT_VFS_V0.
        let command = 0x80_0002_u32 << 8 | 1;
        t.call(SYS_quotactl, &args![command, c"/dev/nothing", 2, c"/a/file"])
            .or_skip(&[ENOSYS], "no quotas")
            .fails_with(&[ENOENT, ENOTBLK, ENODEV])
            .records(
                SYSCALL_QUOTACTL_X,
                &[
                    &no_quota()[..],
                    &[
                        ("special", text("/dev/nothing")),
                        ("quotafilepath", text("/a/file")),
                        ("quota_fmt_out", named("QFMT_NOT_USED")),
                        ("cmd", named("Q_QUOTAON")),
                        ("type", named("GRPQUOTA")),
                        ("id", number(0)),
                        ("quota_fmt", named("QFMT_VFS_V0")),
                    ],
                ]
                .concat(),
            );
    };
    "io_uring_setup: flags that do not go together" => |t| {
        let mut parameters = [0_u32; 30];
        // sq_entries, cq_entries, IORING_SETUP_SQ_AFF without SQPOLL, CPU, idle, IORING_FEAT_NODROP.
        parameters[..6].copy_from_slice(&[5, 6, 4, 7, 8, 2]);
        t.call(SYS_io_uring_setup, &args![4, parameters.as_mut_ptr()])
            .or_skip(&[ENOSYS, EPERM], "no io_uring")
            .fails(EINVAL)
            .records(
                SYSCALL_IO_URING_SETUP_X,
                &[
                    ("entries", number(4)),
                    ("sq_entries", number(5)),
                    ("cq_entries", number(6)),
                    ("flags", named("IORING_SETUP_SQ_AFF")),
                    ("sq_thread_cpu", number(7)),
                    ("sq_thread_idle", number(8)),
                    ("features", named("IORING_FEAT_NODROP")),
                ],
            );
    };
    "io_uring_setup: no parameters" => |t| {
        t.call(SYS_io_uring_setup, &args![4, NOWHERE])
            .or_skip(&[ENOSYS, EPERM], "no io_uring")
            .fails(EFAULT)
            .records_with(
                SYSCALL_IO_URING_SETUP_X,
                &[
                    ("entries", number(4)),
                    ("sq_entries", number(0)),
                    ("cq_entries", number(0)),
                    ("flags", number(0)),
                    ("sq_thread_cpu", number(0)),
                    ("sq_thread_idle", number(0)),
                    ("features", number(0)),
                ],
                &[],
                flag::USER_MISS,
            );
    };
    "io_uring_enter: no ring" => |t| {
        let arguments = args![-1, 4, 2, 3, NOWHERE, 0];
        t.call(SYS_io_uring_enter, &arguments).or_skip(&[ENOSYS, EPERM], "no io_uring").fails(EBADF).records(
            SYSCALL_IO_URING_ENTER_X,
            &[
                ("fd", number(-1)),
                ("to_submit", number(4)),
                ("min_complete", number(2)),
                ("flags", named("IORING_ENTER_GETEVENTS|IORING_ENTER_SQ_WAKEUP")),
                ("sig", number(0)),
            ],
        );
    };
    "io_uring_register: no ring" => |t| {
        let arguments = args![-1, 9, 0x7fff_5694_u64, 34];
        t.call(SYS_io_uring_register, &arguments)
            .or_skip(&[ENOSYS, EPERM], "no io_uring")
            .fails_with(&[EBADF, EINVAL])
            .records(
                SYSCALL_IO_URING_REGISTER_X,
                &[
                    ("fd", number(-1)),
                    ("opcode", named("IORING_REGISTER_PERSONALITY")),
                    ("arg", number(0x7fff_5694_u64)),
                    ("nr_args", number(34)),
                ],
            );
    };
}
