//! libFuzzer: records of a driver.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| saker_fuzz::record(data));
