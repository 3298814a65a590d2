//! Writes a trace anew with this version's writer and tells both sizes:
//! `cargo run --release -p moviola-pipeline --example rewrite OLD NEW`.

#![allow(clippy::print_stdout, missing_docs)]

use moviola_format::read::Trace;
use moviola_pipeline::recover;
use std::path::Path;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, old, new] = &args[..] else { panic!("two paths, please") };
    let (old, new) = (Path::new(old), Path::new(new));
    let recovered = recover(old, new).expect("rewriting");
    let sizes = [old, new].map(|path| std::fs::metadata(path).map_or(0, |data| data.len()));
    let lines = recovered.lines.max(1) as f64;
    println!(
        "{} lines: {:.2} bytes a line before, {:.2} after; {:?}",
        recovered.lines,
        sizes[0] as f64 / lines,
        sizes[1] as f64 / lines,
        recovered.warnings,
    );
    let trace = Trace::open(new).expect("opening");
    for block in 0..trace.block_count() {
        trace.check_block(block).expect("a whole block");
    }
}
