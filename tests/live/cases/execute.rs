//! Cases of exec: what runs now, from where, with which arguments; and attempts in vain.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::prelude::*;
use super::process::{comm, descriptor_limit};
use crate::programs;

/// What is run, and how it must be told.
struct Program {
    /// The file, as `stat` finds it.
    file: CString,
    /// What the kernel was asked to run.
    filename: CString,
    /// The path from kernel objects.
    path: Want,
    /// `EXE_*`.
    flags: Want,
    /// What becomes of the name of the thread.
    comm: String,
}

impl Program {
    fn at(file: &CString, flags: &str) -> Program {
        let name = file.to_string_lossy().rsplit('/').next().unwrap_or_default().to_owned();
        Program {
            file: file.clone(),
            filename: file.clone(),
            path: text(file),
            flags: named(flags),
            comm: name,
        }
    }
}

/// Puts a program into the scratch directory.
fn install(t: &Trial, name: &str, program: &[u8]) -> CString {
    let path = t.file(name, program);
    let permissions = fs::Permissions::from_mode(0o755);
    let set = fs::set_permissions(t.scratch().join(name), permissions);
    crate::harness::trial::or_broken(set, name);
    path
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> Want {
    number(seconds * 1_000_000_000 + nanoseconds)
}

fn capabilities() -> [Want; 3] {
    let header = [0x2008_0522_u32, 0];
    let mut data = [0_u32; 6];
    native(SYS_capget, &args![&header, data.as_mut_ptr()]);
    let set = |at: usize| number(u64::from(data[at]) | u64::from(data[at + 3]) << 32);
    [set(2), set(1), set(0)]
}

/// The parameters of the event from `tid` to `cgroups`.
fn process_parameters(comm: Want) -> Vec<(&'static str, Want)> {
    let (pid, parent) = (native(SYS_getpid, &[]), native(SYS_getppid, &[]));
    vec![
        ("tid", number(pid)),
        ("pid", number(pid)),
        ("ptid", number(parent)),
        ("cwd", empty()),
        ("fdlimit", descriptor_limit()),
        ("pgft_maj", any()),
        ("pgft_min", any()),
        ("vm_size", something()),
        ("vm_rss", any()),
        ("vm_swap", any()),
        ("comm", comm),
        ("cgroups", empty()),
    ]
}

/// The parameters of the event from `tty` to `gid`, of a file.
fn program_parameters(file: &Path, path: Want, flags: Want) -> Vec<(&'static str, Want)> {
    let metadata = crate::harness::trial::or_broken(fs::metadata(file), "the program");
    let group = native(SYS_getpgid, &args![0]);
    let login =
        fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse::<u32>().ok());
    let [inheritable, permitted, effective] = capabilities();
    vec![
        ("tty", any()),
        ("vpgid", number(group)),
        ("loginuid", login.map_or_else(any, number)),
        ("flags", flags),
        ("cap_inheritable", inheritable),
        ("cap_permitted", permitted),
        ("cap_effective", effective),
        ("exe_ino", number(metadata.ino())),
        ("exe_ino_ctime", nanoseconds(metadata.ctime(), metadata.ctime_nsec())),
        ("exe_ino_mtime", nanoseconds(metadata.mtime(), metadata.mtime_nsec())),
        ("uid", number(0)),
        ("trusted_exepath", path),
        ("pgid", number(group)),
        ("gid", number(0)),
    ]
}

fn path_of(text: &CString) -> &Path {
    Path::new(std::ffi::OsStr::new(text.to_str().unwrap_or_default()))
}

/// What a successful exec must be told as.
fn executed(program: &Program) -> Vec<(&'static str, Want)> {
    let mut parameters = vec![
        ("exe", text("zeroth")),
        ("args", bytes(b"first\0\0third one\0")),
        ("env", bytes(b"KEY=value\0OTHER=\0")),
        ("filename", text(&program.filename)),
    ];
    let name: String = program.comm.chars().take(15).collect();
    parameters.extend(process_parameters(text(&name)));
    parameters.extend(program_parameters(
        path_of(&program.file),
        program.path.clone(),
        program.flags.clone(),
    ));
    parameters
}

const ARGUMENTS: [&std::ffi::CStr; 4] = [c"zeroth", c"first", c"", c"third one"];
const ENVIRONMENT: [&std::ffi::CStr; 2] = [c"KEY=value", c"OTHER="];

/// An array of pointers that ends in a null pointer.
fn pointers(strings: &[&std::ffi::CStr]) -> Vec<u64> {
    strings.iter().map(|string| string.as_ptr() as u64).chain([0]).collect()
}

