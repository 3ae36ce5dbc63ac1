//! libFuzzer: whole replays.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| saker_fuzz::replay(data));
