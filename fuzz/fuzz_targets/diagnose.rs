//! Arbitrary evidence against the whole diagnosis. Input is an evidence file, so `leeward explain --evidence FILE` reads
//! what a crash leaves behind.

#![no_main]

#[path = "../evidence/mod.rs"]
mod evidence;

use evidence::mutate::Mutator;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use std::sync::LazyLock;

static MUTATOR: LazyLock<Mutator> = LazyLock::new(Mutator::default);

fuzz_target!(|text: &[u8]| {
    evidence::judge(text);
});

// Random bytes are hardly ever evidence, so its parts are changed rather than its bytes.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let changed = MUTATOR.mutate(&data[..size], u64::from(seed));
    if changed.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});
