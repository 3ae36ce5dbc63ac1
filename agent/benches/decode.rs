//! What it costs to read a capture: all events of the bundled one, plain and gzip.

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flate2::read::GzDecoder;
use saker::capture::scap::{ScapError, ScapReader};

fn events(bytes: Vec<u8>) -> Result<u64, ScapError> {
    let mut reader = ScapReader::new(Cursor::new(bytes))?;
    while let Some(snapshot) = reader.next_section()? {
        black_box(snapshot);
        while let Some(event) = reader.next()? {
            black_box(event.param(0));
        }
    }
    Ok(reader.stats().events)
}

fn decode(c: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/vm_small.scap.gz");
    let compressed = std::fs::read(path).expect("the bundled capture");
    let mut plain = Vec::new();
    GzDecoder::new(&compressed[..]).read_to_end(&mut plain).expect("a gzip file");
    let count = events(plain.clone()).expect("a sound capture");
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(count));
    for (name, bytes) in [("plain", &plain), ("gzip", &compressed)] {
        group.bench_function(name, |b| b.iter_batched(|| bytes.clone(), events, BatchSize::LargeInput));
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
