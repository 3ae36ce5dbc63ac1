// SPDX-License-Identifier: GPL-2.0
//! Saker's kernel module.
//!
//! ```text
//! hooks -> wanted? -> ring: reserve -> extract (../probe) -> commit      any task, on its CPU
//! device: open, SETUP, mmap, INTEREST -> consumer table                  the agent
//! ```
//!
//! `hooks` is where records begin, `tracepoints` registers them, `recorder` makes one, `task`, `cgroup`, `file`, `socket`, `io_uring` and `user` know the kernel's objects, `pen` and
//! `ring` the memory that the agent maps; `consumer` holds who listens, `device` is how one becomes a consumer. What
//! is recorded of each call, and how it is laid out, is the probe's (`extract` and `wire`).
//!
//! What runs in hooks never sleeps, never faults and never panics: no indexing, no division, no arithmetic that checks.
//!
//! Locks: `device::CONTROL` (a mutex) is taken inside of `mmap_lock` (by `mmap`), so user memory is never touched under it; the
//! kernel's tracepoint mutex is taken inside of it. Hooks take no lock of ours.

use kernel::prelude::*;

mod alive;
mod arch;
mod calls;
mod cgroup;
mod compat;
mod consumer;
mod device;
#[path = "../probe/src/extract/mod.rs"]
pub mod extract;
mod file;
mod headers;
mod hooks;
mod io_uring;
mod pen;
mod recorder;
mod ring;
mod socket;
mod task;
mod tracepoints;
mod user;
#[path = "../probe/src/wire/mod.rs"]
pub mod wire;

module! {
    type: Saker,
    name: "saker",
    authors: ["The Saker authors"],
    description: "Records system calls for Saker",
    license: "GPL",
}

/// The loaded module: what is in it is undone in this order when it is unloaded.
struct Saker {
    _device: Pin<KBox<device::Registration>>,
    _probes: tracepoints::Unloading,
}

impl kernel::Module for Saker {
    fn init(module: &'static ThisModule) -> Result<Self> {
        if !compat::check_mounts(arch::current()) {
            pr_warn!("mounts of this kernel are not laid out as expected: paths are not checked against the root\n");
        }
        device::init();
        Ok(Self { _device: device::Registration::new(module)?, _probes: tracepoints::Unloading })
    }
}
