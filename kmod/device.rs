// SPDX-License-Identifier: GPL-2.0
//! `/dev/saker`: each time it is opened there may be a consumer more. See [`crate::wire::control::device`] for what it takes.
//!
//! `kernel::miscdevice` sets no owner (so a close after `rmmod` would run code that is gone) and has no `poll`; the device's
//! functions stand here as the kernel calls them.

use crate::consumer::{self, Consumer, Rings, Waker, CONSUMERS_MAX};
use crate::headers::{self, file, inode, miscdevice, poll_table_struct, vm_area_struct};
use crate::tracepoints::Registered;
use crate::wire::control::device::{Setup, Version, INTEREST, PART_PRODUCER, PART_READER, SETUP, VERSION};
use crate::wire::control::{Interest, SNAPLEN_MAX};
use crate::wire::ring::{SLOTS_MAX, SLOTS_MIN};
use crate::wire::ABI_VERSION;
use core::ptr::NonNull;
use kernel::error::to_result;
use kernel::mm::virt::{flags, VmaNew};
use kernel::prelude::*;
use kernel::transmute::FromBytes;

/// What belongs to an open file of the device. All but the waker is read and written under [`CONTROL`].
struct Session {
    rings: Option<Rings>,
    /// What was asked for last.
    interest: Option<Interest>,
    waker: Waker,
}

/// All that is changed by what agents do.
struct Control {
    sessions: [Option<NonNull<Session>>; CONSUMERS_MAX],
    hooks: Registered,
}

// SAFETY: the sessions are owned by their open files, and looked at under the lock.
unsafe impl Send for Control {}

kernel::sync::global_lock! {
    // SAFETY: `init` is the first thing that the module does.
    unsafe(uninit) static CONTROL: Mutex<Control> = Control {
        sessions: [None; CONSUMERS_MAX],
        hooks: Registered::none(),
    };
}

/// To be called once, before anything else of this file.
pub(crate) fn init() {
    // SAFETY: the module calls this once, first.
    unsafe { CONTROL.init() };
}

impl Control {
    /// Puts what the sessions ask for in force, and waits until nothing else is.
    fn apply(&mut self) -> Result {
        let consumers = || {
            self.sessions.iter().flatten().filter_map(|session| {
                // SAFETY: a session that is listed is alive, and this is under the lock.
                unsafe { Session::consumer(*session) }
            })
        };
        let listening = consumers().next().is_some();
        let tracepoints = consumers().fold(0, |all, consumer| all | consumer.interest.tracepoints);
        // SAFETY: this is under the lock.
        unsafe { consumer::publish(consumers()) };
        self.hooks.update(listening, tracepoints)
    }
}

impl Session {
    /// The consumer that a session is, once it has asked for something.
    ///
    /// # Safety
    ///
    /// It is alive, and the lock is held.
    unsafe fn consumer(session: NonNull<Self>) -> Option<Consumer> {
        // SAFETY: what the caller promises.
        let this = unsafe { session.as_ref() };
        Some(this.rings.as_ref()?.consumer(this.interest?, NonNull::from(&this.waker)))
    }

    /// The session of an open file.
    ///
    /// # Safety
    ///
    /// It is a file of the device, and open.
    unsafe fn of(file: *mut file) -> NonNull<Self> {
        // SAFETY: what the caller promises; `open` put it there.
        unsafe { NonNull::new_unchecked((*file).private_data.cast()) }
    }
}

// ---- what the kernel calls -------------------------------------------------------------------------------------------

/// A result as the kernel's callers want it.
fn errno(result: Result<isize>) -> isize {
    result.unwrap_or_else(|error| error.to_errno() as isize)
}

/// # Safety
///
/// As the kernel calls it.
unsafe extern "C" fn open(_inode: *mut inode, file: *mut file) -> i32 {
    let result = (|| {
        // SAFETY: asks about the current task.
        let allowed = unsafe {
            headers::capable(headers::CAP_PERFMON as _) || headers::capable(headers::CAP_SYS_ADMIN as _)
        };
        if !allowed {
            return Err(EPERM);
        }
        let mut session =
            KBox::new(Session { rings: None, interest: None, waker: Waker::new() }, GFP_KERNEL)?;
        session.waker.init();
        // SAFETY: `release` takes it back; it does not move until then.
        unsafe { (*file).private_data = KBox::into_raw(session).cast() };
        Ok(0)
    })();
    errno(result) as i32
}

/// # Safety
///
/// As the kernel calls it.
unsafe extern "C" fn release(_inode: *mut inode, file: *mut file) -> i32 {
    // SAFETY: the file is being closed.
    let session = unsafe { Session::of(file) };
    {
        let mut control = CONTROL.lock();
        let mut listed = false;
        for place in control.sessions.iter_mut().filter(|place| **place == Some(session)) {
            *place = None;
            listed = true;
        }
        if listed {
            // Whatever becomes of the hooks, the session is not in force any more.
            let _ = control.apply();
        }
    }
    // SAFETY: `open` made it, and no hook has it any more: `publish` has waited.
    let session = unsafe { KBox::from_raw(session.as_ptr()) };
    session.waker.drain();
    0
}

