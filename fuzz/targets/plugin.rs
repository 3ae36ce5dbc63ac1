//! libFuzzer: what the process of a plugin sends.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| saker_fuzz::plugin(data));
