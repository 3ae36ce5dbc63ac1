//! Floods: more calls, more processes, larger arguments than anybody reads.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use saker_live::args;
use saker_live::calls::{make_task, native};
use saker_live::harness::recorder;
use saker_live::programs;
use saker_probe::wire::event;

/// Slots of the smallest ring.
const FEW: u64 = saker_probe::wire::ring::SLOTS_MIN;
/// Slots that a reader can keep up with.
const MANY: u64 = 1 << 16;

/// Threads on one CPU fail to open files. Every call must be recorded, or counted as lost.
pub(crate) fn openat(driver: &str, threads: usize, calls: u64, full: bool) -> Result<()> {
    let mut source = recorder::open_with(driver, if full { FEW } else { MANY })?;
    let mut interest = recorder::everything(0, 0);
    recorder::only(&mut interest, &["openat".to_owned()]);
    source.ask(&interest)?;
    let pid = std::process::id();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                let cpus = [1_u64];
                native(libc::SYS_sched_setaffinity, &args![0, 8, &cpus]);
                for _ in 0..calls {
                    native(libc::SYS_openat, &args![-1, c"nothing", libc::O_RDONLY, 0]);
                }
            })
        })
        .collect();
    let (mut found, mut records) = (0_u64, Vec::new());
    let mut count = |records: &mut Vec<recorder::Recorded>| {
        let own = records.iter().filter(|record| {
            record.header.tgid == pid
                && record.header.event == event::SYSCALL_OPENAT_2_X
                && record.header.return_value < 0
        });
        found += own.count() as u64;
        records.clear();
    };
    while !workers.iter().all(std::thread::JoinHandle::is_finished) {
        if full {
            std::thread::sleep(Duration::from_millis(10));
        } else {
            source.drain(&mut records);
            count(&mut records);
        }
    }
    // What is still on its way.
    for _ in 0..100 {
        source.drain(&mut records);
        count(&mut records);
        std::thread::sleep(Duration::from_millis(2));
    }
    // A call more: the gap in the numbers before it shows what was lost at the end.
    native(libc::SYS_openat, &args![-1, c"the last", libc::O_RDONLY, 0]);
    std::thread::sleep(Duration::from_millis(50));
    source.drain(&mut records);
    let lost = source.lost();
    let named = |wanted: &[&str]| -> u64 {
        lost.iter()
            .filter(|(name, _)| wanted.iter().any(|part| name.contains(part)))
            .map(|(_, count)| count)
            .sum()
    };
    let counted = named(&["full_", "nested", "recursion_misses"]);
    let made = threads as u64 * calls;
    println!("{driver}: {made} calls made, {found} recorded, {counted} counted as lost {lost:?}");
    ensure!(found <= made, "more records than calls");
    // Others (the runtime of this program, the script's shell) may have been lost, too: the sum may be larger, never smaller.
    ensure!(found + counted >= made, "{} calls are missing without a count", made - found - counted);
    if full {
        ensure!(named(&["full_file"]) > 0, "the ring was never full");
    }
    Ok(())
}

/// Processes that open, fork, execute and share descriptors for ever.
pub(crate) fn load(processes: usize) -> Result<()> {
    for _ in 1..processes {
        if native(libc::SYS_fork, &[]) == 0 {
            break;
        }
    }
    // With whoever started it.
    native(libc::SYS_prctl, &args![libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0]);
    loop {
        let fd = native(libc::SYS_openat, &args![libc::AT_FDCWD, c"/proc/self/status", libc::O_RDONLY, 0]);
        let mut buffer = [0_u8; 256];
        native(libc::SYS_read, &args![fd, buffer.as_mut_ptr(), 256]);
        native(libc::SYS_close, &args![fd]);
        let child = make_task(libc::SYS_vfork, &[]);
        native(libc::SYS_wait4, &args![child, 0, 0, 0]);
        // A child with the same descriptors, which both open and close at once.
        let sharing = native(libc::SYS_clone, &args![libc::CLONE_FILES | libc::SIGCHLD, 0, 0, 0, 0]);
        for _ in 0..20 {
            let fd = native(libc::SYS_openat, &args![libc::AT_FDCWD, c"/proc/self/stat", libc::O_RDONLY, 0]);
            native(libc::SYS_close, &args![fd]);
        }
        if sharing == 0 {
            native(libc::SYS_execve, &args![c"/proc/self/no/program", 0, 0]);
            native(libc::SYS_exit_group, &args![0]);
        }
        native(libc::SYS_wait4, &args![sharing, 0, 0, 0]);
    }
}

/// Threads that are alive and do nothing.
pub(crate) fn threads(wanted: usize) -> Result<()> {
    /// A process can have about 30,000: each takes two mappings (`vm.max_map_count`).
    const IN_A_PROCESS: usize = 10_000;
    let (read, write) = std::io::pipe()?;
    for begun in (0..wanted).step_by(IN_A_PROCESS) {
        if native(libc::SYS_fork, &[]) != 0 {
            continue;
        }
        native(libc::SYS_prctl, &args![libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0]);
        for _ in 1..IN_A_PROCESS.min(wanted - begun) {
            let sleeper = || loop {
                std::thread::park();
            };
            if let Err(error) = std::thread::Builder::new().stack_size(16 << 10).spawn(sleeper) {
                eprintln!("a thread: {error}");
                break;
            }
        }
        std::io::Write::write_all(&mut &write, b".")?;
        loop {
            std::thread::park();
        }
    }
    let mut ready = vec![0; wanted.div_ceil(IN_A_PROCESS)];
    std::io::Read::read_exact(&mut &read, &mut ready)?;
    println!("{wanted} threads");
    loop {
        std::thread::park();
    }
}

/// A fork bomb with an end.
pub(crate) fn fork(times: usize, at_once: usize) -> Result<()> {
    let mut alive = 0;
    for _ in 0..times {
        let child = native(libc::SYS_fork, &[]);
        match child {
            0 => {
                let time = [0_u64, 20_000_000];
                native(libc::SYS_nanosleep, &args![&time, 0]);
                native(libc::SYS_exit_group, &args![0]);
            }
            error if error < 0 => bail!("fork: {}", std::io::Error::from_raw_os_error(-error as i32)),
            _ => alive += 1,
        }
        while alive >= at_once {
            ensure!(native(libc::SYS_wait4, &args![-1, 0, 0, 0]) > 0, "a child was lost");
            alive -= 1;
        }
    }
    while native(libc::SYS_wait4, &args![-1, 0, 0, 0]) > 0 {
        alive -= 1;
    }
    ensure!(alive == 0, "{alive} children were lost");
    println!("{times} processes made, at most {at_once} at once");
    Ok(())
}

/// Executes a program with 2 MiB of arguments, each of the longest that the kernel takes.
pub(crate) fn arguments() -> Result<()> {
    /// `MAX_ARG_STRLEN`, with the NUL.
    const LONGEST: usize = 131_072;
    let path = std::env::temp_dir().join("saker-stress-program");
    std::fs::write(&path, programs::exit_at_once())?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    // Arguments may take a quarter of the stack.
    let limit = [64_u64 << 20, 64 << 20];
    native(libc::SYS_setrlimit, &args![libc::RLIMIT_STACK, &limit]);
    let argument = "x".repeat(LONGEST - 1);
    let status = std::process::Command::new(&path).args(std::iter::repeat_n(&argument, 16)).status()?;
    ensure!(status.success(), "the program: {status}");
    println!("executed with {} bytes of arguments", 16 * LONGEST);
    Ok(())
}
