#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tenderd_fuzz::run("card", bytes));
