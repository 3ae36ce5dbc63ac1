//! Cases of calls that open files by name or handle: open, openat, openat2, creat, open_by_handle_at.

use super::prelude::*;

cases! {
    "open: an existing file" => |t| {
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        t.call(SYS_open, &args![&path, O_RDWR | O_CLOEXEC, 0o777]).ok().records_with(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                ("flags", named("O_RDWR|O_CLOEXEC")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&path))],
            0,
        );
    };
    "open: a file that is made" => |t| {
        let path = t.path("new");
        let bracket = t.call(SYS_open, &args![&path, O_WRONLY | O_CREAT | O_EXCL, 0o640]).ok();
        let metadata = std::fs::metadata(path.to_str().unwrap_or_default());
        let inode = metadata.map(|metadata| std::os::unix::fs::MetadataExt::ino(&metadata)).unwrap_or(0);
        bracket.records(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                ("flags", named("O_WRONLY|O_CREAT|O_EXCL|O_F_CREATED")),
                ("mode", number(0o640)),
                ("dev", something()),
                ("ino", number(inode)),
            ],
        );
    };
    "open: O_CREAT of a file that is there" => |t| {
        let path = t.file("there", "x");
        let (device, inode) = t.identity(&path);
        t.call(SYS_open, &args![&path, O_RDONLY | O_CREAT, 0o600]).ok().records(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                ("flags", named("O_RDONLY|O_CREAT")),
                ("mode", number(0o600)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
        );
    };
    "open: a name that is not there" => |t| {
        let path = t.path("missing");
        t.call(SYS_open, &args![&path, O_RDONLY, 0]).fails(ENOENT).records(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
        );
    };
    "open: every flag, in vain" => |t| {
        let path = t.path("missing/file");
        let flags = O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT | O_LARGEFILE
            | O_CLOEXEC;
        t.call(SYS_open, &args![&path, flags, 0o4755]).fails(ENOENT).records(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                (
                    "flags",
                    // The C library's O_LARGEFILE is 0 on 64-bit machines; O_SYNC contains O_DSYNC.
                    named("O_RDWR|O_CREAT|O_EXCL|O_TRUNC|O_APPEND|O_NONBLOCK|O_SYNC|O_DSYNC|O_DIRECT|O_CLOEXEC"),
                ),
                ("mode", number(0o4755)),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
        );
    };
    "open: the kernel's own O_LARGEFILE" => |t| {
        let path = t.file("large", "x");
        let (device, inode) = t.identity(&path);
        t.call(SYS_open, &args![&path, O_RDONLY | 0o100000, 0]).ok().records(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                ("flags", named("O_RDONLY|O_LARGEFILE")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
        );
    };
    "open: no name" => |t| {
        t.call(SYS_open, &args![NOWHERE, O_RDONLY, 0]).fails(EFAULT).records_with(
            SYSCALL_OPEN_X,
            &[
                ("name", empty()),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
            &[],
            flag::USER_MISS,
        );
    };
    "open: a name of PATH_MAX" => |t| {
        let path = c_string([&b"/"[..], &vec![b'x'; 5000]].concat());
        t.call(SYS_open, &args![&path, O_RDONLY, 0]).fails(ENAMETOOLONG).records(
            SYSCALL_OPEN_X,
            &[
                // Cut where the kernel would cut it: 4096 bytes with the NUL.
                ("name", one_of([cut([&path.as_bytes()[..4095], b"\0"].concat()), text(&path.as_bytes()[..4095])])),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
        );
    };
    "open: through a symbolic link" => |t| {
        let target = t.file("target", "x");
        let link = t.path("link");
        t.must(SYS_symlink, &args![&target, &link]);
        let (device, inode) = t.identity(&target);
        t.call(SYS_open, &args![&link, O_RDONLY, 0]).ok().records_with(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&link)),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&target))],
            0,
        );
    };
    "open: a relative name" => |t| {
        let path = t.file("relative", "x");
        let (device, inode) = t.identity(&path);
        let directory = c_string(t.scratch().as_os_str().as_encoded_bytes());
        t.call(SYS_open, &args![c"relative", O_RDONLY, 0]).ok().records_with(
            SYSCALL_OPEN_X,
            &[
                ("name", text("relative")),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&path)), (Extra::WorkingDirectory, path_extra(&directory))],
            0,
        );
    };
    "open: a directory" => |t| {
        let path = t.directory("directory");
        let (device, inode) = t.identity(&path);
        t.call(SYS_open, &args![&path, O_RDONLY | O_DIRECTORY, 0]).ok().records(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                ("flags", named("O_RDONLY|O_DIRECTORY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
        );
    };
    "open: a name that is not UTF-8" => |t| {
        let path = c_string([t.path("").as_bytes(), b"\xff\xfe name"].concat());
        let fd = t.open(&path, O_CREAT | O_RDWR);
        t.must(SYS_close, &args![fd]);
        let (device, inode) = t.identity(&path);
        t.call(SYS_open, &args![&path, O_RDONLY, 0]).ok().records_with(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&path))],
            0,
        );
    };
    "openat: an existing file, from the working directory" => |t| {
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        t.call(SYS_openat, &args![AT_FDCWD, &path, O_RDWR | O_CLOEXEC, 0o777]).ok().records_with(
            SYSCALL_OPENAT_2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text(&path)),
                ("flags", named("O_RDWR|O_CLOEXEC")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&path))],
            0,
        );
    };
    "openat: from a directory" => |t| {
        let directory = t.directory("directory");
        let path = t.file("directory/file", "x");
        let (device, inode) = t.identity(&path);
        let fd = t.open(&directory, O_PATH);
        t.call(SYS_openat, &args![fd, c"file", O_RDONLY, 0]).ok().records_with(
            SYSCALL_OPENAT_2_X,
            &[
                ("dirfd", number(fd)),
                ("name", text("file")),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&path)), (Extra::DirectoryPath, path_extra(&directory))],
            0,
        );
    };
    "openat: O_TMPFILE" => |t| {
        let directory = t.directory("directory");
        t.call(SYS_openat, &args![AT_FDCWD, &directory, O_RDWR | O_TMPFILE, 0o400]).ok().records(
            SYSCALL_OPENAT_2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text(&directory)),
                ("flags", one_of([
                    named("O_RDWR|O_DIRECTORY|O_TMPFILE"),
                    named("O_RDWR|O_DIRECTORY|O_TMPFILE|O_F_CREATED"),
                ])),
                ("mode", number(0o400)),
                ("dev", something()),
                ("ino", something()),
            ],
        );
    };
    "openat: a file that is made" => |t| {
        t.call(SYS_openat, &args![AT_FDCWD, c"new", O_RDWR | O_CREAT, 0o644]).ok().records(
            SYSCALL_OPENAT_2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text("new")),
                ("flags", named("O_RDWR|O_CREAT|O_F_CREATED")),
                ("mode", number(0o644)),
                ("dev", something()),
                ("ino", something()),
            ],
        );
    };
    "openat: a descriptor that is no directory" => |t| {
        t.call(SYS_openat, &args![NO_FD, c"name", O_RDWR | O_TMPFILE | O_SYNC, 0o755]).fails(EBADF).records(
            SYSCALL_OPENAT_2_X,
            &[
                ("dirfd", number(-1)),
                ("name", text("name")),
                ("flags", named("O_RDWR|O_DIRECTORY|O_TMPFILE|O_SYNC|O_DSYNC")),
                ("mode", number(0o755)),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
        );
    };
    "openat2: an existing file" => |t| {
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        let how: [u64; 3] = [(O_RDWR | O_CLOEXEC) as u64, 0, 0];
        t.call(SYS_openat2, &args![AT_FDCWD, &path, &how, 24]).ok().records_with(
            SYSCALL_OPENAT2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text(&path)),
                ("flags", named("O_RDWR|O_CLOEXEC")),
                ("mode", number(0)),
                ("resolve", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&path))],
            0,
        );
    };
    "openat2: a file that is made beneath" => |t| {
        let how: [u64; 3] = [(O_WRONLY | O_CREAT) as u64, 0o600, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS];
        t.call(SYS_openat2, &args![AT_FDCWD, c"new", &how, 24]).ok().records(
            SYSCALL_OPENAT2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text("new")),
                ("flags", named("O_WRONLY|O_CREAT|O_F_CREATED")),
                ("mode", number(0o600)),
                ("resolve", named("RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS")),
                ("dev", something()),
                ("ino", something()),
            ],
        );
    };
    "openat2: every way to resolve, in vain" => |t| {
        let resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT;
        let how: [u64; 3] = [O_RDWR as u64, 0, resolve];
        t.call(SYS_openat2, &args![-1, c"name", &how, 24]).fails(EBADF).records(
            SYSCALL_OPENAT2_X,
            &[
                ("dirfd", number(-1)),
                ("name", text("name")),
                ("flags", named("O_RDWR")),
                ("mode", number(0)),
                (
                    "resolve",
                    named("RESOLVE_NO_XDEV|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_SYMLINKS|RESOLVE_IN_ROOT"),
                ),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
        );
    };
    "openat2: no way to open" => |t| {
        t.call(SYS_openat2, &args![AT_FDCWD, c"name", NOWHERE, 24]).fails(EFAULT).records_with(
            SYSCALL_OPENAT2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text("name")),
                ("flags", any()),
                ("mode", number(0)),
                ("resolve", number(0)),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
            &[],
            flag::USER_MISS,
        );
    };
    "creat: a new file" => |t| {
        let path = t.path("new");
        t.call(SYS_creat, &args![&path, 0o604]).ok().records_with(
            SYSCALL_CREAT_X,
            &[
                ("name", text(&path)),
                ("mode", number(0o604)),
                ("dev", something()),
                ("ino", something()),
                ("creat_flags", number(0)),
            ],
            &[(Extra::FilePath, path_extra(&path))],
            0,
        );
    };
    "creat: below what is not there" => |t| {
        let path = t.path("missing/file");
        t.call(SYS_creat, &args![&path, 0o400]).fails(ENOENT).records(
            SYSCALL_CREAT_X,
            &[
                ("name", text(&path)),
                ("mode", number(0o400)),
                ("dev", number(0)),
                ("ino", number(0)),
                ("creat_flags", number(0)),
            ],
        );
    };
    "open_by_handle_at: a file" => |t| {
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        // struct file_handle: room, kind, bytes.
        let mut handle = [0_u32; 34];
        handle[0] = 128;
        let mut mount = 0_i32;
        let arguments = args![AT_FDCWD, &path, handle.as_mut_ptr(), &raw mut mount, 0];
        let named_handle = native(SYS_name_to_handle_at, &arguments);
        if named_handle == -i64::from(EOPNOTSUPP) {
            t.skip("the scratch file system has no file handles");
        }
        let directory = t.open(&t.path(""), O_RDONLY);
        t.call(SYS_open_by_handle_at, &args![directory, &handle, O_RDONLY]).ok().records(
            SYSCALL_OPEN_BY_HANDLE_AT_X,
            &[
                ("mountfd", number(directory)),
                ("flags", named("O_RDONLY")),
                ("path", text(&path)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
        );
    };
    "open_by_handle_at: no handle" => |t| {
        // Kernels differ in what they look at first.
        t.call(SYS_open_by_handle_at, &args![-1, NOWHERE, O_RDWR]).fails_with(&[EFAULT, EBADF]).records(
            SYSCALL_OPEN_BY_HANDLE_AT_X,
            &[
                ("mountfd", number(-1)),
                ("flags", named("O_RDWR")),
                ("path", empty()),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
        );
    };
}
