//! A program for BPF that can panic: it divides by a number that it does not know.
#![no_std]
#![no_main]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn divides(context: *const u64) -> i32 {
    // SAFETY: never run.
    (100 / unsafe { *context }) as i32
}

#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn indexes(context: *const u64) -> i32 {
    // SAFETY: never run.
    let index = unsafe { *context };
    TABLE[index as usize] as i32
}

#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn is_careful(context: *const u64) -> i32 {
    // SAFETY: never run.
    let index = unsafe { *context };
    TABLE.get(index as usize).copied().unwrap_or(0) as i32
}

#[no_mangle]
static TABLE: [u8; 4] = [1, 2, 3, 5];