/// # Safety
///
/// As the kernel calls it.
unsafe extern "C" fn ioctl(file: *mut file, request: u32, argument: usize) -> isize {
    // SAFETY: the file is open.
    let session = unsafe { Session::of(file) };
    errno(match request {
        VERSION => version(session, argument),
        SETUP => take::<Setup>(argument).and_then(|setup| set_up(session, setup)),
        INTEREST => take::<Interest>(argument).and_then(|interest| ask(session, interest)),
        _ => Err(ENOTTY),
    })
}

// SAFETY: numbers only, so any bytes will do.
unsafe impl FromBytes for Setup {}
// SAFETY: as above.
unsafe impl FromBytes for Interest {}

/// `EPROTO`, which the `kernel` crate does not name.
fn wrong_version() -> Error {
    Error::from_errno(-(headers::EPROTO as i32))
}

/// `EUSERS`, which the `kernel` crate does not name.
fn too_many() -> Error {
    Error::from_errno(-(headers::EUSERS as i32))
}

/// Takes an argument from user memory. (The `kernel` crate's way counts bytes with arithmetic that checks, and this module refers to
/// no panic at all.)
fn take<T: FromBytes + Copy + Default>(argument: usize) -> Result<T> {
    let mut value = T::default();
    // SAFETY: the callee checks the address; any bytes will do.
    let left = unsafe {
        headers::_copy_from_user(
            (&raw mut value).cast(),
            argument as *const _,
            core::mem::size_of::<T>() as _,
        )
    };
    if left != 0 {
        return Err(EFAULT);
    }
    Ok(value)
}

fn version(session: NonNull<Session>, argument: usize) -> Result<isize> {
    let slots = {
        let _control = CONTROL.lock();
        // SAFETY: the file is open, and the lock is held.
        unsafe { session.as_ref() }.rings.as_ref().map_or(0, |rings| rings.slots)
    };
    let version = Version { abi_version: ABI_VERSION, cpus: consumer::cpus() as u32, slots };
    // SAFETY: the callee checks the address; the numbers have no padding between them.
    let left = unsafe {
        headers::_copy_to_user(
            argument as *mut _,
            (&raw const version).cast(),
            core::mem::size_of::<Version>() as _,
        )
    };
    if left != 0 {
        return Err(EFAULT);
    }
    Ok(0)
}

fn set_up(mut session: NonNull<Session>, setup: Setup) -> Result<isize> {
    let Setup { abi_version, slots, reserved } = setup;
    if abi_version != ABI_VERSION {
        return Err(wrong_version());
    }
    if reserved != 0 || !slots.is_power_of_two() || !(SLOTS_MIN..=SLOTS_MAX).contains(&slots) {
        return Err(EINVAL);
    }
    let size = Rings::size(slots);
    if size > memory_limit() {
        pr_warn!(
            "a consumer asks for {} MiB of rings, of {} MiB at most\n",
            size >> 20,
            memory_limit() >> 20
        );
        return Err(ENOMEM);
    }
    // Outside of the lock: this takes time.
    let rings = Rings::new(slots)?;
    let mut control = CONTROL.lock();
    // SAFETY: the file is open, and the lock is held.
    let this = unsafe { session.as_mut() };
    if this.rings.is_some() {
        return Err(EBUSY);
    }
    let Some(place) = control.sessions.iter_mut().find(|place| place.is_none()) else {
        return Err(too_many());
    };
    *place = Some(session);
    this.rings = Some(rings);
    pr_info!("a consumer has {} KiB of rings\n", size >> 10);
    Ok(0)
}

/// The most bytes of rings that one consumer may have: a quarter of the machine's memory.
fn memory_limit() -> u64 {
    // SAFETY: numbers, for which zero will do.
    let mut info: headers::sysinfo = unsafe { core::mem::zeroed() };
    // SAFETY: writes to `info`.
    unsafe { headers::si_meminfo(&mut info) };
    (info.totalram as u64).saturating_mul(u64::from(info.mem_unit)) >> 2
}

fn ask(mut session: NonNull<Session>, interest: Interest) -> Result<isize> {
    if interest.abi_version != ABI_VERSION {
        return Err(wrong_version());
    }
    if interest.snaplen > SNAPLEN_MAX {
        return Err(EINVAL);
    }
    let mut control = CONTROL.lock();
    // SAFETY: the file is open, and the lock is held.
    let this = unsafe { session.as_mut() };
    if this.rings.is_none() {
        return Err(EINVAL);
    }
    let before = this.interest.replace(interest);
    if let Err(error) = control.apply() {
        this.interest = before;
        let _ = control.apply();
        return Err(error);
    }
    Ok(0)
}

