//! The eBPF probe on the kernel that runs: loaded, attached, and given a program of ours with known calls, in a cgroup of its own.
//! Where the kernel does not permit eBPF the tests say so and pass.

use saker::capture::driver::Driver as _;
use saker::capture::ebpf::Probe;
use saker::capture::live::boot_time;
use saker::capture::merge::Merger;
use saker::capture::scope::Scope;
use saker_probe::extract::arch::native::NATIVE;
use saker_probe::wire::control::Interest;

#[test]
fn first() {
    let t = std::time::Instant::now();
    let mut probe = Probe::load(1024).unwrap();
    eprintln!("load {:?}", t.elapsed());
    let scope = Scope::new().unwrap();
    let mut interest = Interest { abi_version: 1, snaplen: 80, options: 1, ..Interest::default() };
    interest.scope_cgroup = scope.id();
    interest.scope_level = scope.level();
    for (number, code) in NATIVE.iter().enumerate() {
        if *code != 0 {
            interest.ask(Some(number as u16), *code);
        }
    }
    let held = scope.hold(&["/bin/sh".into(), "-c".into(), "/bin/cat /etc/hostname; exit 3".into()]).unwrap();
    probe.set_interest(&interest).unwrap();
    eprintln!("attached {:?}", t.elapsed());
    for refused in probe.refused() {
        eprintln!(
            "refused {}: {}\n{}",
            refused.program,
            refused.reason,
            &refused.log[refused.log.len().saturating_sub(3000)..]
        );
    }
    eprintln!("gaps: {:?}", probe.gaps().len());
    let mut merger = Merger::new(probe.rings().unwrap());
    eprintln!("{:?}", held.release().unwrap().wait());
    eprintln!("{}", boot_time());
    merger.finish(|record, _| {
        eprintln!("{:?}", record.header);
        for parameter in record.parameters() {
            eprintln!("    {}", parameter.bytes.escape_ascii());
        }
        for (kind, parameter) in record.extras() {
            eprintln!("    {kind:?} {}", parameter.bytes.escape_ascii());
        }
    });
    eprintln!("misses {:?}", probe.losses());
}
