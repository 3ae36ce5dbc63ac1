//! The kernel module as a driver: its device, its rings, its interest.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use saker_probe::wire::ABI_VERSION;
use saker_probe::wire::control::Interest;
use saker_probe::wire::control::device::{self, PART_PRODUCER, PART_READER, Setup, Version, mmap_offset};
use saker_probe::wire::record::SLOT_SIZE;
use saker_probe::wire::ring::{PAGE_SIZE, SLACK_SIZE};

use super::driver::{Driver, DriverError};
use super::mapping::Mapping;
use super::ring::{Parts, Ring};

nix::ioctl_read!(ioctl_version, b'S', 0, Version);
nix::ioctl_write_ptr!(ioctl_setup, b'S', 1, Setup);
nix::ioctl_write_ptr!(ioctl_interest, b'S', 2, Interest);

/// The opened device.
pub struct Kmod {
    device: File,
    cpus: u32,
    slots: u64,
}

impl Kmod {
    /// Opens the device and makes rings with so many slots for each CPU.
    ///
    /// # Errors
    /// If the module is not loaded, may not be used, speaks another version, or has no room for the rings.
    pub fn open(slots: u64) -> Result<Kmod, DriverError> {
        Kmod::open_at(Path::new(device::PATH), slots)
    }

    fn open_at(path: &Path, slots: u64) -> Result<Kmod, DriverError> {
        let shown = path.display();
        let device =
            OpenOptions::new().read(true).write(true).open(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => DriverError::new("the kernel module is not loaded")
                    .remedy("load it with `modprobe saker`"),
                io::ErrorKind::PermissionDenied => DriverError::new(format!("{shown} may not be opened"))
                    .remedy("run as root, or give the agent CAP_PERFMON and the device to its user"),
                _ => DriverError::new(format!("{shown}: {error}")),
            })?;
        let mut version = Version::default();
        // SAFETY: the request writes a `Version`, and that is what it gets.
        unsafe { ioctl_version(device.as_raw_fd(), &mut version) }.map_err(|error| {
            DriverError::new(format!("{shown} does not answer as the module does: {error}"))
        })?;
        check_version(version.abi_version)?;
        let setup = Setup { abi_version: ABI_VERSION, reserved: 0, slots };
        // SAFETY: the request reads a `Setup`, and that is what it gets.
        unsafe { ioctl_setup(device.as_raw_fd(), &setup) }.map_err(|error| setup_error(error, slots))?;
        Ok(Kmod { device, cpus: version.cpus, slots })
    }

    fn ring(&self, cpu: u32) -> io::Result<Ring> {
        let slots = self.slots as usize * SLOT_SIZE;
        let reader = Mapping::new(&self.device, mmap_offset(cpu, PART_READER), PAGE_SIZE, true)?;
        let length = PAGE_SIZE + slots + SLACK_SIZE;
        let producer = Mapping::new(&self.device, mmap_offset(cpu, PART_PRODUCER), length, false)?;
        let parts = (|| {
            Some(Parts {
                reader: reader.at(0)?,
                producer: producer.at(0)?,
                data: producer.at(PAGE_SIZE)?,
                slots: self.slots,
            })
        })();
        let parts = parts.ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: the module maps these parts with these sizes (`wire::control::device`), and the ring keeps both mappings.
        let ring = unsafe { Ring::new(parts, Arc::new((reader, producer))) };
        ring.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

/// Refuses a module that was built for another agent.
fn check_version(module: u32) -> Result<(), DriverError> {
    if module == ABI_VERSION {
        return Ok(());
    }
    Err(DriverError::new(format!(
        "the loaded module speaks version {module}, this agent version {ABI_VERSION}"
    ))
    .remedy("install the module that came with this agent and load it: `modprobe -r saker; modprobe saker`"))
}

fn setup_error(error: Errno, slots: u64) -> DriverError {
    let size = (slots as usize * SLOT_SIZE) >> 20;
    match error {
        Errno::ENOMEM => DriverError::new(format!("there is no memory for rings of {size} MiB for each CPU"))
            .remedy("ask for smaller ones with `engine.kmod.buf_size_preset`"),
        Errno::EUSERS => DriverError::new("the module has as many consumers as it can serve")
            .remedy("end one of the other agents, traces or recordings"),
        Errno::EINVAL => DriverError::new(format!("rings cannot have {slots} slots")),
        error => DriverError::new(format!("the module cannot make rings: {error}")),
    }
}

impl Driver for Kmod {
    fn name(&self) -> &'static str {
        "kmod"
    }

    fn rings(&self) -> Result<Vec<Ring>, DriverError> {
        let rings = (0..self.cpus).map(|cpu| self.ring(cpu)).collect::<io::Result<_>>();
        rings.map_err(|error| DriverError::new(format!("the module's rings cannot be mapped: {error}")))
    }

    fn set_interest(&mut self, interest: &Interest) -> Result<(), DriverError> {
        // SAFETY: the request reads an `Interest`, and that is what it gets.
        unsafe { ioctl_interest(self.device.as_raw_fd(), interest) }.map_err(|error| {
            DriverError::new(format!("the module does not take what it shall record: {error}"))
        })?;
        Ok(())
    }

    fn wait(&self, timeout: Duration) {
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO);
        // Woken early or by a signal: both only mean to look at the rings now.
        let _ = poll(&mut [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)], timeout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_are_those_of_the_module() {
        use nix::sys::ioctl::ioctl_num_type;
        let read = nix::request_code_read!(b'S', 0, size_of::<Version>());
        let setup = nix::request_code_write!(b'S', 1, size_of::<Setup>());
        let interest = nix::request_code_write!(b'S', 2, size_of::<Interest>());
        assert_eq!(
            [read, setup, interest],
            [device::VERSION, device::SETUP, device::INTEREST].map(|request| request as ioctl_num_type)
        );
    }

    #[test]
    fn errors_say_what_to_do() {
        let open = |path: &Path| Kmod::open_at(path, 1 << 16).err().map(|error| error.to_string()).unwrap();
        insta::assert_snapshot!(open(Path::new("/dev/no saker")), @"the kernel module is not loaded (load it with `modprobe saker`)");
        assert!(open(Path::new("/dev/null")).contains("/dev/null does not answer as the module does"));
        assert!(check_version(ABI_VERSION).is_ok());
        let other = check_version(ABI_VERSION + 1).unwrap_err().to_string();
        assert!(other.contains("modprobe -r saker"), "{other}");
        insta::assert_snapshot!(setup_error(Errno::ENOMEM, 1 << 16), @"there is no memory for rings of 8 MiB for each CPU (ask for smaller ones with `engine.kmod.buf_size_preset`)");
    }
}