/// # Safety
///
/// As the kernel calls it, under the `mmap_lock`.
unsafe extern "C" fn mmap(file: *mut file, vma: *mut vm_area_struct) -> i32 {
    // SAFETY: the file is open.
    let session = unsafe { Session::of(file) };
    // SAFETY: the kernel hands over an area that it is setting up.
    errno(unsafe { map(session, vma) }.map(|()| 0)) as i32
}

/// # Safety
///
/// `vma` is being set up.
unsafe fn map(session: NonNull<Session>, vma: *mut vm_area_struct) -> Result {
    /// A part begins every 4 GiB (`mmap_offset`); the kernel counts pages.
    const PART_SHIFT: u32 = 32 - 12;
    // SAFETY: what the caller promises.
    let offset = unsafe { (*vma).vm_pgoff } as u64;
    // SAFETY: what the caller promises.
    let area = unsafe { VmaNew::from_raw(vma.cast()) };
    let part = offset >> PART_SHIFT;
    let is_reader = match part & 1 {
        PART_READER => true,
        PART_PRODUCER => false,
        _ => return Err(EINVAL),
    };
    if offset & ((1 << PART_SHIFT) - 1) != 0 || area.flags() & flags::SHARED == 0 {
        return Err(EINVAL);
    }
    area.try_clear_mayexec()?;
    if !is_reader {
        // Nor can it be made writable later.
        area.try_clear_maywrite()?;
    }
    area.set_dontcopy();
    let _control = CONTROL.lock();
    // SAFETY: the file is open, and the lock is held.
    let rings = unsafe { session.as_ref() }.rings.as_ref().ok_or(EINVAL)?;
    let memory = rings.area((part >> 1) as usize, is_reader).ok_or(ENXIO)?;
    if area.end().wrapping_sub(area.start()) > memory.size {
        return Err(EINVAL);
    }
    // SAFETY: what the caller promises, and not larger.
    unsafe { memory.map(vma) }
}

/// # Safety
///
/// As the kernel calls it.
unsafe extern "C" fn poll(file: *mut file, table: *mut poll_table_struct) -> u32 {
    // SAFETY: the file is open.
    let session = unsafe { Session::of(file) };
    // SAFETY: the waker is used by all and changed by none.
    let waker = unsafe { &(*session.as_ptr()).waker };
    // SAFETY: null, or what the kernel hands over.
    if let Some(queue) = unsafe { table.as_ref() }.and_then(|table| table._qproc) {
        // SAFETY: `poll_wait`, which is inline: the queue outlives all who wait in it, because they hold the file.
        unsafe { queue(file, waker.queue(), table) };
    }
    waker.expect_sleeper();
    let _control = CONTROL.lock();
    // SAFETY: the file is open, and the lock is held.
    match &unsafe { session.as_ref() }.rings {
        None => headers::NUMBER_EPOLLERR as u32,
        Some(rings) if rings.is_due() => (headers::NUMBER_EPOLLIN | headers::NUMBER_EPOLLRDNORM) as u32,
        Some(_) => 0,
    }
}

// ---- registration ----------------------------------------------------------------------------------------------------

/// The registered device.
pub(crate) struct Registration {
    /// The kernel has a pointer to it, and it points to `functions`.
    device: miscdevice,
    functions: headers::file_operations,
}

// SAFETY: nothing of it is touched between registration and `drop`.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers the device of this module.
    pub(crate) fn new(module: &'static ThisModule) -> Result<Pin<KBox<Self>>> {
        // SAFETY: all zero is a device without a name, and functions of which there are none.
        let mut registration: KBox<Self> = KBox::new(unsafe { core::mem::zeroed() }, GFP_KERNEL)?;
        registration.functions = headers::file_operations {
            owner: module.as_ptr().cast(),
            open: Some(open),
            release: Some(release),
            unlocked_ioctl: Some(ioctl),
            // Numbers only, laid out alike for 32-bit programs.
            compat_ioctl: Some(ioctl),
            mmap: Some(mmap),
            poll: Some(poll),
            ..registration.functions
        };
        registration.device.minor = headers::MISC_DYNAMIC_MINOR as i32;
        registration.device.name = c"saker".as_ptr().cast();
        registration.device.fops = &raw const registration.functions;
        registration.device.mode = 0o600;
        // SAFETY: it stays where it is, in its box, until it is unregistered.
        to_result(unsafe { headers::misc_register(&raw mut registration.device) })?;
        Ok(KBox::into_pin(registration))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: `new` registered it.
        unsafe { headers::misc_deregister(&raw mut self.device) };
    }
}
