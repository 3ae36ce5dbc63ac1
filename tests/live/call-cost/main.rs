//! Prints what system calls cost in guest instructions, for `scripts/bench-calls`: as they are, or while this program is a
//! reader of `/dev/saker` that asks for nothing of them or for all.
//!
//! Under `-icount shift=0` the time stamp counter counts instructions, so each number repeats exactly. It stands alone and
//! needs nothing but the standard library, so that it runs in a guest of 30 MB.

#[path = "../../../probe/src/extract/mod.rs"]
#[allow(dead_code)]
mod extract;
#[path = "../../../probe/src/wire/mod.rs"]
#[allow(dead_code)]
mod wire;

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use wire::control::device::{INTEREST, PATH, SETUP, Setup};
use wire::control::{BITMAP_WORDS, Interest, SNAPLEN_DEFAULT, option};

unsafe extern "C" {
    fn ioctl(fd: i32, request: u64, ...) -> i32;
    fn syscall(number: i64, ...) -> i64;
}

/// `getpgid`: asked for while others are measured, because nobody calls it.
const UNUSED_CALL: u16 = 121;
/// How often each call is made; the median counts.
const ROUNDS: usize = 500;
/// Before that, so that caches are warm.
const WARM_UP: usize = 50;
/// How often a program is executed; the lowest counts, because a timer's tick costs more than all that differs.
const EXEC_ROUNDS: usize = 60;
/// 8 MiB: nothing measured here fills it.
const SLOTS: u64 = 65_536;

fn main() -> ExitCode {
    let interest = match std::env::args().nth(1).as_deref() {
        Some("bare") => None,
        Some("others") => Some(others()),
        Some("all") => Some(all(0)),
        Some("paths") => Some(all(option::PATHS)),
        _ => {
            eprintln!("usage: call-cost bare|others|all|paths");
            return ExitCode::FAILURE;
        }
    };
    let _reader = match interest.map(|interest| listen(&interest)).transpose() {
        Ok(reader) => reader,
        Err(error) => {
            eprintln!("{PATH}: {error}");
            return ExitCode::FAILURE;
        }
    };
    for (name, cost) in measure() {
        println!("{name} {cost}");
    }
    ExitCode::SUCCESS
}

/// Asks for a call that is not measured.
fn others() -> Interest {
    let mut interest = all(0);
    (interest.native, interest.codes) = ([0; BITMAP_WORDS], [0; BITMAP_WORDS]);
    interest
        .ask(Some(UNUSED_CALL), extract::arch::code_of(&extract::arch::native::NATIVE, UNUSED_CALL.into()));
    interest
}

/// Asks for every call.
fn all(options: u32) -> Interest {
    Interest {
        abi_version: wire::ABI_VERSION,
        snaplen: SNAPLEN_DEFAULT,
        options,
        native: [u64::MAX; BITMAP_WORDS],
        codes: [u64::MAX; BITMAP_WORDS],
        ..Interest::default()
    }
}

/// Becomes a reader, one that never reads.
fn listen(interest: &Interest) -> std::io::Result<File> {
    let device = File::options().read(true).write(true).open(PATH)?;
    let setup = Setup { abi_version: wire::ABI_VERSION, reserved: 0, slots: SLOTS };
    // SAFETY: the module reads a `Setup`.
    if unsafe { ioctl(device.as_raw_fd(), u64::from(SETUP), &setup) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the module reads an `Interest`.
    if unsafe { ioctl(device.as_raw_fd(), u64::from(INTEREST), interest) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(device)
}

/// Makes a call with up to four arguments.
fn call(number: i64, arguments: [i64; 4]) -> i64 {
    let [first, second, third, fourth] = arguments;
    // SAFETY: only called below, with pointers to memory that is there and large enough.
    unsafe { syscall(number, first, second, third, fourth) }
}

fn stamp() -> u64 {
    // SAFETY: every x86-64 CPU has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The median of what a piece of work costs.
fn cost<T>(mut work: impl FnMut() -> T) -> u64 {
    for _ in 0..WARM_UP {
        work();
    }
    let mut costs: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let before = stamp();
            work();
            stamp() - before
        })
        .collect();
    costs.sort_unstable();
    costs[ROUNDS / 2]
}

fn measure() -> Vec<(&'static str, u64)> {
    const AT_FDCWD: i64 = -100;
    const READ: i64 = 0;
    const WRITE: i64 = 1;
    const OPEN: i64 = 2;
    const CLOSE: i64 = 3;
    const STAT: i64 = 4;
    const GETPPID: i64 = 110;
    const OPENAT: i64 = 257;
    let zero = call(OPEN, [c"/dev/zero".as_ptr() as i64, 0, 0, 0]);
    let null = call(OPEN, [c"/dev/null".as_ptr() as i64, 1, 0, 0]);
    let name = c"/bin/busybox".as_ptr() as i64;
    let mut room = [0u8; 256];
    let room = room.as_mut_ptr() as i64;
    let nothing = cost(|| ());
    let mut costs = vec![
        ("getppid", cost(|| call(GETPPID, [0; 4]))),
        ("openat+close", cost(|| call(CLOSE, [call(OPENAT, [AT_FDCWD, name, 0, 0]), 0, 0, 0]))),
        ("read 1 B", cost(|| call(READ, [zero, room, 1, 0]))),
        ("read 64 B", cost(|| call(READ, [zero, room, 64, 0]))),
        ("write 64 B", cost(|| call(WRITE, [null, room, 64, 0]))),
        ("stat", cost(|| call(STAT, [name, room, 0, 0]))),
    ];
    for (_, cost) in &mut costs {
        *cost = cost.saturating_sub(nothing);
    }
    let execs = (0..EXEC_ROUNDS).map(|_| {
        let before = stamp();
        execute(c"/nothing");
        stamp() - before
    });
    costs.push(("vfork+exec", execs.min().expect("rounds")));
    costs
}

/// Executes a program in a child that borrows this process's memory, and waits for it: `vfork`, `execve`, `wait4`, and the child's
/// `exit`. The standard library would reset every signal besides.
fn execute(program: &std::ffi::CStr) {
    const WAIT4: i64 = 61;
    let nothing = [std::ptr::null::<u8>()];
    let child: i64;
    // SAFETY: between vfork and execve the child runs on this stack; it writes to no memory, and ends if it cannot execute.
    unsafe {
        std::arch::asm!(
            "mov eax, 58",
            "syscall",
            "test eax, eax",
            "jnz 2f",
            "mov eax, 59",
            "syscall",
            "mov eax, 60",
            "syscall",
            "2:",
            out("rax") child,
            in("rdi") program.as_ptr(),
            in("rsi") nothing.as_ptr(),
            in("rdx") nothing.as_ptr(),
            out("rcx") _,
            out("r11") _,
        );
    }
    call(WAIT4, [child, 0, 0, 0]);
}
