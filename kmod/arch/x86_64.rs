// SPDX-License-Identifier: GPL-2.0
//! x86-64: this CPU's variables, preemption, memory order, and where a system call keeps its number and arguments.
//!
//! The `kernel` crate has functions for the first three. They call C helpers out of line, which costs more than all the rest of
//! the test that each system call pays; so the instructions stand here.

use crate::alive::{get, Alive};
use crate::headers::{pt_regs, task_struct, EX_TYPE_DEFAULT, TS_COMPAT, X86_FEATURE_SMAP};
use core::arch::asm;

/// The bit of a call's number that says that it came through the x32 entry (`__X32_SYSCALL_BIT`).
pub(crate) const X32_BIT: u64 = 0x4000_0000;

/// The current task.
#[inline(always)]
pub(crate) fn current() -> Alive<task_struct> {
    let task: *mut task_struct;
    // SAFETY: reads this CPU's `current_task`, as the kernel's `current` does; it is the same for a task wherever it runs.
    unsafe {
        asm!("mov {}, qword ptr gs:[rip + current_task]", out(reg) task,
            options(pure, readonly, nostack, preserves_flags));
    }
    // SAFETY: never null, and a task lives while it runs.
    unsafe { Alive::new(task).unwrap_unchecked() }
}

/// The number of this CPU. Preemption is off.
#[inline(always)]
pub(crate) fn cpu() -> usize {
    let number;
    // SAFETY: reads this CPU's `cpu_number`, as the kernel's `smp_processor_id` does. Writing half of a register clears the other.
    unsafe {
        asm!("mov {:e}, dword ptr gs:[rip + cpu_number]", out(reg) number, options(readonly, nostack, preserves_flags));
    }
    number
}

/// Preemption is off while this lives, on this CPU: `preempt_disable` and `preempt_enable`.
pub(crate) struct NoPreemption(());

impl NoPreemption {
    /// Turns it off.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        // SAFETY: counts this CPU's `__preempt_count` up, as `preempt_disable` does; not `nomem`, so that nothing moves out.
        unsafe { asm!("inc dword ptr gs:[rip + __preempt_count]", options(nostack)) };
        Self(())
    }
}

impl Drop for NoPreemption {
    #[inline(always)]
    fn drop(&mut self) {
        // The count's highest bit is clear when somebody waits for this CPU, so 0 means: count is zero, and give way.
        // SAFETY: counts back what `new` counted. The callee keeps all registers; the stack is aligned (no `nostack`).
        #[cfg(CONFIG_PREEMPT_DYNAMIC)]
        unsafe {
            asm!("dec dword ptr gs:[rip + __preempt_count]", "jnz 2f", "call __SCT__preempt_schedule", "2:");
        }
        // SAFETY: as above.
        #[cfg(all(CONFIG_PREEMPTION, not(CONFIG_PREEMPT_DYNAMIC)))]
        unsafe {
            asm!("dec dword ptr gs:[rip + __preempt_count]", "jnz 2f", "call preempt_schedule_thunk", "2:");
        }
        // SAFETY: counts back what `new` counted; such a kernel gives way only when it returns to user space.
        #[cfg(not(CONFIG_PREEMPTION))]
        unsafe {
            asm!("dec dword ptr gs:[rip + __preempt_count]", options(nostack));
        }
    }
}

/// A hole for an instruction that the kernel puts there when it loads the module, on CPUs that have a feature (`ALTERNATIVE`):
/// three bytes that do nothing, and an entry in the table of such places.
macro_rules! if_smap {
    ($instruction:literal) => {
        concat!(
            "771: .byte 0x0f, 0x1f, 0x00\n772:\n",
            ".pushsection .altinstructions, \"a\"\n",
            ".long 771b - .\n.long 773f - .\n.4byte {smap}\n.byte 772b - 771b\n.byte 774f - 773f\n",
            ".popsection\n",
            ".pushsection .altinstr_replacement, \"ax\"\n773: ",
            $instruction,
            "\n774:\n.popsection"
        )
    };
}

/// Goes on at a label when the instruction at another one faults (`_ASM_EXTABLE`).
macro_rules! on_fault {
    ($at:literal, $go_on:literal) => {
        concat!(
            ".pushsection __ex_table, \"a\"\n.balign 4\n.long ",
            $at,
            " - .\n.long ",
            $go_on,
            " - .\n.long {fixup}\n.popsection"
        )
    };
}

