//! libFuzzer: captures.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| saker_fuzz::scap(data));
