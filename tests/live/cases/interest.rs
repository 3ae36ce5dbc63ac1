//! Cases of what is asked for: calls that nobody wants, calls that failed, credentials, paths.

use saker_probe::extract::calls::code;
use saker_probe::wire::control::{Interest, option};

use super::prelude::*;
use crate::harness::recorder::without;

cases! {
    "interest: a call that nobody asked for" with |interest: &mut Interest| without(interest, code::CHDIR) => |t| {
        let path = t.directory("directory");
        t.call(SYS_chdir, &args![&path]).gives(0).records_nothing();
        t.call(SYS_rmdir, &args![c"missing"]).fails(ENOENT)
            .records(SYSCALL_RMDIR_2_X, &[("path", text("missing"))]);
        // chdir of the 32-bit table.
        let name = t.low().text(&path);
        t.compat(12, &[name]).or_skip(&[ENOSYS], "this kernel takes no 32-bit calls").gives(0).records_nothing();
    };
    "interest: no calls that failed" with |interest: &mut Interest| interest.options |= option::DROP_FAILED => |t| {
        let path = t.directory("directory");
        t.call(SYS_chdir, &args![c"missing"]).fails(ENOENT).records_nothing();
        t.call(SYS_chdir, &args![&path]).gives(0)
            .records(SYSCALL_CHDIR_X, &[("path", text(&path))]);
    };
    "interest: credentials with every record" with |interest: &mut Interest| interest.options |= option::CREDENTIALS => |t| {
        t.must(SYS_setresgid, &args![4, 5, 6]);
        t.must(SYS_setresuid, &args![1, 2, 3]);
        let ids = [1_u32, 4, 2, 5, 3, 6, 2, 5].map(u32::to_le_bytes).concat();
        t.call(SYS_rmdir, &args![c"missing"]).fails(ENOENT).records_with(
            SYSCALL_RMDIR_2_X,
            &[("path", text("missing"))],
            &[(Extra::Credentials, bytes(ids))],
            0,
        );
    };
    "interest: no paths" with |interest: &mut Interest| interest.options &= !option::PATHS => |t| {
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        t.call(SYS_open, &args![c"file", O_RDONLY, 0]).ok().records(
            SYSCALL_OPEN_X,
            &[
                ("name", text("file")),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
        );
    };
}