/// Runs a program with `execve`.
fn execute(t: &mut Trial, program: &Program) -> ! {
    let (arguments, environment) = (pointers(&ARGUMENTS), pointers(&ENVIRONMENT));
    let parameters = executed(program);
    let filename = program.filename.clone();
    t.last_call(
        |made| made.expect(Who::CallerForGood, SYSCALL_EXECVE_19_X, &parameters),
        || native(SYS_execve, &args![&filename, &arguments[..], &environment[..]]),
    )
}

/// What a failed exec must be told as: what was asked for, and who this is.
pub(super) fn refused(exe: Want, args: Want, env: Want) -> Vec<(&'static str, Want)> {
    let own = fs::read_link("/proc/self/exe").unwrap_or_default();
    let mut parameters = vec![("exe", exe), ("args", args), ("env", env)];
    parameters.extend(process_parameters(comm()));
    // The harness may lie on any file system, writable or not, in any layer.
    let own_path = one_of([text(own.to_string_lossy().into_owned()), any()]);
    parameters.extend(program_parameters(&own, own_path, any()));
    parameters
}

fn with_filename(mut parameters: Vec<(&'static str, Want)>, filename: Want) -> Vec<(&'static str, Want)> {
    parameters.push(("filename", filename));
    parameters
}

/// Mounts an overlay of two layers with a program in each, and gives their paths: lower, upper.
fn overlay(t: &mut Trial) -> (CString, CString) {
    for directory in ["lower", "upper", "work", "merged"] {
        t.directory(directory);
    }
    install(t, "lower/below", &programs::exit_at_once());
    let scratch = t.scratch().display().to_string();
    let options =
        c_string(format!("lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"));
    let merged = t.path("merged");
    let mounted = native(SYS_mount, &args![c"overlay", &merged, c"overlay", 0, &options]);
    if mounted < 0 {
        t.skip(&format!("no overlay file system: {}", crate::harness::trial::error(mounted)));
    }
    install(t, "merged/above", &programs::exit_at_once());
    (t.path("merged/below"), t.path("merged/above"))
}

cases! {
    "execve: a program" => |t| {
        let file = install(t, "program", &programs::exit_at_once());
        execute(t, &Program::at(&file, "EXE_WRITABLE"))
    };
    "execve: a program with a long name" => |t| {
        let file = install(t, "a_program_with_a_long_name", &programs::exit_at_once());
        execute(t, &Program::at(&file, "EXE_WRITABLE"))
    };
    "execve: through a symbolic link" => |t| {
        let file = install(t, "program", &programs::exit_at_once());
        let link = t.path("link");
        t.must(SYS_symlink, &args![&file, &link]);
        let program =
            Program { filename: link, comm: "link".into(), ..Program::at(&file, "EXE_WRITABLE") };
        execute(t, &program)
    };
    "execve: a relative name" => |t| {
        let file = install(t, "program", &programs::exit_at_once());
        let program = Program { filename: c_string("./program"), ..Program::at(&file, "EXE_WRITABLE") };
        execute(t, &program)
    };
    "execve: a 32-bit program" => |t| {
        let file = install(t, "program32", &programs::exit_at_once_32());
        let pid = t.must(SYS_fork, &[]);
        if pid == 0 {
            native(SYS_execve, &args![&file, NOWHERE, NOWHERE]);
            native(SYS_exit_group, &args![77]);
        }
        let mut status = 0_i32;
        t.must(SYS_wait4, &args![pid, &raw mut status, 0, NOWHERE]);
        if status != 0 {
            t.skip("this kernel runs no 32-bit programs");
        }
        execute(t, &Program::at(&file, "EXE_WRITABLE"))
    };
    "execve: from memory" => |t| {
        let fd = t.must(SYS_memfd_create, &args![c"malware", 0]);
        let program = programs::exit_at_once();
        t.must(SYS_write, &args![fd, &program[..], program.len()]);
        let file = c_string(format!("/proc/self/fd/{fd}"));
        let path = one_of([text("memfd:malware"), text("/memfd:malware"), text("/memfd:malware (deleted)")]);
        let program = Program {
            path,
            comm: fd.to_string(),
            flags: named("EXE_WRITABLE|EXE_FROM_MEMFD"),
            ..Program::at(&file, "")
        };
        // A file that is open for writing cannot be executed.
        let read_only = t.open(&file, O_RDONLY);
        t.must(SYS_dup2, &args![read_only, fd]);
        execute(t, &program)
    };
    "execve: from the lower layer of an overlay" => |t| {
        let (below, _) = overlay(t);
        let program = Program {
            flags: one_of([named("EXE_WRITABLE|EXE_LOWER_LAYER"), named("EXE_LOWER_LAYER")]),
            ..Program::at(&below, "")
        };
        execute(t, &program)
    };
    "execve: from the upper layer of an overlay" => |t| {
        let (_, above) = overlay(t);
        execute(t, &Program::at(&above, "EXE_WRITABLE|EXE_UPPER_LAYER"))
    };
    "execveat: a program in a directory" => |t| {
        let file = install(t, "program", &programs::exit_at_once());
        let directory = t.open(&t.path(""), O_RDONLY);
        let filename = c_string(format!("/dev/fd/{directory}/program"));
        let program = Program { filename, ..Program::at(&file, "EXE_WRITABLE") };
        let (arguments, environment) = (pointers(&ARGUMENTS), pointers(&ENVIRONMENT));
        let parameters = executed(&program);
        t.last_call(
            // It is told as execve, as in Falco.
            |made| made.expect(Who::CallerForGood, SYSCALL_EXECVE_19_X, &parameters),
            || {
                native(
                    SYS_execveat,
                    &args![directory, c"program", &arguments[..], &environment[..], 0],
                )
            },
        )
    };
    "execveat: a descriptor itself" => |t| {
        let file = install(t, "program", &programs::exit_at_once());
        let fd = t.open(&file, O_RDONLY);
        let filename = c_string(format!("/dev/fd/{fd}"));
        let program =
            Program { filename, comm: fd.to_string(), ..Program::at(&file, "EXE_WRITABLE") };
        let mut parameters = executed(&program);
        // Newer kernels take the name of the file.
        for (name, want) in &mut parameters {
            if *name == "comm" {
                *want = one_of([want.clone(), text("program")]);
            }
        }
        let (arguments, environment) = (pointers(&ARGUMENTS), pointers(&ENVIRONMENT));
        t.last_call(
            |made| made.expect(Who::CallerForGood, SYSCALL_EXECVE_19_X, &parameters),
            || {
                native(
                    SYS_execveat,
                    &args![fd, c"", &arguments[..], &environment[..], AT_EMPTY_PATH],
                )
            },
        )
    };
    "execve: what is not there" => |t| {
        let (arguments, environment) = (pointers(&ARGUMENTS), pointers(&ENVIRONMENT));
        let parameters =
            refused(text("zeroth"), bytes(b"first\0\0third one\0"), bytes(b"KEY=value\0OTHER=\0"));
        t.call(SYS_execve, &args![c"//**null-file-path**//", &arguments[..], &environment[..]])
            .fails_with(&[ENOENT, ENOTDIR])
            .records(SYSCALL_EXECVE_19_X, &with_filename(parameters, text("//**null-file-path**//")));
    };
    "execve: arguments longer than what is recorded, in vain" => |t| {
        let long = c_string(vec![b'x'; 5000]);
        let arguments = pointers(&[c"zeroth", c"first", &long, c"last"]);
        let told = [b"first\0", &vec![b'x'; 5000][..]].concat();
        // At most a page, and it is said that there was more. Falco makes the last byte a NUL.
        let with_nul = [&told[..4095], b"\0"].concat();
        let args = one_of([cut(&told[..4096]), cut(&with_nul), bytes(&with_nul)]);
        let parameters = refused(text("zeroth"), args, empty());
        t.call(SYS_execve, &args![c"missing", &arguments[..], NOWHERE]).fails(ENOENT)
            .records(SYSCALL_EXECVE_19_X, &with_filename(parameters, text("missing")));
    };
    "execve: no arguments, in vain" => |t| {
        let parameters = refused(empty(), empty(), empty());
        t.call(SYS_execve, &args![c"missing", NOWHERE, NOWHERE]).fails(ENOENT)
            .records(SYSCALL_EXECVE_19_X, &with_filename(parameters, text("missing")));
    };
    "execve: no name" => |t| {
        let (arguments, environment) = (pointers(&ARGUMENTS), pointers(&ENVIRONMENT));
        let parameters =
            refused(text("zeroth"), bytes(b"first\0\0third one\0"), bytes(b"KEY=value\0OTHER=\0"));
        t.call(SYS_execve, &args![NOWHERE, &arguments[..], &environment[..]]).fails(EFAULT).records_with(
            SYSCALL_EXECVE_19_X,
            &with_filename(parameters, empty()),
            &[],
            flag::USER_MISS,
        );
    };
    "execve: an empty argument, in vain" => |t| {
        let arguments = pointers(&[c"", c"argument", c""]);
        let parameters = refused(text(""), bytes(b"argument\0\0"), empty());
        t.call(SYS_execve, &args![c"missing", &arguments[..], NOWHERE]).fails(ENOENT)
            .records(SYSCALL_EXECVE_19_X, &with_filename(parameters, text("missing")));
    };
    "execveat: what is not there" => |t| {
        let (arguments, environment) = (pointers(&ARGUMENTS), pointers(&ENVIRONMENT));
        let parameters =
            refused(text("zeroth"), bytes(b"first\0\0third one\0"), bytes(b"KEY=value\0OTHER=\0"));
        t.call(SYS_execveat, &args![AT_FDCWD, c"missing", &arguments[..], &environment[..], 0]).fails(ENOENT)
            .records(SYSCALL_EXECVEAT_X, &parameters);
    };
}
