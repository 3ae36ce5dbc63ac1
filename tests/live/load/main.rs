//! Loads a kernel with system calls, for `scripts/bench-ebpf`: times calls, keeps up a rate of them, or makes three threads contend for
//! one CPU. Prints what it did, so that it can be compared with what was recorded.
//!
//! It stands alone: `rustc` builds it, it needs nothing but the standard library.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

unsafe extern "C" {
    fn syscall(number: i64, ...) -> i64;
    fn sched_setaffinity(pid: i32, size: usize, mask: *const u64) -> i32;
    fn getrusage(who: i32, usage: *mut [i64; 18]) -> i32;
}

const READ: i64 = 0;
const WRITE: i64 = 1;
const CLOSE: i64 = 3;
const GETPPID: i64 = 110;
const OPENAT: i64 = 257;
const AT_FDCWD: i64 = -100;

/// Calls in a block; the time of a block is one measurement.
const BLOCK: u32 = 1_000;
/// Blocks of each call.
const BLOCKS: usize = 60;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().unwrap_or(0);
    match words.as_slice() {
        ["cost"] => cost(),
        ["io", rate, seconds] => storm(number(rate), number(seconds), 2, read_and_write()),
        ["exec", rate, seconds] => storm(number(rate), number(seconds), 1, execute),
        ["contend", seconds] => contend(number(seconds)),
        _ => {
            eprintln!("usage: load cost | io RATE SECONDS | exec RATE SECONDS | contend SECONDS");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Makes a call with up to four arguments.
fn call(number: i64, arguments: [i64; 4]) -> i64 {
    let [first, second, third, fourth] = arguments;
    // SAFETY: only called below, with pointers to memory that is there and large enough.
    unsafe { syscall(number, first, second, third, fourth) }
}

fn open(path: &'static std::ffi::CStr, flags: i64) -> i64 {
    call(OPENAT, [AT_FDCWD, path.as_ptr() as i64, flags, 0])
}

/// Times calls: the lowest and the median of the blocks, in nanoseconds a call.
fn cost() {
    let zero = open(c"/dev/zero", 0);
    let mut room = [0u8; 64];
    let room = room.as_mut_ptr() as i64;
    let print = |name: &str, work: &dyn Fn()| {
        let mut blocks: Vec<f64> = (0..BLOCKS)
            .map(|_| {
                let begun = Instant::now();
                (0..BLOCK).for_each(|_| work());
                begun.elapsed().as_nanos() as f64 / f64::from(BLOCK)
            })
            .collect();
        blocks.sort_by(f64::total_cmp);
        println!("{name} {:.1} {:.1}", blocks[0], blocks[BLOCKS / 2]);
    };
    print("getppid", &|| {
        call(GETPPID, [0; 4]);
    });
    print("openat+close", &|| {
        let fd = open(c"/etc/passwd", 0);
        call(CLOSE, [fd, 0, 0, 0]);
    });
    print("read", &|| {
        call(READ, [zero, room, 64, 0]);
    });
}

fn read_and_write() -> impl FnMut() {
    let (zero, null) = (open(c"/dev/zero", 0), open(c"/dev/null", 1));
    let mut room = vec![0u8; 4096];
    let address = room.as_mut_ptr() as i64;
    move || {
        let _ = &room;
        call(READ, [zero, address, 4096, 0]);
        call(WRITE, [null, address, 4096, 0]);
    }
}

fn execute() {
    let _ = Command::new("/bin/true").env_clear().status();
}

/// Does something at a rate, in steps of a millisecond; `calls` says how many calls it is. As fast as it can be with rate 0.
fn storm(rate: u64, seconds: u64, calls: u64, mut work: impl FnMut()) {
    let begun = Instant::now();
    let end = Duration::from_secs(seconds);
    let mut done: u64 = 0;
    while begun.elapsed() < end {
        let due = if rate == 0 { done + 1000 } else { begun.elapsed().as_millis() as u64 * rate / calls / 1000 };
        while done < due {
            work();
            done += 1;
        }
        if rate > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let per_second = (done * calls) as f64 / begun.elapsed().as_secs_f64();
    println!("made {} per_second {per_second:.0} cpu {:.2}", done * calls, cpu());
}

/// Three threads on one CPU fail to open a file, as often as they can.
fn contend(seconds: u64) {
    let threads: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(move || {
                let first = [1_u64; 1];
                // SAFETY: the mask has the size that is told.
                unsafe { sched_setaffinity(0, 8, first.as_ptr()) };
                let (begun, end) = (Instant::now(), Duration::from_secs(seconds));
                let mut made = 0_u64;
                while begun.elapsed() < end {
                    for _ in 0..100 {
                        open(c"/nonexistent/of/saker-load", 0);
                    }
                    made += 100;
                }
                made
            })
        })
        .collect();
    let made: u64 = threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
    println!("made {made}");
}

/// Seconds of CPU that this program and its children have used.
fn cpu() -> f64 {
    let used = |who| {
        let mut usage = [0_i64; 18];
        // SAFETY: `struct rusage` has 18 words on 64-bit Linux.
        unsafe { getrusage(who, &mut usage) };
        (usage[0] + usage[2]) as f64 + (usage[1] + usage[3]) as f64 / 1e6
    };
    // RUSAGE_SELF, RUSAGE_CHILDREN.
    used(0) + used(-1)
}
