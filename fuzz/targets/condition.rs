//! libFuzzer: conditions.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| saker_fuzz::condition(data));
