//! What a hostile reader or program does to a driver.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saker_live::args;
use saker_live::calls::native;
use saker_live::harness::recorder;
use saker_probe::wire::ABI_VERSION;
use saker_probe::wire::control::device::{self, PART_PRODUCER, PART_READER, Setup, Version, mmap_offset};
use saker_probe::wire::control::option;
use saker_probe::wire::record::SLOT_SIZE;
use saker_probe::wire::ring::{PAGE_SIZE, SLACK_SIZE, SLOTS_MIN};

/// Maps all that the module lets be mapped, and writes everything that a page can hold into every page that can be written,
/// while calls are recorded. The kernel's pages must not be writable, by no way.
pub(crate) fn scribble() -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(device::PATH).context(device::PATH)?;
    let fd = file.as_raw_fd();
    let mut version = Version::default();
    ensure!(native(libc::SYS_ioctl, &args![fd, device::VERSION, &raw mut version]) == 0, "VERSION");
    let setup = Setup { abi_version: ABI_VERSION, reserved: 0, slots: SLOTS_MIN };
    ensure!(native(libc::SYS_ioctl, &args![fd, device::SETUP, &raw const setup]) == 0, "SETUP");
    let interest = recorder::everything(0, 0);
    ensure!(native(libc::SYS_ioctl, &args![fd, device::INTEREST, &raw const interest]) == 0, "INTEREST");

    let both = libc::PROT_READ | libc::PROT_WRITE;
    let map = |part, cpu, length: usize, protection: i32| {
        native(libc::SYS_mmap, &args![0, length, protection, libc::MAP_SHARED, fd, mmap_offset(cpu, part)])
    };
    let producer = PAGE_SIZE + SLOTS_MIN as usize * SLOT_SIZE + SLACK_SIZE;
    let mut pages = Vec::new();
    for cpu in 0..version.cpus {
        ensure!(map(PART_PRODUCER, cpu, producer, both) < 0, "the producer's part can be mapped for writing");
        let read_only = map(PART_PRODUCER, cpu, producer, libc::PROT_READ);
        ensure!(read_only > 0, "the producer's part cannot be mapped");
        ensure!(
            native(libc::SYS_mprotect, &args![read_only, producer, both]) < 0,
            "the producer's part can be made writable"
        );
        ensure!(map(PART_READER, cpu, 2 * PAGE_SIZE, both) < 0, "more than the reader's page can be mapped");
        let reader = map(PART_READER, cpu, PAGE_SIZE, both);
        ensure!(reader > 0, "the reader's page cannot be mapped");
        pages.push(reader);
    }
    let patterns =
        [0_u64, 1, u64::MAX, i64::MAX as u64, SLOTS_MIN, SLOTS_MIN - 1, 1 << 32, 0x5a5a_5a5a_5a5a_5a5a];
    for round in 0..2_000_u64 {
        for page in &pages {
            for word in 0..PAGE_SIZE / 8 {
                let value = patterns[(round as usize + word) % patterns.len()].wrapping_mul(round | 1);
                // SAFETY: a word inside of the page.
                let word = unsafe { (*page as *mut u64).add(word) };
                // SAFETY: the page was mapped for writing above.
                unsafe { std::ptr::write_volatile(word, value) };
            }
        }
        native(libc::SYS_openat, &args![-1, c"scribble", libc::O_RDONLY, 0]);
    }
    println!("{} pages scribbled over 2000 times", pages.len());
    Ok(())
}

/// Calls whose arguments lie in a page that nobody gives. What the kernel refuses before it looks (no descriptor) must come
/// back at once: a driver that fetched the page would wait for ever.
pub(crate) fn userfaultfd() -> Result<()> {
    let fault = native(libc::SYS_userfaultfd, &args![0]);
    ensure!(fault >= 0, "userfaultfd: {}", std::io::Error::from_raw_os_error(-fault as i32));
    // UFFDIO_API: api, features, ioctls.
    let mut api = [0xaa_u64, 0, 0];
    ensure!(native(libc::SYS_ioctl, &args![fault, 0xc018_aa3f_u64, api.as_mut_ptr()]) == 0, "UFFDIO_API");
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let page = native(libc::SYS_mmap, &args![0, 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0]);
    // UFFDIO_REGISTER: start, length, mode (missing pages), ioctls.
    let mut register = [page as u64, 4096, 1, 0];
    ensure!(
        native(libc::SYS_ioctl, &args![fault, 0xc020_aa00_u64, register.as_mut_ptr()]) == 0,
        "UFFDIO_REGISTER"
    );
    come_back(page)
}

