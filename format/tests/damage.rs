//! Damaged, cut-off, forged and foreign files: an error or the truth, never anything else.

#![allow(missing_docs)]

mod common;

use common::{IDENTITY, Program, Rng, path, write};
use moviola_format::read::{Trace, TraceError};
use moviola_format::v1::{
    BlockIndex, BlockSummary, Footer, HEADER_LEN, Header, Node, SECTION_LEN, Section, TableBuilder,
    ThreadTop, Trailer, from_bytes, kind, to_bytes,
};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Rounds of the tests with random bytes; `MOVIOLA_FUZZ=n` for n times as many.
fn rounds(usual: u64) -> u64 {
    let times = std::env::var("MOVIOLA_FUZZ").ok().and_then(|times| times.parse().ok());
    usual * times.unwrap_or(1)
}

fn sample(finish: bool) -> Vec<u8> {
    let mut program = Program::new(99);
    for _ in 0..5000 {
        program.step();
    }
    let file = path(&format!("damage-{finish}-{:?}", std::thread::current().id()));
    write(&file, &program.bytes, (900, 60), finish);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    bytes
}

fn sections(bytes: &[u8]) -> Vec<(usize, Section)> {
    let mut found = Vec::new();
    let mut at = HEADER_LEN;
    while let Some(header) = bytes.get(at..at + SECTION_LEN) {
        let Some(section) = Section::decode(header.try_into().unwrap(), at as u64) else { break };
        found.push((at, section));
        at += SECTION_LEN + section.len as usize;
    }
    found
}

/// Everything that can be asked, in words; errors as errors.
fn answers(trace: &Trace, blocks: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut rng = Rng::new(5);
    for block in 0..blocks.min(trace.block_count()) {
        let events = trace.block(block).map(|block| block.raw().to_vec());
        out.push(format!("{block} {events:?}"));
        out.push(format!("{:?}", trace.bounds(block)));
        out.push(format!("{:?}", trace.stacks_at(block + 1)));
        for _ in 0..3 {
            let id = 1 + rng.below(200);
            let stop = trace.bounds(block).first_stop + rng.below(40);
            if trace.block_of_stop(stop) < blocks {
                out.push(format!("{id} at {stop} {:?}", trace.object_at(id, stop)));
                out.push(format!("{:?}", trace.slice_at(1, stop, 3..5)));
                out.push(format!("{:?}", trace.last_change(id, stop)));
            }
        }
        out.push(format!("{:?}", trace.line_hits(1, 12).count_before_block(block)));
        out.push(format!("{:?}", trace.suspended_at(block, rng.below(50))));
    }
    out
}

fn open(bytes: &[u8]) -> Result<Trace, TraceError> {
    Trace::open_bytes(Arc::from(bytes))
}

#[test]
fn without_footer_as_with_it() {
    let (with, without) = (sample(true), sample(false));
    assert!(with.len() > without.len() && with[HEADER_LEN..without.len()] == without[HEADER_LEN..]);
    let (with, without) = (open(&with).unwrap(), open(&without).unwrap());
    assert!(with.is_complete() && !without.is_complete());
    assert!(with.warnings().is_empty() && without.warnings().is_empty());
    assert_eq!(with.block_count(), without.block_count());
    let count = with.block_count();
    assert!(count > 30);
    assert_eq!(answers(&with, count), answers(&without, count));
    assert_eq!(with.codes(), without.codes());
    assert_eq!(with.threads(), without.threads());
    assert_eq!(with.meta(), without.meta());
    assert_eq!(with.counts(), without.counts());
    assert_eq!(with.source("main.py"), without.source("main.py"));
}

#[test]
fn cut_off_anywhere() {
    let whole = sample(true);
    let full = open(&whole).unwrap();
    let truth = answers(&full, full.block_count());
    let mut cuts: Vec<usize> = Vec::new();
    for (at, section) in sections(&whole) {
        cuts.extend([at, at + SECTION_LEN, at + SECTION_LEN + section.len as usize]);
        cuts.extend([at + 1, at + SECTION_LEN - 1, at + SECTION_LEN + section.len as usize / 2]);
    }
    let mut rng = Rng::new(3);
    cuts.extend((0..100).map(|_| rng.below(whole.len() as u64) as usize));
    let mut last = (0, 0);
    cuts.sort_unstable();
    for cut in cuts {
        let trace = match open(&whole[..cut]) {
            Ok(trace) => trace,
            Err(TraceError::NotATrace) if cut < HEADER_LEN => continue,
            Err(error) => panic!("cut at {cut}: {error}"),
        };
        // All blocks whose summaries are whole, and no others.
        let summaries = sections(&whole).into_iter().filter(|(at, section)| {
            section.kind == kind::SUMMARY && at + SECTION_LEN + section.len as usize <= cut
        });
        let blocks = summaries.count();
        assert_eq!(trace.block_count(), blocks, "cut at {cut}");
        if last.0 != blocks && blocks % 9 == 0 {
            let found = answers(&trace, blocks.saturating_sub(1));
            assert_eq!(found[..], truth[..found.len()], "cut at {cut}");
        }
        last = (blocks, cut);
    }
    assert!(last.0 > 30);
}

