//! Cases of calls that name files without opening them: make, remove, rename, link, change, ask.

use super::prelude::*;

cases! {
    "access: for reading and writing" => |t| {
        let path = t.file("file", "x");
        t.call(SYS_access, &args![&path, R_OK | W_OK]).gives(0)
            .records(SYSCALL_ACCESS_X, &[("name", text(&path)), ("mode", named("R_OK|W_OK"))]);
    };
    "access: execute what is not there" => |t| {
        let path = t.path("missing");
        t.call(SYS_access, &args![&path, X_OK]).fails(ENOENT)
            .records(SYSCALL_ACCESS_X, &[("name", text(&path)), ("mode", named("X_OK"))]);
    };
    "chdir: a directory" => |t| {
        let path = t.directory("directory");
        t.call(SYS_chdir, &args![&path]).gives(0).records_with(
            SYSCALL_CHDIR_X,
            &[("path", text(&path))],
            &[(Extra::WorkingDirectory, path_extra(&path))],
            0,
        );
    };
    "chdir: what is not there" => |t| {
        t.call(SYS_chdir, &args![c"mock_dir"]).fails(ENOENT)
            .records(SYSCALL_CHDIR_X, &[("path", text("mock_dir"))]);
    };
    "fchdir: a directory" => |t| {
        let fd = t.open(&t.directory("directory"), O_RDONLY);
        t.call(SYS_fchdir, &args![fd]).gives(0).records(SYSCALL_FCHDIR_X, &[("fd", number(fd))]);
    };
    "fchdir: no descriptor" => |t| {
        t.call(SYS_fchdir, &args![-1]).fails(EBADF).records(SYSCALL_FCHDIR_X, &[("fd", number(-1))]);
    };
    "chroot: a directory" => |t| {
        let path = t.directory("root");
        t.call(SYS_chroot, &args![&path]).gives(0).records(SYSCALL_CHROOT_X, &[("path", text(&path))]);
    };
    "chroot: what is not there" => |t| {
        t.call(SYS_chroot, &args![c"*//null"]).fails(ENOENT)
            .records(SYSCALL_CHROOT_X, &[("path", text("*//null"))]);
    };
    "getcwd: into a buffer" => |t| {
        let mut buffer = [0_u8; 4096];
        let wanted = c_string(t.scratch().as_os_str().as_encoded_bytes());
        let length = wanted.as_bytes_with_nul().len();
        t.call(SYS_getcwd, &args![buffer.as_mut_ptr(), buffer.len()]).gives(length)
            .records(SYSCALL_GETCWD_X, &[("path", text(&wanted))]);
    };
    "getcwd: into too small a buffer" => |t| {
        let mut buffer = [0_u8; 4];
        t.call(SYS_getcwd, &args![buffer.as_mut_ptr(), buffer.len()]).fails(ERANGE)
            .records(SYSCALL_GETCWD_X, &[("path", empty())]);
    };
    "chmod: a file" => |t| {
        let path = t.file("file", "x");
        t.call(SYS_chmod, &args![&path, S_IRUSR | S_IXGRP | S_ISUID]).gives(0)
            .records(SYSCALL_CHMOD_X, &[("filename", text(&path)), ("mode", named("S_IRUSR|S_IXGRP|S_ISUID"))]);
    };
    "chmod: what is not there" => |t| {
        t.call(SYS_chmod, &args![c"*//null", 0o7777]).fails(ENOENT)
            .records(SYSCALL_CHMOD_X, &[("filename", text("*//null")), ("mode", number(0o7777))]);
    };
    "fchmod: a file" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDWR);
        t.call(SYS_fchmod, &args![fd, 0o751]).gives(0)
            .records(SYSCALL_FCHMOD_X, &[("fd", number(fd)), ("mode", number(0o751))]);
    };
    "fchmod: no descriptor" => |t| {
        t.call(SYS_fchmod, &args![-1, S_ISGID]).fails(EBADF)
            .records(SYSCALL_FCHMOD_X, &[("fd", number(-1)), ("mode", named("S_ISGID"))]);
    };
    "fchmodat: from a directory" => |t| {
        let directory = t.directory("directory");
        t.file("directory/file", "x");
        let fd = t.open(&directory, O_RDONLY);
        t.call(SYS_fchmodat, &args![fd, c"file", 0o600]).gives(0).records_with(
            SYSCALL_FCHMODAT_X,
            &[("dirfd", number(fd)), ("filename", text("file")), ("mode", number(0o600))],
            &[(Extra::DirectoryPath, path_extra(&directory))],
            0,
        );
    };
    "fchmodat: no directory" => |t| {
        t.call(SYS_fchmodat, &args![-1, c"file", S_IXUSR]).fails(EBADF).records(
            SYSCALL_FCHMODAT_X,
            &[("dirfd", number(-1)), ("filename", text("file")), ("mode", named("S_IXUSR"))],
        );
    };
    "chown: a file" => |t| {
        let path = t.file("file", "x");
        t.call(SYS_chown, &args![&path, 7, 8]).gives(0)
            .records(SYSCALL_CHOWN_X, &[("path", text(&path)), ("uid", number(7)), ("gid", number(8))]);
    };
    "chown: leave both as they are, in vain" => |t| {
        t.call(SYS_chown, &args![c"*//null", -1, -1]).fails(ENOENT)
            .records(SYSCALL_CHOWN_X, &[("path", text("*//null")), ("uid", number(-1)), ("gid", number(-1))]);
    };
    "lchown: a link" => |t| {
        let link = t.path("link");
        t.must(SYS_symlink, &args![c"nowhere", &link]);
        t.call(SYS_lchown, &args![&link, 0, 1]).gives(0)
            .records(SYSCALL_LCHOWN_X, &[("path", text(&link)), ("uid", number(0)), ("gid", number(1))]);
    };
    "lchown: what is not there" => |t| {
        t.call(SYS_lchown, &args![c"*//null", 3, -1]).fails(ENOENT)
            .records(SYSCALL_LCHOWN_X, &[("path", text("*//null")), ("uid", number(3)), ("gid", number(-1))]);
    };
    "fchown: a file" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDWR);
        t.call(SYS_fchown, &args![fd, 1000, 1001]).gives(0)
            .records(SYSCALL_FCHOWN_X, &[("fd", number(fd)), ("uid", number(1000)), ("gid", number(1001))]);
    };
    "fchown: no descriptor" => |t| {
        t.call(SYS_fchown, &args![-1, 5, 0]).fails(EBADF)
            .records(SYSCALL_FCHOWN_X, &[("fd", number(-1)), ("uid", number(5)), ("gid", number(0))]);
    };
    "fchownat: a link itself" => |t| {
        let link = t.path("link");
        t.must(SYS_symlink, &args![c"nowhere", &link]);
        t.call(SYS_fchownat, &args![AT_FDCWD, c"link", 9, 9, AT_SYMLINK_NOFOLLOW]).gives(0).records(
            SYSCALL_FCHOWNAT_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("pathname", text("link")),
                ("uid", number(9)),
                ("gid", number(9)),
                ("flags", named("AT_SYMLINK_NOFOLLOW")),
            ],
        );
    };
    "fchownat: the descriptor itself, in vain" => |t| {
        t.call(SYS_fchownat, &args![-1, c"", 0, 0, AT_EMPTY_PATH]).fails(EBADF).records(
            SYSCALL_FCHOWNAT_X,
            &[
                ("dirfd", number(-1)),
                ("pathname", text("")),
                ("uid", number(0)),
                ("gid", number(0)),
                ("flags", named("AT_EMPTY_PATH")),
            ],
        );
    };
    "link: a second name" => |t| {
        let (old, new) = (t.file("old", "x"), t.path("new"));
        t.call(SYS_link, &args![&old, &new]).gives(0)
            .records(SYSCALL_LINK_2_X, &[("oldpath", text(&old)), ("newpath", text(&new))]);
    };
    "link: of what is not there" => |t| {
        t.call(SYS_link, &args![c"old", c"new"]).fails(ENOENT)
            .records(SYSCALL_LINK_2_X, &[("oldpath", text("old")), ("newpath", text("new"))]);
    };
    "linkat: from one directory to another" => |t| {
        let (one, other) = (t.directory("one"), t.directory("other"));
        t.file("one/file", "x");
        let (old, new) = (t.open(&one, O_RDONLY), t.open(&other, O_RDONLY));
        t.call(SYS_linkat, &args![old, c"file", new, c"name", AT_SYMLINK_FOLLOW]).gives(0).records_with(
            SYSCALL_LINKAT_2_X,
            &[
                ("olddir", number(old)),
                ("oldpath", text("file")),
                ("newdir", number(new)),
                ("newpath", text("name")),
                ("flags", named("AT_SYMLINK_FOLLOW")),
            ],
            &[
                (Extra::DirectoryPath, path_extra(&one)),
                (Extra::SecondDirectoryPath, path_extra(&other)),
            ],
            0,
        );
    };
    "linkat: no directories" => |t| {
        t.call(SYS_linkat, &args![-1, c"old", -2, c"new", 0]).fails(EBADF).records(
            SYSCALL_LINKAT_2_X,
            &[
                ("olddir", number(-1)),
                ("oldpath", text("old")),
                ("newdir", number(-2)),
                ("newpath", text("new")),
                ("flags", number(0)),
            ],
        );
    };
    "symlink: to anything" => |t| {
        let link = t.path("link");
        t.call(SYS_symlink, &args![c"../target", &link]).gives(0)
            .records(SYSCALL_SYMLINK_X, &[("target", text("../target")), ("linkpath", text(&link))]);
    };
    "symlink: where there is one" => |t| {
        let there = t.file("there", "x");
        t.call(SYS_symlink, &args![c"target", &there]).fails(EEXIST)
            .records(SYSCALL_SYMLINK_X, &[("target", text("target")), ("linkpath", text(&there))]);
    };
    "symlinkat: in a directory" => |t| {
        let directory = t.directory("directory");
        let fd = t.open(&directory, O_RDONLY);
        t.call(SYS_symlinkat, &args![c"target", fd, c"link"]).gives(0).records(
            SYSCALL_SYMLINKAT_X,
            &[("target", text("target")), ("linkdirfd", number(fd)), ("linkpath", text("link"))],
        );
    };
    "symlinkat: no directory" => |t| {
        t.call(SYS_symlinkat, &args![c"target", -1, c"link"]).fails(EBADF).records(
            SYSCALL_SYMLINKAT_X,
            &[("target", text("target")), ("linkdirfd", number(-1)), ("linkpath", text("link"))],
        );
    };
    "mkdir: a directory" => |t| {
        let path = t.path("directory");
        t.call(SYS_mkdir, &args![&path, 0o750]).gives(0)
            .records(SYSCALL_MKDIR_2_X, &[("path", text(&path)), ("mode", number(0o750))]);
    };
    "mkdir: where there is something" => |t| {
        let path = t.file("file", "x");
        t.call(SYS_mkdir, &args![&path, 0o1777]).fails(EEXIST)
            .records(SYSCALL_MKDIR_2_X, &[("path", text(&path)), ("mode", number(0o1777))]);
    };
    "mkdirat: in a directory" => |t| {
        let fd = t.open(&t.directory("directory"), O_RDONLY);
        t.call(SYS_mkdirat, &args![fd, c"new", 0o700]).gives(0)
            .records(SYSCALL_MKDIRAT_X, &[("dirfd", number(fd)), ("path", text("new")), ("mode", number(0o700))]);
    };
    "mkdirat: no directory" => |t| {
        t.call(SYS_mkdirat, &args![-1, c"new", 0o777]).fails(EBADF)
            .records(SYSCALL_MKDIRAT_X, &[("dirfd", number(-1)), ("path", text("new")), ("mode", number(0o777))]);
    };
    "rmdir: a directory" => |t| {
        let path = t.directory("directory");
        t.call(SYS_rmdir, &args![&path]).gives(0).records(SYSCALL_RMDIR_2_X, &[("path", text(&path))]);
    };
    "rmdir: what is not there" => |t| {
        t.call(SYS_rmdir, &args![c"*//null"]).fails(ENOENT)
            .records(SYSCALL_RMDIR_2_X, &[("path", text("*//null"))]);
    };
    "mknod: a pipe" => |t| {
        let path = t.path("pipe");
        t.call(SYS_mknod, &args![&path, S_IFIFO | 0o644, 0]).gives(0).records(
            SYSCALL_MKNOD_X,
            &[("path", text(&path)), ("mode", named("S_IFIFO|S_IRUSR|S_IWUSR|S_IRGRP|S_IROTH")), ("dev", number(0))],
        );
    };
    "mknod: no kind is a regular file" => |t| {
        let path = t.path("missing/file");
        t.call(SYS_mknod, &args![&path, 0o600, 0]).fails(ENOENT).records(
            SYSCALL_MKNOD_X,
            &[("path", text(&path)), ("mode", named("S_IFREG|S_IRUSR|S_IWUSR")), ("dev", number(0))],
        );
    };
    "mknod: each kind, in vain" => |t| {
        let path = t.path("missing/file");
        for (kind, name) in [
            (S_IFREG, "S_IFREG"),
            (S_IFCHR, "S_IFCHR"),
            (S_IFBLK, "S_IFBLK"),
            (S_IFIFO, "S_IFIFO"),
            (S_IFSOCK, "S_IFSOCK"),
        ] {
            t.call(SYS_mknod, &args![&path, kind | 0o444, 61]).fails(ENOENT).records(
                SYSCALL_MKNOD_X,
                &[
                    ("path", text(&path)),
                    ("mode", named(&format!("{name}|S_IRUSR|S_IRGRP|S_IROTH"))),
                    ("dev", number(61)),
                ],
            );
        }
    };
    "mknodat: a socket in a directory" => |t| {
        let fd = t.open(&t.directory("directory"), O_RDONLY);
        t.call(SYS_mknodat, &args![fd, c"socket", S_IFSOCK | 0o600, 0]).gives(0).records(
            SYSCALL_MKNODAT_X,
            &[
                ("dirfd", number(fd)),
                ("path", text("socket")),
                ("mode", named("S_IFSOCK|S_IRUSR|S_IWUSR")),
                ("dev", number(0)),
            ],
        );
    };
    "mknodat: each kind, in vain" => |t| {
        for (kind, name) in [
            (0, "S_IFREG"),
            (S_IFREG, "S_IFREG"),
            (S_IFCHR, "S_IFCHR"),
            (S_IFBLK, "S_IFBLK"),
            (S_IFIFO, "S_IFIFO"),
            (S_IFSOCK, "S_IFSOCK"),
        ] {
            t.call(SYS_mknodat, &args![-1, c"name", kind | 0o400, 61]).fails(EBADF).records(
                SYSCALL_MKNODAT_X,
                &[
                    ("dirfd", number(-1)),
                    ("path", text("name")),
                    ("mode", named(&format!("{name}|S_IRUSR"))),
                    ("dev", number(61)),
                ],
            );
        }
    };
    "rename: a file" => |t| {
        let (old, new) = (t.file("old", "x"), t.path("new"));
        t.call(SYS_rename, &args![&old, &new]).gives(0)
            .records(SYSCALL_RENAME_X, &[("oldpath", text(&old)), ("newpath", text(&new))]);
    };
    "rename: what is not there" => |t| {
        t.call(SYS_rename, &args![c"old", c"new"]).fails(ENOENT)
            .records(SYSCALL_RENAME_X, &[("oldpath", text("old")), ("newpath", text("new"))]);
    };
    "renameat: from one directory to another" => |t| {
        let (one, other) = (t.directory("one"), t.directory("other"));
        t.file("one/file", "x");
        let (old, new) = (t.open(&one, O_RDONLY), t.open(&other, O_RDONLY));
        t.call(SYS_renameat, &args![old, c"file", new, c"name"]).gives(0).records_with(
            SYSCALL_RENAMEAT_X,
            &[
                ("olddirfd", number(old)),
                ("oldpath", text("file")),
                ("newdirfd", number(new)),
                ("newpath", text("name")),
            ],
            &[
                (Extra::DirectoryPath, path_extra(&one)),
                (Extra::SecondDirectoryPath, path_extra(&other)),
            ],
            0,
        );
    };
    "renameat: no directories" => |t| {
        t.call(SYS_renameat, &args![-1, c"old", -2, c"new"]).fails(EBADF).records(
            SYSCALL_RENAMEAT_X,
            &[
                ("olddirfd", number(-1)),
                ("oldpath", text("old")),
                ("newdirfd", number(-2)),
                ("newpath", text("new")),
            ],
        );
    };
    "renameat2: two names exchanged" => |t| {
        let (old, new) = (t.file("old", "x"), t.file("new", "y"));
        t.call(SYS_renameat2, &args![AT_FDCWD, &old, AT_FDCWD, &new, RENAME_EXCHANGE]).gives(0).records(
            SYSCALL_RENAMEAT2_X,
            &[
                ("olddirfd", number(AT_FDCWD)),
                ("oldpath", text(&old)),
                ("newdirfd", number(AT_FDCWD)),
                ("newpath", text(&new)),
                ("flags", named("RENAME_EXCHANGE")),
            ],
        );
    };
    "renameat2: no directories" => |t| {
        t.call(SYS_renameat2, &args![-1, c"old", -2, c"new", RENAME_NOREPLACE]).fails(EBADF).records(
            SYSCALL_RENAMEAT2_X,
            &[
                ("olddirfd", number(-1)),
                ("oldpath", text("old")),
                ("newdirfd", number(-2)),
                ("newpath", text("new")),
                ("flags", named("RENAME_NOREPLACE")),
            ],
        );
    };
    "unlink: a file" => |t| {
        let path = t.file("file", "x");
        t.call(SYS_unlink, &args![&path]).gives(0).records(SYSCALL_UNLINK_2_X, &[("path", text(&path))]);
    };
    "unlink: a relative name" => |t| {
        t.file("file", "x");
        let directory = c_string(t.scratch().as_os_str().as_encoded_bytes());
        t.call(SYS_unlink, &args![c"file"]).gives(0).records_with(
            SYSCALL_UNLINK_2_X,
            &[("path", text("file"))],
            &[(Extra::WorkingDirectory, path_extra(&directory))],
            0,
        );
    };
    "unlink: what is not there" => |t| {
        t.call(SYS_unlink, &args![c"*//null"]).fails(ENOENT)
            .records(SYSCALL_UNLINK_2_X, &[("path", text("*//null"))]);
    };
    "unlinkat: a directory" => |t| {
        let fd = t.open(&t.directory("directory"), O_RDONLY);
        t.directory("directory/below");
        t.call(SYS_unlinkat, &args![fd, c"below", AT_REMOVEDIR]).gives(0).records(
            SYSCALL_UNLINKAT_2_X,
            &[("dirfd", number(fd)), ("name", text("below")), ("flags", named("AT_REMOVEDIR"))],
        );
    };
    "unlinkat: no directory" => |t| {
        t.call(SYS_unlinkat, &args![-1, c"file", 0]).fails(EBADF).records(
            SYSCALL_UNLINKAT_2_X,
            &[("dirfd", number(-1)), ("name", text("file")), ("flags", number(0))],
        );
    };
    "stat: a file" => |t| {
        let path = t.file("file", "x");
        let mut buffer = [0_u64; 32];
        t.call(SYS_stat, &args![&path, buffer.as_mut_ptr()]).gives(0)
            .records(SYSCALL_STAT_X, &[("path", text(&path))]);
    };
    "stat: what is not there" => |t| {
        t.call(SYS_stat, &args![c"*//null", NOWHERE]).fails(ENOENT)
            .records(SYSCALL_STAT_X, &[("path", text("*//null"))]);
    };
    "lstat: a link" => |t| {
        let link = t.path("link");
        t.must(SYS_symlink, &args![c"nowhere", &link]);
        let mut buffer = [0_u64; 32];
        t.call(SYS_lstat, &args![&link, buffer.as_mut_ptr()]).gives(0)
            .records(SYSCALL_LSTAT_X, &[("path", text(&link))]);
    };
    "lstat: what is not there" => |t| {
        t.call(SYS_lstat, &args![c"*//null", NOWHERE]).fails(ENOENT)
            .records(SYSCALL_LSTAT_X, &[("path", text("*//null"))]);
    };
    "fstat: a descriptor" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        let mut buffer = [0_u64; 32];
        t.call(SYS_fstat, &args![fd, buffer.as_mut_ptr()]).gives(0)
            .records(SYSCALL_FSTAT_X, &[("fd", number(fd))]);
    };
    "fstat: no descriptor" => |t| {
        let mut buffer = [0_u64; 32];
        t.call(SYS_fstat, &args![-1, buffer.as_mut_ptr()]).fails(EBADF)
            .records(SYSCALL_FSTAT_X, &[("fd", number(-1))]);
    };
    "newfstatat: in a directory" => |t| {
        let fd = t.open(&t.directory("directory"), O_RDONLY);
        t.file("directory/file", "x");
        let mut buffer = [0_u64; 32];
        t.call(SYS_newfstatat, &args![fd, c"file", buffer.as_mut_ptr(), AT_SYMLINK_NOFOLLOW]).gives(0).records(
            SYSCALL_NEWFSTATAT_X,
            &[("dirfd", number(fd)), ("path", text("file")), ("flags", named("AT_SYMLINK_NOFOLLOW"))],
        );
    };
    "newfstatat: no directory" => |t| {
        let mut buffer = [0_u64; 32];
        let flags = AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
        t.call(SYS_newfstatat, &args![-1, c"", buffer.as_mut_ptr(), flags]).fails(EBADF).records(
            SYSCALL_NEWFSTATAT_X,
            &[("dirfd", number(-1)), ("path", text("")), ("flags", named("AT_NO_AUTOMOUNT|AT_EMPTY_PATH"))],
        );
    };
    "mount: a tmpfs" => |t| {
        let path = t.directory("mount");
        t.call(SYS_mount, &args![c"none", &path, c"tmpfs", MS_NOSUID | MS_NODEV, NOWHERE]).gives(0).records(
            SYSCALL_MOUNT_X,
            &[
                ("dev", text("none")),
                ("dir", text(&path)),
                ("type", text("tmpfs")),
                ("flags", named("NOSUID|NODEV")),
            ],
        );
        t.must(SYS_umount2, &args![&path, 0]);
    };
    "mount: with the old magic number, in vain" => |t| {
        let flags = MS_MGC_VAL | MS_RDONLY | MS_BIND;
        t.call(SYS_mount, &args![c"//**null", c"//**null", c"//**null", flags, NOWHERE]).fails(ENOENT).records(
            SYSCALL_MOUNT_X,
            &[
                ("dev", text("//**null")),
                ("dir", text("//**null")),
                ("type", text("//**null")),
                ("flags", named("RDONLY|BIND")),
            ],
        );
    };
    "umount2: lazily" => |t| {
        let path = t.directory("mount");
        t.must(SYS_mount, &args![c"none", &path, c"tmpfs", 0, NOWHERE]);
        t.call(SYS_umount2, &args![&path, MNT_DETACH]).gives(0)
            .records(SYSCALL_UMOUNT2_X, &[("name", text(&path)), ("flags", named("DETACH"))]);
    };
    "umount2: what is not there" => |t| {
        t.call(SYS_umount2, &args![c"//**null", MNT_FORCE | UMOUNT_NOFOLLOW]).fails(ENOENT)
            .records(SYSCALL_UMOUNT2_X, &[("name", text("//**null")), ("flags", named("FORCE|NOFOLLOW"))]);
    };
}