/// The same with a page of a mapped file, whose file system never answers when it is read.
pub(crate) fn fuse() -> Result<()> {
    let place = std::env::temp_dir().join("saker-stress-fuse");
    std::fs::create_dir_all(&place)?;
    let mounted = fuser::spawn_mount(Silent::default(), &place, &fuser::Config::default());
    let mounted = mounted.with_context(|| format!("FUSE at {}", place.display()))?;
    let file = OpenOptions::new().read(true).open(place.join("file"))?;
    let page =
        native(libc::SYS_mmap, &args![0, 4096, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0]);
    ensure!(page > 0, "mmap: {}", std::io::Error::from_raw_os_error(-page as i32));
    let result = come_back(page);
    native(libc::SYS_munmap, &args![page, 4096]);
    drop(file);
    drop(mounted);
    result
}

/// A file system with one file, reads of which get no answer.
#[derive(Default)]
struct Silent {
    /// An answer that is dropped would be an error to the reader.
    owed: std::sync::Mutex<Vec<fuser::ReplyData>>,
}

impl Silent {
    fn attributes(ino: fuser::INodeNo) -> fuser::FileAttr {
        let root = ino == fuser::INodeNo::ROOT;
        let time = std::time::UNIX_EPOCH;
        fuser::FileAttr {
            ino,
            size: 4096,
            blocks: 8,
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind: if root { fuser::FileType::Directory } else { fuser::FileType::RegularFile },
            perm: 0o755,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        }
    }
}

impl fuser::Filesystem for Silent {
    fn lookup(&self, _: &fuser::Request, _: fuser::INodeNo, _: &std::ffi::OsStr, reply: fuser::ReplyEntry) {
        reply.entry(&Duration::from_secs(60), &Silent::attributes(fuser::INodeNo(2)), fuser::Generation(0));
    }

    fn getattr(
        &self,
        _: &fuser::Request,
        ino: fuser::INodeNo,
        _: Option<fuser::FileHandle>,
        reply: fuser::ReplyAttr,
    ) {
        reply.attr(&Duration::from_secs(60), &Silent::attributes(ino));
    }

    fn read(
        &self,
        _: &fuser::Request,
        _: fuser::INodeNo,
        _: fuser::FileHandle,
        _: u64,
        _: u32,
        _: fuser::OpenFlags,
        _: Option<fuser::LockOwner>,
        reply: fuser::ReplyData,
    ) {
        if let Ok(mut owed) = self.owed.lock() {
            owed.push(reply);
        }
    }
}

/// Makes calls that the kernel refuses before it looks at the page that they point to.
fn come_back(page: i64) -> Result<()> {
    // The kernel ends us if we hang.
    native(libc::SYS_alarm, &args![20]);
    let refused = [
        native(libc::SYS_write, &args![-1, page, 100]),
        native(libc::SYS_writev, &args![-1, page, 4]),
        native(libc::SYS_sendto, &args![-1, page, 10, 0, page, 16]),
        native(libc::SYS_sendmsg, &args![-1, page, 0]),
        native(libc::SYS_connect, &args![-1, page, 0xffff]),
        native(libc::SYS_bind, &args![-1, page, 0xffff]),
        native(libc::SYS_setsockopt, &args![-1, 1, 20, page, 16]),
        native(libc::SYS_pwrite64, &args![-1, page, 10, 0]),
    ];
    ensure!(refused.iter().all(|result| *result < 0), "a call on no descriptor succeeded: {refused:?}");
    native(libc::SYS_alarm, &args![0]);
    println!("{} calls came back", refused.len());
    Ok(())
}

/// Records these calls, or everything, and reads nothing, until it is killed.
pub(crate) fn abandon(driver: &str, slots: u64, calls: &[String], paths: bool) -> Result<()> {
    let mut source = recorder::open_with(driver, slots)?;
    let mut interest = recorder::everything(0, 0);
    if !calls.is_empty() {
        recorder::only(&mut interest, calls);
    }
    if !paths {
        interest.options &= !option::PATHS;
    }
    source.ask(&interest)?;
    println!("recording");
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}
