// SPDX-License-Identifier: GPL-2.0
//! The table of tracepoints with their hooks, and their registration. They are registered while somebody listens, so a module that
//! is only loaded costs nothing.

use crate::compat;
use crate::headers::{self, tracepoint};
use crate::hooks;
use crate::wire::control::tracepoint as wanted;
use core::ffi::{c_void, CStr};
use kernel::prelude::*;

/// A tracepoint and what it calls.
struct Hook {
    name: &'static CStr,
    function: *const c_void,
    /// Which of [`wanted`] must be asked for; 0 is always.
    wanted: u32,
    /// Whether there is no sensor without it.
    required: bool,
}

// SAFETY: names and functions, which never change.
unsafe impl Sync for Hook {}

const HOOKS: usize = 11;

/// All hooks, in the order in which they are registered: what tells of processes before what they do.
static ALL: [Hook; HOOKS] = [
    Hook {
        name: c"sched_process_exec",
        function: hooks::sched_process_exec as *const c_void,
        wanted: 0,
        required: true,
    },
    Hook {
        name: c"sched_process_exit",
        function: hooks::sched_process_exit as *const c_void,
        wanted: 0,
        required: true,
    },
    Hook {
        name: c"cgroup_mkdir",
        function: hooks::cgroup_mkdir as *const c_void,
        wanted: 0,
        required: false,
    },
    Hook {
        name: c"cgroup_rmdir",
        function: hooks::cgroup_rmdir as *const c_void,
        wanted: 0,
        required: false,
    },
    Hook { name: c"sys_exit", function: hooks::sys_exit as *const c_void, wanted: 0, required: true },
    Hook {
        name: c"signal_deliver",
        function: hooks::signal_deliver as *const c_void,
        wanted: wanted::SIGNAL_DELIVER,
        required: false,
    },
    Hook {
        name: c"page_fault_user",
        function: hooks::page_fault as *const c_void,
        wanted: wanted::PAGE_FAULT,
        required: false,
    },
    Hook {
        name: c"page_fault_kernel",
        function: hooks::page_fault as *const c_void,
        wanted: wanted::PAGE_FAULT,
        required: false,
    },
    Hook {
        name: c"sched_switch",
        function: hooks::sched_switch as *const c_void,
        wanted: wanted::SWITCH,
        required: false,
    },
    Hook {
        name: c"io_uring_complete",
        function: hooks::io_uring_complete as *const c_void,
        wanted: wanted::IO_URING,
        required: false,
    },
    Hook {
        name: c"io_uring_submit_req",
        function: hooks::io_uring_submit_req as *const c_void,
        wanted: wanted::IO_URING,
        required: false,
    },
];

/// Which hooks are registered. Control has it under its lock.
pub(crate) struct Registered([*mut tracepoint; HOOKS]);

// SAFETY: tracepoints of the kernel itself never go away.
unsafe impl Send for Registered {}

impl Registered {
    /// None is.
    pub(crate) const fn none() -> Self {
        Self([core::ptr::null_mut(); HOOKS])
    }

    /// Registers the hooks that are needed while somebody listens and asks for these tracepoints, and unregisters the others.
    /// If one that is required cannot be had, none is registered.
    pub(crate) fn update(&mut self, listening: bool, tracepoints: u32) -> Result {
        for (hook, registered) in ALL.iter().zip(self.0.iter_mut()) {
            let needed = listening && (hook.wanted == 0 || tracepoints & hook.wanted != 0);
            if needed == !registered.is_null() {
                continue;
            }
            if !needed {
                // SAFETY: registered with exactly these.
                unsafe {
                    headers::tracepoint_probe_unregister(
                        *registered,
                        hook.function.cast_mut(),
                        core::ptr::null_mut(),
                    )
                };
                *registered = core::ptr::null_mut();
                continue;
            }
            match hook.register() {
                Ok(tracepoint) => *registered = tracepoint,
                Err(error) => {
                    pr_warn!("tracepoint {}: {}\n", hook.name.to_str().unwrap_or("?"), error.to_errno());
                    if hook.required {
                        self.update(false, 0)?;
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Hook {
    fn register(&self) -> Result<*mut tracepoint> {
        let mut search = Search { name: self.name, found: core::ptr::null_mut() };
        // SAFETY: `visit` has the prototype, and `search` outlives the call.
        unsafe { headers::for_each_kernel_tracepoint(Some(Search::visit), (&raw mut search).cast()) };
        if search.found.is_null() {
            return Err(ENOENT);
        }
        // SAFETY: the function has this tracepoint's prototype: see its `match`.
        let result = unsafe {
            headers::tracepoint_probe_register(search.found, self.function.cast_mut(), core::ptr::null_mut())
        };
        kernel::error::to_result(result)?;
        Ok(search.found)
    }
}

/// The search for a tracepoint by its name.
struct Search {
    name: &'static CStr,
    found: *mut tracepoint,
}

impl Search {
    unsafe extern "C" fn visit(candidate: *mut tracepoint, search: *mut c_void) {
        // SAFETY: the `Search` that `register` handed over.
        let search = unsafe { &mut *search.cast::<Search>() };
        // SAFETY: a tracepoint of the kernel.
        let name: *const u8 = unsafe { (*candidate).name.cast() };
        let mut at = name;
        for byte in search.name.to_bytes_with_nul() {
            // SAFETY: the name ends in a NUL, and so does the other, so nothing is read behind either.
            if unsafe { at.read() } != *byte {
                return;
            }
            at = at.wrapping_add(1);
        }
        search.found = candidate;
    }
}

/// Dropped last when the module is unloaded: no CPU may be in a hook when its code goes away.
pub(crate) struct Unloading;

impl Drop for Unloading {
    fn drop(&mut self) {
        compat::wait_for_probes();
    }
}
