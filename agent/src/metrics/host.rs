//! What this process and the host use, from /proc. The host's files are looked for below `HOST_ROOT`, as Falco does in a
//! container.

use std::fs;
use std::path::PathBuf;

use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{SysconfVar, sysconf};

/// CPU and memory.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Utilization {
    /// Percent of one CPU that this process took since it began, with one decimal.
    pub cpu_percent: f64,
    /// Kilobytes that it has in memory.
    pub rss: u64,
    /// Kilobytes of its address space.
    pub vsz: u64,
    /// Kilobytes that it has in memory, with its share of what others have, too.
    pub pss: u64,
    /// Bytes that its container uses; 0 outside of one.
    pub container_memory: u64,
    /// Percent of all CPUs that the host took since it was booted.
    pub host_cpu_percent: f64,
    /// Kilobytes of the host's memory in use.
    pub host_memory: u64,
    /// Processes that can run.
    pub host_running: u64,
    /// Open files of the host.
    pub host_open_files: u64,
}

impl Utilization {
    /// Looks now. What cannot be found out is 0.
    pub(super) fn read() -> Utilization {
        let status = text("/proc/self/status", false);
        let meminfo = text("/proc/meminfo", true);
        let stat = text("/proc/stat", true);
        let free = ["MemFree:", "Buffers:", "Cached:"].map(|key| field(&meminfo, key)).iter().sum();
        Utilization {
            cpu_percent: cpu_percent(),
            rss: field(&status, "VmRSS:"),
            vsz: field(&status, "VmSize:"),
            pss: field(&text("/proc/self/smaps_rollup", false), "Pss:"),
            container_memory: container_memory(),
            host_cpu_percent: host_cpu_percent(&stat),
            host_memory: field(&meminfo, "MemTotal:").saturating_sub(free),
            host_running: field(&stat, "procs_running"),
            host_open_files: field(&text("/proc/sys/fs/file-nr", true), ""),
        }
    }
}

/// The text of a file of /proc, of this process or of the host.
fn text(path: &str, of_host: bool) -> String {
    let root = if of_host { std::env::var_os("HOST_ROOT").unwrap_or_default() } else { Default::default() };
    let mut whole = PathBuf::from(root).into_os_string();
    whole.push(path);
    fs::read(whole).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The first number in the line that begins with `key`.
fn field(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Nanoseconds of CPU time that this process has taken.
pub fn cpu_time() -> u64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0 };
    let nanoseconds = |time: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        seconds * 1_000_000_000 + u64::try_from(time.tv_usec()).unwrap_or(0) * 1000
    };
    nanoseconds(usage.user_time()) + nanoseconds(usage.system_time())
}

fn cpu_percent() -> f64 {
    let uptime: f64 = text("/proc/uptime", false)
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0.0);
    let stat = text("/proc/self/stat", false);
    // The name before it may hold blanks and parentheses.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let began: f64 = after_name.split_whitespace().nth(19).and_then(|word| word.parse().ok()).unwrap_or(0.0);
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    let elapsed = uptime - began / ticks;
    if elapsed <= 0.0 { 0.0 } else { one_decimal(100.0 * cpu_time() as f64 / 1e9 / elapsed) }
}

fn host_cpu_percent(stat: &str) -> f64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let times: Vec<f64> = line.split_whitespace().take(7).filter_map(|word| word.parse().ok()).collect();
    let sum: f64 = times.iter().sum();
    match times.get(3) {
        Some(idle) if sum > 0.0 => one_decimal(100.0 - idle * 100.0 / sum),
        _ => 0.0,
    }
}

fn one_decimal(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// What the cgroup's controller says: of the path in `FALCO_CGROUP_MEM_PATH`, else of where a container finds its own.
fn container_memory() -> u64 {
    let default = "/sys/fs/cgroup/memory/memory.usage_in_bytes".into();
    let path = std::env::var_os("FALCO_CGROUP_MEM_PATH").unwrap_or(default);
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let used = Utilization::read();
        assert!(
            used.rss > 0 && used.vsz >= used.rss && used.host_memory > 0 && used.host_open_files > 0,
            "{used:?}"
        );
        assert!(used.host_cpu_percent <= 100.0 && used.host_running > 0, "{used:?}");
        assert!(cpu_time() > 0);
    }

    #[test]
    fn numbers_are_found_by_their_key() {
        assert_eq!(field("a: 1\nVmRSS:\t  12 kB\n", "VmRSS:"), 12);
        assert_eq!(field("", "x"), 0);
        assert_eq!(field("77 0 99\n", ""), 77);
        assert_eq!(host_cpu_percent("cpu  10 0 10 80 0 0 0 9 9\ncpu0 1"), 20.0);
        assert_eq!(host_cpu_percent(""), 0.0);
    }
}
