//! Cases of calls that ask for and change users, groups and capabilities.

use super::prelude::*;

cases! {
    "getuid" => |t| {
        t.call(SYS_getuid, &args![]).gives(0).records(SYSCALL_GETUID_X, &[("uid", number(0))]);
    };
    "geteuid: of another user" => |t| {
        t.must(SYS_setresuid, &args![-1, 12, 0]);
        t.call(SYS_geteuid, &args![]).gives(12).records(SYSCALL_GETEUID_X, &[("euid", number(12))]);
    };
    "getgid: of another group" => |t| {
        t.must(SYS_setgid, &args![21]);
        t.call(SYS_getgid, &args![]).gives(21).records(SYSCALL_GETGID_X, &[("gid", number(21))]);
    };
    "getegid" => |t| {
        t.call(SYS_getegid, &args![]).gives(0).records(SYSCALL_GETEGID_X, &[("egid", number(0))]);
    };
    "getresuid: three users" => |t| {
        t.must(SYS_setresuid, &args![1, 2, 3]);
        let mut ids = [0_u32; 3];
        let at = ids.as_mut_ptr();
        t.call(SYS_getresuid, &args![at, at.wrapping_add(1), at.wrapping_add(2)]).gives(0).records(
            SYSCALL_GETRESUID_X,
            &[("ruid", number(1)), ("euid", number(2)), ("suid", number(3))],
        );
    };
    "getresuid: nowhere to write them" => |t| {
        t.call(SYS_getresuid, &args![NOWHERE, NOWHERE, NOWHERE]).fails(EFAULT).records(
            SYSCALL_GETRESUID_X,
            &[("ruid", number(-1)), ("euid", number(-1)), ("suid", number(-1))],
        );
    };
    "getresgid: three groups" => |t| {
        t.must(SYS_setresgid, &args![4, 5, 6]);
        let mut ids = [0_u32; 3];
        let at = ids.as_mut_ptr();
        t.call(SYS_getresgid, &args![at, at.wrapping_add(1), at.wrapping_add(2)]).gives(0).records(
            SYSCALL_GETRESGID_X,
            &[("rgid", number(4)), ("egid", number(5)), ("sgid", number(6))],
        );
    };
    "setuid: to another user" => |t| {
        t.call(SYS_setuid, &args![1000]).gives(0).records(SYSCALL_SETUID_X, &[("uid", number(1000))]);
    };
    "setuid: to nobody" => |t| {
        t.call(SYS_setuid, &args![-1]).fails(EINVAL).records(SYSCALL_SETUID_X, &[("uid", number(-1))]);
    };
    "setuid: without permission" => |t| {
        t.must(SYS_setuid, &args![1000]);
        t.call(SYS_setuid, &args![0]).fails(EPERM).records(SYSCALL_SETUID_X, &[("uid", number(0))]);
    };
    "setgid: to another group" => |t| {
        t.call(SYS_setgid, &args![1001]).gives(0).records(SYSCALL_SETGID_X, &[("gid", number(1001))]);
    };
    "setgid: to no group" => |t| {
        t.call(SYS_setgid, &args![-1]).fails(EINVAL).records(SYSCALL_SETGID_X, &[("gid", number(-1))]);
    };
    "setreuid: both" => |t| {
        t.call(SYS_setreuid, &args![7, 8]).gives(0)
            .records(SYSCALL_SETREUID_X, &[("ruid", number(7)), ("euid", number(8))]);
    };
    "setreuid: one" => |t| {
        t.call(SYS_setreuid, &args![-1, 8]).gives(0)
            .records(SYSCALL_SETREUID_X, &[("ruid", number(-1)), ("euid", number(8))]);
    };
    "setregid: both" => |t| {
        t.call(SYS_setregid, &args![9, 10]).gives(0)
            .records(SYSCALL_SETREGID_X, &[("rgid", number(9)), ("egid", number(10))]);
    };
    "setresuid: all" => |t| {
        t.call(SYS_setresuid, &args![1, 2, 3]).gives(0)
            .records(SYSCALL_SETRESUID_X, &[("ruid", number(1)), ("euid", number(2)), ("suid", number(3))]);
    };
    "setresuid: none" => |t| {
        t.call(SYS_setresuid, &args![-1, -1, -1]).gives(0).records(
            SYSCALL_SETRESUID_X,
            &[("ruid", number(-1)), ("euid", number(-1)), ("suid", number(-1))],
        );
    };
    "setresgid: all" => |t| {
        t.call(SYS_setresgid, &args![4, 5, 6]).gives(0)
            .records(SYSCALL_SETRESGID_X, &[("rgid", number(4)), ("egid", number(5)), ("sgid", number(6))]);
    };
    "setresgid: without permission" => |t| {
        t.must(SYS_setresuid, &args![1, 1, 1]);
        t.call(SYS_setresgid, &args![4, -1, 6]).fails(EPERM)
            .records(SYSCALL_SETRESGID_X, &[("rgid", number(4)), ("egid", number(-1)), ("sgid", number(6))]);
    };
    "capset: drop what changes files' owners" => |t| {
        // Header (version 3, itself), then effective, permitted, inheritable of both halves.
        let header = [0x2008_0522_u32, 0];
        let mut data = [0_u32; 6];
        t.must(SYS_capget, &args![&header, data.as_mut_ptr()]);
        data[0] &= !1;
        let set = |at: usize| u64::from(data[at]) | u64::from(data[at + 3]) << 32;
        let (effective, permitted, inheritable) = (set(0), set(1), set(2));
        t.call(SYS_capset, &args![&header, &data]).gives(0).records(
            SYSCALL_CAPSET_X,
            &[
                ("cap_inheritable", number(inheritable)),
                ("cap_permitted", number(permitted)),
                ("cap_effective", number(effective)),
            ],
        );
    };
    "capset: no header" => |t| {
        let header = [0x2008_0522_u32, 0];
        let mut data = [0_u32; 6];
        t.must(SYS_capget, &args![&header, data.as_mut_ptr()]);
        let set = |at: usize| u64::from(data[at]) | u64::from(data[at + 3]) << 32;
        // What the task has, since nothing changed.
        t.call(SYS_capset, &args![NOWHERE, NOWHERE]).fails(EFAULT).records(
            SYSCALL_CAPSET_X,
            &[
                ("cap_inheritable", number(set(2))),
                ("cap_permitted", number(set(1))),
                ("cap_effective", number(set(0))),
            ],
        );
    };
}
