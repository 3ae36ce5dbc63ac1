//! Stands in for `compiler_builtins`, which `core` wants to be linked with: for BPF nothing of it can be used, since a program
//! calls only what it holds itself. What the compiler makes of copies and fills is inlined from here.
#![feature(compiler_builtins)]
#![compiler_builtins]
#![no_std]
#![no_builtins]

/// # Safety
/// As in C.
#[no_mangle]
#[inline(always)]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    let mut at = 0;
    while at < length {
        // SAFETY: the caller's promise.
        unsafe { *to.wrapping_add(at) = byte as u8 };
        at += 1;
    }
    to
}

/// # Safety
/// As in C.
#[no_mangle]
#[inline(always)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    let mut at = 0;
    while at < length {
        // SAFETY: the caller's promise.
        let byte = unsafe { *from.wrapping_add(at) };
        // SAFETY: the caller's promise.
        unsafe { *to.wrapping_add(at) = byte };
        at += 1;
    }
    to
}
