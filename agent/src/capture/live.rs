//! Live capture: the records of a driver become the events that captures have, too.
//!
//! ```text
//! rings -> merge -> decode: number, wall clock, parameters, cgroups, facts -> Event
//! ```

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use saker_probe::extract::calls::generic_parameters;
use saker_probe::wire::event::{CGROUP_MKDIR, CGROUP_RMDIR, INTERNAL};
use saker_probe::wire::record::{Extra, Parameter, Record, flag};

use super::cgroup::{Cgroups, Hierarchy};
use super::driver::{Driver, DriverError};
use super::merge::Merger;
use super::proc::ProcRoot;
use crate::containers::{Watch, WatchCounters};
use crate::event::{Credentials, EVENTS, Event, EventId, Facts, KernelPath, ParamsBuf, id};

/// Nanoseconds by which the wall clock may go away from the clock that orders events before it is read again: it was set
/// then.
const CLOCK_STEP: u64 = 1_000_000;
/// How many records are taken at a time.
const BATCH: usize = 4096;
/// The longest that records may wait while little happens.
const SLEEP_MAX: Duration = Duration::from_millis(20);
/// The shortest sleep.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// What the decoder noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LiveCounters {
    /// Events given out.
    pub events: u64,
    /// Records of an event that this version does not know.
    pub unknown_events: u64,
    /// Records of our own kind with parameters that make no sense.
    pub malformed: u64,
}

/// Events from a driver.
pub struct Live {
    merger: Merger,
    cgroups: Cgroups,
    clock: WallClock,
    params: ParamsBuf,
    counters: LiveCounters,
    sleep: Duration,
    watch: Option<Watch>,
}

impl Live {
    /// Takes the rings of a driver. The host's cgroups are read now: before that the driver must record.
    ///
    /// # Errors
    /// If the rings cannot be mapped.
    pub fn new(driver: &dyn Driver, hierarchy: Hierarchy) -> Result<Live, DriverError> {
        Ok(Live {
            merger: Merger::new(driver.rings()?),
            cgroups: Cgroups::scan(hierarchy),
            clock: WallClock::new(),
            params: ParamsBuf::default(),
            counters: LiveCounters::default(),
            sleep: SLEEP_MIN,
            watch: None,
        })
    }

    /// Has containers looked up: those that there are, and all that begin from now on.
    pub fn watch_containers(&mut self, mut watch: Watch) {
        self.cgroups.paths().for_each(|(id, path)| watch.cgroup_made(id, path));
        self.watch = Some(watch);
    }

    /// The containers that are looked up.
    pub fn containers(&mut self) -> Option<&mut Watch> {
        self.watch.as_mut()
    }

    /// What was noticed of the containers that are looked up.
    pub fn container_counters(&self) -> WatchCounters {
        self.watch.as_ref().map(Watch::counters).unwrap_or_default()
    }

