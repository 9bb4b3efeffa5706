#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tower_outbound_auth_fuzz::www_authenticate::run(data));
