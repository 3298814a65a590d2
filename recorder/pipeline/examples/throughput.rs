//! How fast the writer is: `cargo run --release -p moviola-pipeline --example throughput [LINES]`.

#![allow(clippy::print_stdout, missing_docs)]

use moviola_format::read::Trace;
use moviola_format::write::Indexer;
use moviola_pipeline::synthetic::{BIG_LIST, Shape, events, record};
use std::time::{Duration, Instant};

fn main() {
    let lines = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000);
    let plain = Shape { big_list: 0, garbage: 0, attributes: 0, lines, ..Shape::default() };
    let shapes = [
        ("lines, locals and calls", plain),
        ("with objects", Shape { lines, ..Shape::default() }),
        ("with a list of a million", Shape { big_list: 1_000_000, lines, ..Shape::default() }),
    ];
    for (name, shape) in shapes {
        println!("{name}:");
        index_only(shape);
        whole(shape);
    }
}

/// Time that this thread was on a processor: other work on the machine does not count.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn index_only(shape: Shape) {
    let mut raw = Vec::new();
    events(shape, |piece| {
        raw.extend_from_slice(piece);
        true
    });
    let mut indexer = Indexer::new();
    let (mut start, mut count, mut index_bytes) = (0, 0, 0);
    let (mut feeding, mut sealing) = (Duration::ZERO, Duration::ZERO);
    while start < raw.len() {
        let clock = busy();
        let (end, _) = indexer.feed(&raw[start..], 0).expect("good events");
        feeding += busy().saturating_sub(clock);
        let clock = busy();
        let sealed = indexer.seal(&raw[start..start + end]);
        sealing += busy().saturating_sub(clock);
        count += sealed.summary.counts[0];
        index_bytes += moviola_format::v1::to_bytes(&sealed.index).len()
            + moviola_format::v1::to_bytes(&sealed.summary).len();
        start += end;
    }
    let nanos = |time: Duration| time.as_nanos() as f64 / count as f64;
    println!(
        "  {count} events, {:.2} bytes each; index {:.1} ns + seal {:.1} ns an event; {:.3} index bytes a line",
        raw.len() as f64 / count as f64,
        nanos(feeding),
        nanos(sealing),
        index_bytes as f64 / shape.lines as f64,
    );
}

fn whole(shape: Shape) {
    let path = std::env::temp_dir().join(format!("moviola-throughput-{}", std::process::id()));
    let clock = busy();
    let report = record(&path, shape).expect("recording");
    let elapsed = busy().saturating_sub(clock);
    let clock = Instant::now();
    let trace = Trace::open(&path).expect("opening");
    let opened = clock.elapsed();
    let counts = trace.counts();
    println!(
        "  recorded in {:.2} s of processor time: {:.1} million events/s (making them included), {:.2} bytes a line; {} blocks, open {:.1} ms",
        elapsed.as_secs_f64(),
        counts.events as f64 / elapsed.as_secs_f64() / 1e6,
        report.bytes as f64 / report.lines as f64,
        trace.block_count(),
        opened.as_secs_f64() * 1e3,
    );
    let ask = |what: &str, f: &dyn Fn(u64)| {
        let (mut worst, mut sum) = (Duration::ZERO, Duration::ZERO);
        let decoded = trace.blocks_decoded();
        for k in 0..20 {
            let clock = busy();
            f(trace.stop_count() / 21 * (k + 1));
            let took = busy().saturating_sub(clock);
            worst = worst.max(took);
            sum += took;
        }
        println!(
            "  {what}: {:.2} ms on average, {:.2} ms at worst, {:.1} blocks decoded",
            sum.as_secs_f64() * 50.0,
            worst.as_secs_f64() * 1e3,
            (trace.blocks_decoded() - decoded) as f64 / 20.0,
        );
    };
    ask("stacks", &|stop| drop(trace.stacks_at(trace.block_of_stop(stop))));
    ask("instance", &|stop| drop(trace.object_at(2 + stop % 300, stop)));
    ask("xs[5:8]", &|stop| drop(trace.slice_at(BIG_LIST, stop - 1000, 5..8)));
    ask("xs", &|stop| drop(trace.object_at(BIG_LIST, stop - 2000)));
    ask("last change", &|stop| drop(trace.last_change(2 + stop % 300, stop)));
    let _ = std::fs::remove_file(path);
}
