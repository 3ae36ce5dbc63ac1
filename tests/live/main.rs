//! `saker-live`: makes system calls with known arguments and compares what a driver records of them.

use anyhow::{Result, bail};
use clap::Parser;
use saker_live::harness::{recorder, run, scene};
use saker_live::{cases, harness::Case};

/// Makes system calls with known arguments and compares what a driver records of them. Needs root.
#[derive(Parser)]
struct Arguments {
    /// `kmod`, `ebpf`, or both with a comma between: then their records must be the same.
    #[arg(long, value_delimiter = ',', default_value = "ebpf")]
    driver: Vec<String>,
    /// Record the whole machine, not only a cgroup of our own. For test VMs.
    #[arg(long)]
    unscoped: bool,
    /// Ask the driver for these calls only, and not for all: it is ready sooner. `close_range` always is among them.
    #[arg(long, value_delimiter = ',')]
    calls: Vec<String>,
    /// Only cases whose name has one of these in it.
    filter: Vec<String>,
    /// Print the names of the cases.
    #[arg(long)]
    list: bool,
    /// Print the records of all cases.
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wanted = |case: &&Case| {
        arguments.filter.is_empty() || arguments.filter.iter().any(|part| case.name.contains(part))
    };
    let all = cases::all();
    let cases: Vec<Case> = all.iter().filter(wanted).copied().collect();
    if arguments.list {
        cases.iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    }
    if cases.is_empty() {
        bail!("no case has that in its name; --list shows them");
    }
    let scope = if arguments.unscoped { None } else { Some(scene::Scope::enter()?) };
    let (id, level) = scope.as_ref().map_or((0, 0), |scope| (scope.id, scope.level));
    let mut interest = recorder::everything(id, level);
    if !arguments.calls.is_empty() {
        recorder::only(&mut interest, &arguments.calls);
    }
    let options = run::Options { interest, verbose: arguments.verbose };
    let mut sources = arguments.driver.iter().map(|name| recorder::open(name)).collect::<Result<Vec<_>>>()?;
    scene::set()?;
    let tally = run::run(&cases, &mut sources, &options)?;
    drop(sources);
    drop(scope);
    if tally.skipped != 0 {
        println!("{} skipped", tally.skipped);
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed != 0 {
        std::process::exit(1);
    }
    Ok(())
}