    /// An event that no driver recorded, of now.
    pub fn own_event(&mut self, id: EventId, params: &ParamsBuf, look: impl FnOnce(&Event<'_>)) {
        self.counters.events += 1;
        look(&Event::new(self.counters.events, self.clock.wall(boot_time()), -1, 0, id, 0, params.params()));
    }

    /// Hands out what has happened, in order. Returns how many records there were.
    pub fn poll(&mut self, mut look: impl FnMut(&Event<'_>)) -> usize {
        self.clock.read();
        let Live { merger, cgroups, clock, params, counters, watch, .. } = self;
        merger.drain(boot_time, BATCH, |record, time| {
            let known = Known { cgroups, watch };
            decode(record, clock.wall(time), known, params, counters, &mut look);
        })
    }

    /// Hands out all that is left, after the driver has stopped.
    pub fn finish(&mut self, mut look: impl FnMut(&Event<'_>)) -> usize {
        let Live { merger, cgroups, clock, params, counters, watch, .. } = self;
        merger.finish(|record, time| {
            let known = Known { cgroups, watch };
            decode(record, clock.wall(time), known, params, counters, &mut look);
        })
    }

    /// Sleeps a while after [`Live::poll`] gave out so many records: longer, the less happens.
    pub fn rest(&mut self, driver: &dyn Driver, records: usize) {
        if records >= BATCH {
            self.sleep = SLEEP_MIN;
            return;
        }
        self.sleep = if records > BATCH / 8 { SLEEP_MIN } else { (self.sleep * 2).min(SLEEP_MAX) };
        driver.wait(self.sleep);
    }

    /// The time of day at which the clock of the records says so.
    pub fn wall(&self, boot_time: u64) -> u64 {
        self.clock.wall(boot_time)
    }

    /// The rings.
    pub fn merger(&self) -> &Merger {
        &self.merger
    }

    /// What was noticed.
    pub fn counters(&self) -> LiveCounters {
        self.counters
    }

    /// Cgroups for which there was no room.
    pub fn cgroups_refused(&self) -> u64 {
        self.cgroups.refused
    }
}

/// The hierarchy of cgroups that is followed on this host.
pub fn hierarchy(root: &ProcRoot) -> Hierarchy {
    Hierarchy::find(root.root())
}

/// The cgroups, and those of them that are of containers.
struct Known<'l> {
    cgroups: &'l mut Cgroups,
    watch: &'l mut Option<Watch>,
}

/// Makes an event of a record, or takes in what it tells of cgroups.
fn decode(
    record: &Record<'_>,
    wall: u64,
    known: Known<'_>,
    params: &mut ParamsBuf,
    counters: &mut LiveCounters,
    look: &mut impl FnMut(&Event<'_>),
) {
    let header = &record.header;
    if header.event >= INTERNAL {
        if matches!(header.event, CGROUP_MKDIR | CGROUP_RMDIR) {
            cgroup(record, known, counters);
        }
        return;
    }
    let id = EventId(header.event);
    let Some(info) = EVENTS.get(usize::from(header.event)) else {
        counters.unknown_events += 1;
        return;
    };
    params.clear();
    let generic = generic_parameters(header);
    for parameter in generic.iter().flatten() {
        params.push(parameter);
    }
    let cgroups_at = cgroups_param(id);
    for (index, parameter) in record.parameters().take(info.params.len()).enumerate() {
        if Some(index) == cgroups_at && parameter.bytes.is_empty() {
            params.push(known.cgroups.text(header.cgroup));
        } else {
            params.push(parameter.bytes);
        }
    }
    // What a full record had no room for has no value; an event has all its parameters.
    while params.len() < info.params.len() {
        params.push(b"");
    }
    counters.events += 1;
    let mut facts = facts(record);
    facts.awaited = known.watch.as_ref().is_some_and(|watch| watch.waits(header.cgroup));
    let event = Event::new(counters.events, wall, i64::from(header.tid), header.cpu, id, 0, params.params());
    look(&event.with_facts(&facts));
}

/// The parameter with the cgroups of a thread, which drivers leave empty: the header has the cgroup's id.
fn cgroups_param(event: EventId) -> Option<usize> {
    matches!(
        event,
        id::SYSCALL_CLONE_20_X
            | id::SYSCALL_CLONE3_X
            | id::SYSCALL_FORK_20_X
            | id::SYSCALL_VFORK_20_X
            | id::SYSCALL_EXECVE_19_X
            | id::SYSCALL_EXECVEAT_X
    )
    .then_some(14)
}

/// What the header and the extras of a record tell beyond the schema.
fn facts<'r>(record: &Record<'r>) -> Facts<'r> {
    let header = &record.header;
    let mut facts = Facts {
        tgid: header.tgid,
        start_time: header.start_time,
        cgroup: header.cgroup,
        io_uring: header.flags & flag::IO_URING != 0,
        ..Facts::default()
    };
    for (kind, extra) in record.extras() {
        match kind {
            Extra::FilePath => facts.file = kernel_path(extra),
            Extra::DirectoryPath => facts.directory = kernel_path(extra),
            Extra::SecondDirectoryPath => facts.second_directory = kernel_path(extra),
            Extra::WorkingDirectory => facts.working_directory = kernel_path(extra),
            Extra::Credentials => facts.credentials = credentials(extra.bytes),
        }
    }
    facts
}

fn kernel_path(extra: Parameter<'_>) -> Option<KernelPath<'_>> {
    let (flags, path) = extra.bytes.split_first_chunk()?;
    Some(KernelPath { flags: u32::from_le_bytes(*flags), path: path.strip_suffix(b"\0").unwrap_or(path) })
}

fn credentials(bytes: &[u8]) -> Option<Credentials> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let [uid, gid, euid, egid, suid, sgid, fsuid, fsgid] = *<&[[u8; 4]; 8]>::try_from(numbers).ok()?;
    rest.is_empty().then(|| Credentials {
        uid: u32::from_le_bytes(uid),
        gid: u32::from_le_bytes(gid),
        euid: u32::from_le_bytes(euid),
        egid: u32::from_le_bytes(egid),
        suid: u32::from_le_bytes(suid),
        sgid: u32::from_le_bytes(sgid),
        fsuid: u32::from_le_bytes(fsuid),
        fsgid: u32::from_le_bytes(fsgid),
    })
}

/// A cgroup was made or removed. Other hierarchies have the same ids for other cgroups.
fn cgroup(record: &Record<'_>, known: Known<'_>, counters: &mut LiveCounters) {
    let mut parameters = record.parameters().map(|parameter| parameter.bytes);
    let mut next = || parameters.next().unwrap_or_default();
    let (hierarchy, id, path) = (next().try_into(), next().try_into(), next());
    let (Ok(hierarchy), Ok(id)) = (hierarchy.map(u32::from_le_bytes), id.map(u64::from_le_bytes)) else {
        counters.malformed += 1;
        return;
    };
    if hierarchy != known.cgroups.hierarchy().id {
        return;
    }
    match record.header.event {
        CGROUP_MKDIR => {
            let path = path.strip_suffix(b"\0").unwrap_or(path);
            known.cgroups.add(id, path);
            if let Some(watch) = known.watch {
                watch.cgroup_made(id, path);
            }
        }
        CGROUP_RMDIR => {
            known.cgroups.remove(id);
            if let Some(watch) = known.watch {
                watch.cgroup_removed(id);
            }
        }
        _ => {}
    }
}

/// Nanoseconds since boot, sleep included: the clock of records.
pub fn boot_time() -> u64 {
    nanoseconds(ClockId::CLOCK_BOOTTIME)
}

fn nanoseconds(clock: ClockId) -> u64 {
    // Neither clock can fail on a kernel that we run on; zero would only delay what is given out.
    let Ok(time) = clock_gettime(clock) else { return 0 };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec()).unwrap_or(0))
}