#[test]
fn flipped_bits_are_found_or_harmless() {
    let whole = sample(true);
    let full = open(&whole).unwrap();
    let count = full.block_count();
    let truth = answers(&full, count);
    let mut rng = Rng::new(8);
    let (mut detected, mut harmless) = (0, 0);
    for _ in 0..rounds(100) {
        let mut bytes = whole.clone();
        let at = rng.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << rng.below(8);
        match open(&bytes) {
            Err(_) => detected += 1,
            Ok(trace) => {
                let found = answers(&trace, count);
                let mut bad = !trace.warnings().is_empty()
                    || (0..count).any(|block| trace.check_block(block).is_err());
                for (found, truth) in found.iter().zip(&truth) {
                    if found.contains("Err(") {
                        bad = true;
                    } else {
                        assert_eq!(found, truth, "bit flipped at {at}");
                    }
                }
                if bad {
                    detected += 1;
                } else {
                    assert_eq!(found.len(), truth.len());
                    harmless += 1;
                }
            }
        }
    }
    assert!(detected > 50, "{detected} detected, {harmless} harmless");
}

/// Writes a section of our own making, with right checksums.
fn forge(bytes: &mut Vec<u8>, kind: [u8; 4], number: u32, payload: &[u8]) -> u64 {
    let at = bytes.len() as u64;
    let len = payload.len() as u64;
    bytes.extend(Section { kind, number, len, sum: xxh3_64(payload) }.encode(at));
    bytes.extend(payload);
    at
}

fn packed(raw: &[u8]) -> Vec<u8> {
    let mut payload = (raw.len() as u32).to_le_bytes().to_vec();
    payload.extend(zstd::bulk::compress(raw, 1).unwrap());
    payload
}

fn start() -> Vec<u8> {
    let header = Header { major: 1, minor: 0, identity: IDENTITY, created: 0 };
    header.encode().to_vec()
}

#[test]
fn bombs_are_refused() {
    let gigabyte = vec![0; 1 << 30];
    let frame = zstd::bulk::compress(&gigabyte, 1).unwrap();
    drop(gigabyte);
    for announced in [1_u32 << 30, 1 << 20, 100] {
        let mut bytes = start();
        let mut payload = announced.to_le_bytes().to_vec();
        payload.extend(&frame);
        let block_at = forge(&mut bytes, kind::BLOCK, 0, &payload);
        let index_at =
            forge(&mut bytes, kind::INDEX, 0, &packed(&to_bytes(&BlockIndex::default())));
        let summary = BlockSummary {
            raw_len: announced,
            block_at,
            index_at,
            end_stop: 10,
            ..BlockSummary::default()
        };
        forge(&mut bytes, kind::SUMMARY, 0, &to_bytes(&summary));
        let trace = open(&bytes).unwrap();
        assert!(matches!(trace.block(0), Err(TraceError::Damaged { .. })), "{announced}");
        assert!(trace.object_at(5, 3).is_err());
    }
}

