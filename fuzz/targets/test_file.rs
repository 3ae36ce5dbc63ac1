//! libFuzzer: tests of rules.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| saker_fuzz::test_file(data));
