// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The eBPF probe: the extractors of `probe/` behind the helpers of BPF, for hosts where modules are forbidden.
//!
//! ```text
//! tracepoint -> scope -> wanted? -> reserve -> (tail call) extract -> commit
//!   programs/                       ring.rs    call.rs, pen.rs …     ring.rs
//! ```
//!
//! Rules that hold everywhere here:
//! - The kernel's verifier proves each access before it loads a program. So a function is safe if the worst that a wrong argument
//!   does is that the verifier refuses it; that is what most `SAFETY` comments rest on.
//! - The verifier follows values. What is in registers it remembers, and remembering too much it gives up. So the state of a
//!   record in the making lies in memory ([`state`]), where it forgets, and each access is bounded again ([`access::masked`]).
//! - Nothing indexes, divides or panics; everything is inlined. The build refuses an object with calls or relocations that are not
//!   to maps or data (`agent/build/gate.rs`).
//! - What depends on the kernel is in one table ([`layout`]), filled at load time from the kernel's BTF and frozen.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

// The probe is taken in as it is, as Kbuild does for the module: only what is in this crate ends in the object.
#[allow(dead_code, unused_imports)]
#[path = "../../probe/src/extract/mod.rs"]
mod extract;
#[allow(dead_code, unused_imports)]
#[path = "../../probe/src/wire/mod.rs"]
mod wire;

mod access;
mod arch;
mod call;
mod files;
mod helpers;
mod layout;
mod maps;
mod path;
mod pen;
mod programs;
mod ring;
mod sockets;
mod state;
mod task;

/// Helpers of the kernel ask for a licence that is compatible with its own.
#[no_mangle]
#[link_section = "license"]
static LICENSE: [u8; 4] = *b"GPL\0";

/// Never comes to be: no object that can panic leaves the build.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