#[test]
fn forged_indexes_do_no_harm() {
    let mut rng = Rng::new(77);
    for round in 0..rounds(400) {
        let strange = |rng: &mut Rng| match rng.below(6) {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => 1 << 31,
            4 => 1 << 63,
            _ => rng.below(50),
        };
        let small = |rng: &mut Rng| strange(rng) as u32;
        let mut touched = TableBuilder::new(4);
        for id in 1..5 {
            let unit = 1 << 56 | 1 << 33;
            let flags = rng.below(16);
            touched.push((id, 0), &[flags, strange(&mut rng), strange(&mut rng), rng.below(60)]);
            touched.push((id, unit), &[flags, 0, strange(&mut rng), rng.below(60)]);
        }
        touched.push((1 << 63 | 3, 0), &[0, 0, 0, strange(&mut rng)]);
        // A root that claims to be a rope of any length.
        let mut base = vec![1, 0, 0, 0x10, [1, 2, 6, 99][rng.below(4) as usize]];
        base.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
        base.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, rng.below(256) as u8, 3]);
        base.extend((0..40).map(|_| rng.below(256) as u8));
        let piece_bytes = zstd::bulk::compress(&base, 1).unwrap();
        let mut bytes = start();
        let events = [0xc0, 0xc1, 0x34, 1, 0x61, 0x3e, 2, 0xc0];
        let block_at = forge(&mut bytes, kind::BLOCK, 0, &packed(&events));
        let bases_at = forge(&mut bytes, kind::BASES, 0, &piece_bytes);
        let nodes = (0..3)
            .map(|_| Node {
                activation: rng.below(4),
                code: strange(&mut rng),
                entered: strange(&mut rng),
                line: small(&mut rng),
                parent_block: small(&mut rng),
                parent_node: small(&mut rng),
                start: small(&mut rng),
                end: small(&mut rng),
            })
            .collect();
        let piece = moviola_format::v1::Piece {
            raw_start: 0,
            raw_len: if round % 3 == 0 { small(&mut rng) } else { base.len() as u32 },
            at: 0,
            len: piece_bytes.len() as u32,
            sum: xxh3_64(&piece_bytes),
        };
        let index = BlockIndex {
            current_thread: strange(&mut rng),
            tops: vec![ThreadTop { thread: 0, block: small(&mut rng), node: small(&mut rng) }],
            nodes,
            node_bytes: vec![0xff; 20],
            touched: touched.finish(),
            pieces: vec![piece],
            ..BlockIndex::default()
        };
        let index_at = forge(&mut bytes, kind::INDEX, 0, &packed(&to_bytes(&index)));
        let summary = BlockSummary {
            raw_len: 8,
            block_at,
            bases_at: if round % 4 == 0 { strange(&mut rng) } else { bases_at },
            index_at,
            end_stop: 3,
            end_line: 3,
            definitions: (0..30).map(|_| rng.below(40) as u8).collect(),
            spans: (0..30).map(|_| rng.below(256) as u8).collect(),
            ..BlockSummary::default()
        };
        // Twice, so that the second can point back.
        forge(&mut bytes, kind::SUMMARY, 0, &to_bytes(&summary));
        let next = BlockSummary {
            number: 1,
            stream_start: 8,
            first_stop: 3,
            end_stop: 6,
            first_line: 3,
            end_line: 6,
            ..summary
        };
        let footer = Footer { blocks: vec![summary_of(&bytes), next], ..Footer::default() };
        let footer_at = forge(&mut bytes, kind::FOOTER, 0, &to_bytes(&footer));
        bytes.extend(Trailer { footer_at }.encode());
        let Ok(trace) = open(&bytes) else { continue };
        for id in 0..6 {
            for stop in 0..8 {
                let _ = trace.object_at(id, stop);
                let _ = trace.slice_at(id, stop, 0..u64::MAX);
                let _ = trace.len_at(id, stop);
                let _ = trace.object_info(id, stop);
                let _ = trace.changes_of(id, stop).take(10).count();
            }
        }
        for block in 0..3 {
            let _ = trace.check_block(block);
            let _ = trace.stacks_at(block);
            let _ = trace.suspended_at(block, 3);
            let _ = trace.frame_span(block, 1);
        }
    }
}

fn summary_of(bytes: &[u8]) -> BlockSummary {
    let (at, section) = sections(bytes).pop().unwrap();
    let payload = &bytes[at + SECTION_LEN..at + SECTION_LEN + section.len as usize];
    from_bytes(payload).unwrap()
}

#[test]
fn random_payloads_do_no_harm() {
    // Changed bytes with the checksums made right again: what a forger can do.
    let whole = sample(false);
    let all = sections(&whole);
    let mut rng = Rng::new(1234);
    for _ in 0..rounds(120) {
        let mut bytes = whole.clone();
        for _ in 0..1 + rng.below(3) {
            let (at, section) = all[rng.below(all.len() as u64) as usize];
            let start = at + SECTION_LEN;
            let end = start + section.len as usize;
            for _ in 0..1 + rng.below(4) {
                let place = start + rng.below(section.len.max(1)) as usize;
                bytes[place] =
                    [0, 1, 0x7f, 0x80, 0xff, rng.below(256) as u8][rng.below(6) as usize];
            }
            let fixed = Section { sum: xxh3_64(&bytes[start..end]), ..section };
            bytes[at..start].copy_from_slice(&fixed.encode(at as u64));
        }
        if let Ok(trace) = open(&bytes) {
            let blocks = trace.block_count();
            let _ = answers(&trace, blocks);
        }
    }
}

