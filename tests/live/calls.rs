//! System calls exactly as they are asked for: native, through the 32-bit entry, and through the x32 entry.

use std::arch::asm;
use std::ffi::{CStr, CString};

/// What can stand in a register: numbers as C would pass them, and addresses.
pub trait Argument {
    /// The register's value.
    fn raw(self) -> u64;
}

macro_rules! numbers {
    ($($ty:ty)*) => { $(impl Argument for $ty {
        fn raw(self) -> u64 {
            self as u64
        }
    })* };
}
numbers! { i8 u8 i16 u16 i32 u32 i64 u64 isize usize }

impl<T> Argument for *const T {
    fn raw(self) -> u64 {
        self as u64
    }
}

impl<T> Argument for *mut T {
    fn raw(self) -> u64 {
        self as u64
    }
}

impl Argument for &CStr {
    fn raw(self) -> u64 {
        self.as_ptr() as u64
    }
}

impl Argument for &CString {
    fn raw(self) -> u64 {
        self.as_ptr() as u64
    }
}

impl<T, const N: usize> Argument for &[T; N] {
    fn raw(self) -> u64 {
        self.as_ptr() as u64
    }
}

impl<T> Argument for &[T] {
    fn raw(self) -> u64 {
        self.as_ptr() as u64
    }
}

/// The arguments of a call, whatever their types.
#[macro_export]
macro_rules! args {
    ($($argument:expr),* $(,)?) => { [$($crate::calls::Argument::raw($argument)),*] };
}

fn six<T: Copy + Default>(arguments: &[T]) -> [T; 6] {
    std::array::from_fn(|index| arguments.get(index).copied().unwrap_or_default())
}

/// Makes a native call. Returns what the kernel returned: a negative number is an error.
///
/// Any call at all: whether its effects suit the process is up to the case, which has a process of its own.
pub fn native(number: i64, arguments: &[u64]) -> i64 {
    let [a, b, c, d, e, f] = six(arguments);
    let result;
    // SAFETY: the instruction clobbers rcx and r11 only. What the call does to the memory behind its arguments is what
    // the case wants, on buffers that it owns.
    unsafe {
        asm!("syscall", inlateout("rax") number => result,
             in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
             lateout("rcx") _, lateout("r11") _);
    }
    result
}

/// Makes a call through the x32 entry: the native one with a bit in the number.
pub fn x32(number: i64, arguments: &[u64]) -> i64 {
    const X32_BIT: i64 = 0x4000_0000;
    native(number | X32_BIT, arguments)
}

/// Makes a call through the 32-bit entry, as any 64-bit process can. Addresses must be below 4 GiB ([`Low`]).
pub fn compat(number: u32, arguments: &[u32]) -> i64 {
    let [a, b, c, d, e, f] = six(arguments);
    let result: i64;
    // SAFETY: rbx and rbp are put back, the registers that older kernels clear are named, and the rest is as in `native`.
    unsafe {
        asm!("push rbx", "push rbp", "mov ebx, r8d", "mov ebp, r9d", "int 0x80", "pop rbp", "pop rbx",
             inlateout("rax") u64::from(number) => result,
             in("ecx") b, in("edx") c, in("esi") d, in("edi") e,
             inlateout("r8") u64::from(a) => _, inlateout("r9") u64::from(f) => _,
             lateout("r10") _, lateout("r11") _);
    }
    // The low half is the result; the high half may be anything.
    i64::from(result as i32)
}

/// Memory below 4 GiB, for what 32-bit calls point to. It stays until the process ends.
#[derive(Clone, Copy)]
pub struct Low {
    next: u32,
    end: u32,
}

impl Low {
    const SIZE: usize = 1 << 16;

    /// Maps a piece of such memory.
    pub fn new() -> Low {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT);
        let start = native(libc::SYS_mmap, &args![0, Low::SIZE, protection, flags, -1, 0]);
        assert!(start > 0, "no memory below 4 GiB: {start}");
        Low { next: start as u32, end: start as u32 + Low::SIZE as u32 }
    }

    /// Puts bytes there and returns their address.
    pub fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = self.next;
        let size = bytes.len() as u32 + 15 & !15;
        assert!(self.end - at >= size, "more low memory is needed");
        // SAFETY: the bytes from `at` on are mapped, writable, and given to nobody else.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as usize as *mut u8, bytes.len()) };
        self.next += size;
        at
    }

    /// The number that is now at an address there.
    pub fn word(&self, at: u32) -> u32 {
        assert!(at + 4 <= self.end, "not in this memory");
        // SAFETY: mapped; nobody but the kernel, in a call that is over, writes it.
        unsafe { std::ptr::read_volatile(at as usize as *const u32) }
    }

    /// Puts a text with its closing NUL there.
    pub fn text(&mut self, text: &CStr) -> u32 {
        self.put(text.to_bytes_with_nul())
    }

    /// Puts numbers of 32 bits there.
    pub fn words(&mut self, words: &[u32]) -> u32 {
        self.put(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>())
    }
}

impl Default for Low {
    fn default() -> Self {
        Low::new()
    }
}

/// Makes a call that makes a task (`fork`, `vfork`, `clone`, `clone3`); the new one ends at once, without touching memory:
/// so it may share the stack.
pub fn make_task(number: i64, arguments: &[u64]) -> i64 {
    let [a, b, c, d, e, f] = six(arguments);
    let result;
    // SAFETY: as in `native`; the new task runs the three instructions that end it and nothing else.
    unsafe {
        asm!("syscall", "test rax, rax", "jnz 2f", "mov eax, 60", "xor edi, edi", "syscall", "2:",
             inlateout("rax") number => result,
             inlateout("rdi") a => _, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
             lateout("rcx") _, lateout("r11") _);
    }
    result
}