/// Copies user memory without sleeping: what is not in memory is not brought in. False if not all of it is there. The same as
/// `copy_from_user_nofault` at a third of its instructions; that function also asks whether an NMI may have come between two
/// address spaces, and no hook that reads user memory runs there.
///
/// # Safety
///
/// `to` is valid for writes of `length` bytes.
#[inline(always)]
pub(crate) unsafe fn copy_from_user(
    task: Alive<task_struct>,
    to: *mut u8,
    address: u64,
    length: usize,
) -> bool {
    /// From this length on the CPU's own loop is faster.
    const LONG: usize = 256;
    let end = address.wrapping_add(length as u64);
    // The upper half of all addresses is the kernel's. Those in between that mean nothing fault.
    if (address | end) >> 63 != 0 || end < address {
        return false;
    }
    let task = task.as_ptr();
    // SAFETY: allocated; this only makes an address.
    let disabled = unsafe { &raw mut (*task).pagefault_disabled };
    // `pagefault_disable`: a fault goes to the table above at once.
    // SAFETY: only the current task writes it.
    unsafe { disabled.write_volatile(disabled.read_volatile().wrapping_add(1)) };
    let left: usize;
    if length < LONG {
        // SAFETY: writes `length` bytes at `to`; reads of user memory that fault end it. Keeps the stack and the direction flag.
        unsafe {
            asm!(
                if_smap!("stac"),
                "82: cmp {left}, 8",
                "jb 84f",
                "83: mov {word}, qword ptr [{from}]",
                "mov qword ptr [{to}], {word}",
                "add {from}, 8",
                "add {to}, 8",
                "sub {left}, 8",
                "jmp 82b",
                "84: test {left}, {left}",
                "jz 86f",
                "85: mov {word:l}, byte ptr [{from}]",
                "mov byte ptr [{to}], {word:l}",
                "inc {from}",
                "inc {to}",
                "dec {left}",
                "jmp 84b",
                "86:",
                if_smap!("clac"),
                on_fault!("83b", "86b"),
                on_fault!("85b", "86b"),
                left = inout(reg) length => left,
                from = inout(reg) address => _,
                to = inout(reg) to => _,
                word = out(reg) _,
                smap = const X86_FEATURE_SMAP,
                fixup = const EX_TYPE_DEFAULT,
                options(nostack),
            );
        }
    } else {
        // SAFETY: as above; the direction flag is clear in Rust code.
        unsafe {
            asm!(
                if_smap!("stac"),
                "82: rep movsb",
                "86:",
                if_smap!("clac"),
                on_fault!("82b", "86b"),
                inout("rcx") length => left,
                inout("rsi") address => _,
                inout("rdi") to => _,
                smap = const X86_FEATURE_SMAP,
                fixup = const EX_TYPE_DEFAULT,
                options(nostack),
            );
        }
    }
    // SAFETY: as above.
    unsafe { disabled.write_volatile(disabled.read_volatile().wrapping_sub(1)) };
    left == 0
}

/// Whether the call that the current task is in came through the 32-bit entry (`in_32bit_syscall`).
#[inline(always)]
pub(crate) fn is_compat(task: Alive<task_struct>) -> bool {
    get!(task, thread_info.status) & TS_COMPAT != 0
}

/// The number of the call, with the x32 bit; beyond all tables if there is none.
#[inline(always)]
pub(crate) fn call_number(registers: Alive<pt_regs>) -> u64 {
    get!(registers, orig_ax) as u64
}

/// An argument of a call through the 64-bit entries.
#[inline(always)]
pub(crate) fn argument(registers: Alive<pt_regs>, index: usize) -> u64 {
    match index {
        0 => get!(registers, di) as u64,
        1 => get!(registers, si) as u64,
        2 => get!(registers, dx) as u64,
        3 => get!(registers, r10) as u64,
        4 => get!(registers, r8) as u64,
        5 => get!(registers, r9) as u64,
        _ => 0,
    }
}

/// The arguments of a call through a 32-bit entry, zero-extended. `bp` holds the sixth also after `syscall` and `sysenter`:
/// the kernel fetched it from the stack.
pub(crate) fn compat_arguments(registers: Alive<pt_regs>) -> [u64; 6] {
    [
        get!(registers, bx) as u64,
        get!(registers, cx) as u64,
        get!(registers, dx) as u64,
        get!(registers, si) as u64,
        get!(registers, di) as u64,
        get!(registers, bp) as u64,
    ]
    .map(|value| value & 0xffff_ffff)
}

/// The address of the instruction that was interrupted.
pub(crate) fn instruction_pointer(registers: Alive<pt_regs>) -> u64 {
    get!(registers, ip) as u64
}
