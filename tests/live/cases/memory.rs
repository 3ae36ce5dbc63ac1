//! Cases of calls that change the address space.

use super::prelude::*;

/// What the kernel says of a process's memory: it changes with every page.
fn usage() -> [(&'static str, Want); 3] {
    [("vm_size", something()), ("vm_rss", something()), ("vm_swap", any())]
}

fn with_usage(parameters: &[(&'static str, Want)]) -> Vec<(&'static str, Want)> {
    [&usage()[..], parameters].concat()
}

cases! {
    "mmap: a file" => |t| {
        let fd = t.open(&t.file("file", vec![b'x'; 8192]), O_RDWR);
        let protection = PROT_READ | PROT_WRITE;
        t.call(SYS_mmap, &args![0, 4096, protection, MAP_SHARED | MAP_POPULATE, fd, 4096]).ok().records(
            SYSCALL_MMAP_X,
            &with_usage(&[
                ("addr", number(0)),
                ("length", number(4096)),
                ("prot", named("PROT_READ|PROT_WRITE")),
                ("flags", one_of([named("MAP_SHARED"), named("MAP_SHARED|MAP_POPULATE")])),
                ("fd", number(fd)),
                ("offset", number(4096)),
            ]),
        );
    };
    "mmap: no descriptor" => |t| {
        let (address, length) = (1_023_u64, 4_096_u64);
        let protection = PROT_EXEC | PROT_READ;
        t.call(SYS_mmap, &args![address, length, protection, MAP_PRIVATE, -1, 1023]).fails(EINVAL).records(
            SYSCALL_MMAP_X,
            &with_usage(&[
                ("addr", number(address)),
                ("length", number(length)),
                ("prot", named("PROT_EXEC|PROT_READ")),
                ("flags", named("MAP_PRIVATE")),
                ("fd", number(-1)),
                ("offset", number(1023)),
            ]),
        );
    };
    "munmap: a page" => |t| {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = t.must(SYS_mmap, &args![0, 4096, PROT_READ, flags, -1, 0]);
        t.call(SYS_munmap, &args![page, 4096]).gives(0)
            .records(SYSCALL_MUNMAP_X, &with_usage(&[("addr", number(page)), ("length", number(4096))]));
    };
    "munmap: between pages" => |t| {
        t.call(SYS_munmap, &args![50, 300]).fails(EINVAL)
            .records(SYSCALL_MUNMAP_X, &with_usage(&[("addr", number(50)), ("length", number(300))]));
    };
    "mprotect: a page" => |t| {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = t.must(SYS_mmap, &args![0, 4096, PROT_READ, flags, -1, 0]);
        t.call(SYS_mprotect, &args![page, 4096, PROT_READ | PROT_EXEC]).gives(0).records(
            SYSCALL_MPROTECT_X,
            &[("addr", number(page)), ("length", number(4096)), ("prot", named("PROT_READ|PROT_EXEC"))],
        );
    };
    "mprotect: where nothing is" => |t| {
        let address = 4096_u64 * 2;
        t.call(SYS_mprotect, &args![address, 20, PROT_READ]).fails(ENOMEM).records(
            SYSCALL_MPROTECT_X,
            &[("addr", number(address)), ("length", number(20)), ("prot", named("PROT_READ"))],
        );
    };
    "brk: where it is" => |t| {
        t.call(SYS_brk, &args![0]).ok().records(SYSCALL_BRK_4_X, &with_usage(&[("addr", number(0))]));
    };
    "mlock: a page" => |t| {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = t.must(SYS_mmap, &args![0, 4096, PROT_READ, flags, -1, 0]);
        t.call(SYS_mlock, &args![page, 4096]).gives(0)
            .records(SYSCALL_MLOCK_X, &[("addr", number(page)), ("len", number(4096))]);
        t.call(SYS_munlock, &args![page, 4096]).gives(0)
            .records(SYSCALL_MUNLOCK_X, &[("addr", number(page)), ("len", number(4096))]);
    };
    "mlock: beyond all memory" => |t| {
        t.call(SYS_mlock, &args![0x5000, u64::MAX - 4095]).fails(EINVAL)
            .records(SYSCALL_MLOCK_X, &[("addr", number(0x5000)), ("len", number(u64::MAX - 4095))]);
    };
    "munlock: where nothing is" => |t| {
        t.call(SYS_munlock, &args![0x2000, 1023]).fails(ENOMEM)
            .records(SYSCALL_MUNLOCK_X, &[("addr", number(0x2000)), ("len", number(1023))]);
    };
    "mlock2: as pages are touched" => |t| {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = t.must(SYS_mmap, &args![0, 4096, PROT_READ, flags, -1, 0]);
        t.call(SYS_mlock2, &args![page, 4096, 1]).gives(0).records(
            SYSCALL_MLOCK2_X,
            &[("addr", number(page)), ("len", number(4096)), ("flags", named("MLOCK_ONFAULT"))],
        );
    };
    "mlock2: flags that are none" => |t| {
        t.call(SYS_mlock2, &args![0x1000, 1023, -1]).fails(EINVAL).records(
            SYSCALL_MLOCK2_X,
            &[("addr", number(0x1000)), ("len", number(1023)), ("flags", named("MLOCK_ONFAULT"))],
        );
    };
    "mlockall: what comes, as it is touched" => |t| {
        t.call(SYS_mlockall, &args![MCL_FUTURE | MCL_ONFAULT]).gives(0)
            .records(SYSCALL_MLOCKALL_X, &[("flags", named("MCL_FUTURE|MCL_ONFAULT"))]);
    };
    "mlockall: nothing" => |t| {
        t.call(SYS_mlockall, &args![0]).fails(EINVAL).records(SYSCALL_MLOCKALL_X, &[("flags", number(0))]);
    };
    "munlockall" => |t| {
        t.call(SYS_munlockall, &args![]).gives(0).records(SYSCALL_MUNLOCKALL_X, &[]);
    };
}
