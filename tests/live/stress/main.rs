//! `saker-stress`: what must not hurt a machine under a driver: floods, forks, huge arguments, pages that nobody gives, readers
//! that write where they may. For the test VM.

mod flood;
mod hostile;

use anyhow::Result;
use clap::{Parser, Subcommand};
use saker_probe::wire::ring::SLOTS_MIN;

/// Floods, forks, huge arguments, pages that nobody gives, hostile readers. For the test VM only.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fail to open files, in so many threads on one CPU, so often each; every call must be recorded or counted.
    Openat {
        /// Who records.
        #[arg(long)]
        driver: String,
        /// Threads, all on one CPU.
        #[arg(long, default_value_t = 3)]
        threads: usize,
        /// Calls of each thread.
        #[arg(long, default_value_t = 100_000)]
        calls: u64,
        /// Read only after the flood, with the smallest ring: it must be full, and say how often.
        #[arg(long)]
        full: bool,
    },
    /// Make calls until killed.
    Load {
        /// How many processes.
        #[arg(default_value_t = 4)]
        processes: usize,
    },
    /// Fork and end, so many times, at most so many at once.
    Fork {
        /// How many times.
        #[arg(default_value_t = 2_000)]
        times: usize,
        /// How many at once.
        #[arg(default_value_t = 200)]
        at_once: usize,
    },
    /// Execute a program with 2 MiB of arguments.
    Arguments,
    /// Map what the module lets be mapped, and scribble over every page that can be written.
    Scribble,
    /// Make calls whose arguments lie in pages that nobody gives (userfaultfd): none may hang in a driver.
    Userfaultfd,
    /// The same with pages of a file whose file system never answers (FUSE).
    Fuse,
    /// Have so many threads alive, say so, and keep them until killed.
    Threads {
        /// How many, in processes of 10,000.
        threads: usize,
    },
    /// Begin to record, and be killed in the middle of it.
    Abandon {
        /// Who records.
        #[arg(long)]
        driver: String,
        /// Only these calls, and `close_range`; else all.
        #[arg(long, value_delimiter = ',')]
        calls: Vec<String>,
        /// No paths.
        #[arg(long)]
        no_paths: bool,
        /// Slots of each ring.
        #[arg(long, default_value_t = SLOTS_MIN)]
        slots: u64,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Openat { driver, threads, calls, full } => flood::openat(&driver, threads, calls, full),
        Command::Load { processes } => flood::load(processes),
        Command::Fork { times, at_once } => flood::fork(times, at_once),
        Command::Arguments => flood::arguments(),
        Command::Scribble => hostile::scribble(),
        Command::Userfaultfd => hostile::userfaultfd(),
        Command::Fuse => hostile::fuse(),
        Command::Threads { threads } => flood::threads(threads),
        Command::Abandon { driver, calls, no_paths, slots } => {
            hostile::abandon(&driver, slots, &calls, !no_paths)
        }
    }
}
