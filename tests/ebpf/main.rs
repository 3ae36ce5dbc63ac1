//! The eBPF probe on the kernel that runs: loaded, attached, and given a program of ours with known calls, in a cgroup of its own.
//! Where the kernel does not permit eBPF the tests say so and pass.

use saker::capture::ebpf::Probe;
use saker::capture::scope::Scope;
use saker_probe::extract::arch::native::NATIVE;
use saker_probe::wire::control::Interest;
use saker_probe::wire::record::Record;

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
    let held = scope.hold(&["/bin/cat".into(), "/etc/hostname".into()]).unwrap();
    probe.set_interest(&interest).unwrap();
    eprintln!("attached {:?}", t.elapsed());
    for refused in probe.refused() {
        eprintln!("refused {}: {}\n{}", refused.program, refused.reason, &refused.log[refused.log.len().saturating_sub(3000)..]);
    }
    eprintln!("absent: {:?}", probe.absent());
    eprintln!("{:?}", held.release().unwrap().wait());
    for ring in probe.rings() {
        let head = unsafe { ring.page.cast::<u64>().read_volatile() };
        let mut at = 0;
        while at < head {
            let place = (at % ring.slots) as usize * 128;
            let bytes = unsafe { std::slice::from_raw_parts(ring.data.add(place).as_ptr(), 65536) };
            let record = Record::decode(bytes).unwrap();
            at += u64::from(record.header.slots);
            eprintln!("{:?}", record.header);
            for parameter in record.parameters() {
                eprintln!("    {}", parameter.bytes.escape_ascii());
            }
            for (kind, parameter) in record.extras() {
                eprintln!("    {kind:?} {}", parameter.bytes.escape_ascii());
            }
        }
    }
    eprintln!("misses {:?}", probe.recursion_misses());
}
