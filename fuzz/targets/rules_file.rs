//! libFuzzer: rule files.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| saker_fuzz::rules_file(data));