/// Turns the time since boot into the time of day. The difference stays as it is until the clock is set, so that it does
/// not disturb the order of events.
struct WallClock {
    /// The time of day at boot, nanoseconds since the epoch.
    boot: u64,
}

impl WallClock {
    fn new() -> Self {
        WallClock { boot: WallClock::difference() }
    }

    fn difference() -> u64 {
        nanoseconds(ClockId::CLOCK_REALTIME).saturating_sub(boot_time())
    }

    fn read(&mut self) {
        let now = WallClock::difference();
        if now.abs_diff(self.boot) > CLOCK_STEP {
            self.boot = now;
        }
    }

    fn wall(&self, time: u64) -> u64 {
        self.boot.saturating_add(time)
    }
}

#[cfg(test)]
mod tests {
    use saker_probe::wire::record::Header;

    use super::super::ring::tests::{Producer, ring};
    use super::*;

    fn live() -> (Producer, Live, tempfile::TempDir) {
        let host = tempfile::tempdir().unwrap();
        let root = host.path().join("sys/fs/cgroup");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("cgroup.controllers"), "cpu").unwrap();
        let (producer, ring) = ring();
        let live = Live {
            merger: Merger::new(vec![ring]),
            cgroups: Cgroups::scan(Hierarchy::find(host.path())),
            clock: WallClock { boot: 1_000_000 },
            params: ParamsBuf::default(),
            counters: LiveCounters::default(),
            sleep: SLEEP_MIN,
            watch: None,
        };
        (producer, live, host)
    }

    fn header(event: EventId) -> Header {
        Header { event: event.0, tid: 7, tgid: 6, cgroup: 99, ..Header::default() }
    }

    #[test]
    fn a_record_becomes_an_event() {
        let (producer, mut live, _host) = live();
        let extra = [&[1, 1, 0, 0, 0][..], b"/real\0"].concat();
        let open = Header { extras: 1, flags: flag::IO_URING, ..header(id::SYSCALL_OPEN_X) };
        let fd = 3_i64.to_le_bytes();
        producer.record(open, &[&fd, b"/claimed\0", &extra]).unwrap();
        let mut seen = 0;
        live.finish(|event| {
            seen += 1;
            assert_eq!((event.num, event.ts, event.tid, event.id), (1, 1_000_101, 7, id::SYSCALL_OPEN_X));
            assert_eq!((event.param_i64(0), event.param_str(1)), (Some(3), Some(&b"/claimed"[..])));
            assert_eq!(event.param_count(), 6, "what is missing has no value");
            assert_eq!(event.param(5), Some(&b""[..]));
            let facts = event.facts.unwrap();
            assert!(facts.io_uring && facts.tgid == 6);
            assert_eq!(facts.file, Some(KernelPath { flags: 1, path: b"/real" }));
        });
        assert_eq!(seen, 1);
    }

    #[test]
    fn cgroups_are_filled_in_from_what_was_made_meanwhile() {
        let (producer, mut live, _host) = live();
        let numbers: Vec<&[u8]> = vec![b""; 21];
        producer.record(header(id::SYSCALL_CLONE_20_X), &numbers).unwrap();
        let made = Header { event: CGROUP_MKDIR, ..Header::default() };
        let cgroup = 99_u64.to_le_bytes();
        producer.record(made, &[&[0; 4], &cgroup, b"/docker/x\0"]).unwrap();
        producer.record(made, &[&[1, 0, 0, 0], &cgroup, b"/of another hierarchy\0"]).unwrap();
        producer.record(made, &[b"short"]).unwrap();
        producer.record(header(id::SYSCALL_CLONE_20_X), &numbers).unwrap();
        let mut seen = Vec::new();
        live.finish(|event| seen.push(event.param(14).unwrap().to_vec()));
        assert_eq!(seen, [&b""[..], b"cpu=/docker/x\0"]);
        assert_eq!(live.counters().malformed, 1);
    }

    #[test]
    fn events_newer_than_the_table_are_counted() {
        let (producer, mut live, _host) = live();
        producer.record(header(EventId(5000)), &[]).unwrap();
        live.finish(|_| panic!("not an event"));
        assert_eq!(live.counters().unknown_events, 1);
    }

    #[test]
    fn the_parameter_with_cgroups_is_where_the_table_says() {
        for row in EVENTS.iter().filter(|row| cgroups_param(row.id).is_some()) {
            assert_eq!(row.params[14].name, "cgroups", "{}", row.constant);
        }
    }
}