#[test]
fn other_versions() {
    let mut bytes = sample(true);
    let header = Header { major: 2, minor: 0, identity: IDENTITY, created: 1 };
    bytes[..HEADER_LEN].copy_from_slice(&header.encode());
    assert!(matches!(open(&bytes), Err(TraceError::NewerVersion { major: 2 })));
    let header = Header { major: 1, minor: 7, ..header };
    bytes[..HEADER_LEN].copy_from_slice(&header.encode());
    let trace = open(&bytes).unwrap();
    assert!(trace.warnings()[0].contains("1.7"));
    for bytes in [&b""[..], b"MOVIOLA\n", &[0; 200], b"#!/bin/sh\necho no trace at all, but long"] {
        assert!(matches!(open(bytes), Err(TraceError::NotATrace)));
    }
    // A kind of section that does not exist yet is skipped.
    let mut bytes = sample(false);
    let before = open(&bytes).unwrap().block_count();
    forge(&mut bytes, *b"NEWS", 3, b"from the future");
    let trace = open(&bytes).unwrap();
    assert_eq!(trace.block_count(), before);
    assert!(trace.warnings().is_empty());
}

/// The bytes of these are in files: a change of them is a new format version.
#[test]
fn golden_bytes() {
    let mut touched = TableBuilder::new(4);
    touched.push((1, 0), &[5, 300, 0, 7]);
    touched.push((1, 1 << 56 | 3), &[4, 0, 0, 90]);
    touched.push((70_000, 0), &[2, 1, 9, 0]);
    let mut hits = TableBuilder::new(1);
    hits.push((2, 17), &[1000]);
    let index = BlockIndex {
        current_thread: 1,
        tops: vec![ThreadTop { thread: 1, block: 2, node: 3 }],
        nodes: vec![Node {
            activation: 4,
            code: 5,
            entered: 6,
            line: 7,
            parent_block: 8,
            parent_node: 9,
            start: 0,
            end: 2,
        }],
        node_bytes: vec![1, 0x61],
        touched: touched.finish(),
        hits: hits.finish(),
        pieces: vec![moviola_format::v1::Piece { raw_start: 1, raw_len: 2, at: 3, len: 4, sum: 5 }],
    };
    let summary = BlockSummary {
        number: 1,
        raw_len: 2,
        stream_start: 3,
        end_stop: 4,
        definitions: vec![1, 2, 3],
        ..BlockSummary::default()
    };
    let fence = moviola_format::v1::Fence { level: 1, first_block: 16, ..Default::default() };
    let reference = moviola_format::v1::FenceRef { level: 1, first_block: 16, at: 99 };
    let footer = Footer {
        blocks: vec![summary.clone()],
        fences: vec![reference],
        cut_off: Some("disk full".into()),
    };
    let header = Header { major: 1, minor: 0, identity: IDENTITY, created: 1 };
    let sums = [
        xxh3_64(&to_bytes(&index)),
        xxh3_64(&to_bytes(&summary)),
        xxh3_64(&to_bytes(&fence)),
        xxh3_64(&to_bytes(&footer)),
        xxh3_64(&header.encode()),
        xxh3_64(&Trailer { footer_at: 12345 }.encode()),
    ];
    assert_eq!(sums, GOLDEN, "{sums:#x?}");
    assert_eq!(from_bytes::<BlockIndex>(&to_bytes(&index)), Some(index));
    assert_eq!(from_bytes::<Footer>(&to_bytes(&footer)), Some(footer));
    assert_eq!(from_bytes::<BlockSummary>(&to_bytes(&summary)), Some(summary));
}

const GOLDEN: [u64; 6] = [
    0xb32e_e805_d3b0_e4dd,
    0x79c2_ab12_6f5d_e2b4,
    0x9d97_f7ce_fce0_7c93,
    0xb39b_28ad_c98f_3150,
    0x6066_95c9_53dc_d309,
    0xa756_1cdb_44cb_56ce,
];
