//! Everything the reader answers, compared with a naive model of random programs.

mod common;

use common::{Frame, Object, Program, State, leave_ring, path, write};
use moviola_format::event::Kind;
use moviola_format::read::{ObjectState, OwnedValue, Status, Trace};

fn check_object(found: &ObjectState, object: &Object, what: &str) {
    assert_eq!(found.kind as u8, object.kind, "{what}");
    if object.unknown {
        assert!(matches!(found.status, Status::Unknown(_)), "{what}");
        return;
    }
    assert_eq!(found.status, Status::Known, "{what}");
    assert_eq!(found.seq, object.seq, "{what}");
    assert_eq!(found.map, object.map, "{what}");
    assert_eq!(found.attrs, object.attrs, "{what}");
    assert_eq!(found.scalar, object.scalar, "{what}");
    assert_eq!(found.blob, object.blob, "{what}");
}

fn check_frame(found: &moviola_format::read::Frame, frame: &Frame, what: &str) {
    assert_eq!(found.activation, frame.activation, "{what}");
    assert_eq!(found.code, frame.code, "{what}");
    assert_eq!(i64::from(found.line), frame.line, "{what}");
    assert_eq!(found.entered, frame.entered, "{what}");
    assert_eq!(found.namespace, frame.namespace, "{what}");
    let locals: Vec<(u32, OwnedValue)> =
        frame.locals.iter().map(|(slot, value)| (*slot, value.clone())).collect();
    assert_eq!(found.locals, locals, "{what}");
}

fn check_state(trace: &Trace, state: &State) {
    let stop = state.stops;
    for (id, object) in &state.objects {
        let what = format!("object {id} at {stop}");
        let found = trace.object_at(*id, stop).unwrap();
        check_object(&found, object, &what);
        let info = trace.object_info(*id, stop).unwrap().unwrap();
        assert_eq!(info.0 as u8, object.kind, "{what}");
        if object.kind == Kind::List as u8 && !object.unknown {
            let items = object.seq.as_ref().unwrap();
            let len = items.len() as u64;
            assert_eq!(trace.len_at(*id, stop).unwrap(), (len, Status::Known));
            for range in [0..3, len / 2..len / 2 + 5, len.saturating_sub(2)..len + 9] {
                let (slice, _) = trace.slice_at(*id, stop, range.clone()).unwrap();
                let wanted = items.iter().skip(range.start as usize);
                let wanted: Vec<_> =
                    wanted.take((range.end - range.start) as usize).cloned().collect();
                assert_eq!(slice.values, wanted, "{what} {range:?}");
                assert_eq!(slice.len, len);
            }
        }
    }
    for id in state.dead.iter().rev().take(20) {
        // What was born and died inside one block is not known outside of it.
        let status = trace.object_at(*id, stop).unwrap().status;
        assert!(matches!(status, Status::Dead | Status::Unseen), "{id} at {stop}: {status:?}");
    }
    assert_eq!(trace.object_at(1 << 40, stop).unwrap().status, Status::Unseen);
}

fn check_program(trace: &Trace, program: &Program) {
    let state = &program.state;
    assert_eq!(trace.stop_count(), state.stops);
    assert_eq!(trace.line_count(), state.lines);
    assert_eq!(trace.source("main.py").as_deref(), Some("# part 0\n# part 1\n# part 2\n"));
    assert_eq!(trace.threads().len(), state.stacks.len());
    assert_eq!(trace.codes().len() as u64, common::CODES);
    assert_eq!(trace.meta(), [("python".to_string(), "3.13.0".to_string())]);
    assert!(trace.warnings().is_empty(), "{:?}", trace.warnings());
    // Hits.
    for ((code, line), stops) in &program.log.hits {
        let hits = trace.line_hits(*code, *line as u32);
        assert_eq!(hits.total().unwrap(), stops.len() as u64);
        for (k, stop) in stops.iter().enumerate().step_by(7) {
            let (block, before) = hits.block_of_hit(k as u64).unwrap().unwrap();
            assert_eq!(block, trace.block_of_stop(*stop));
            let first = trace.bounds(block).first_stop;
            let naive = stops.iter().filter(|stop| **stop < first).count() as u64;
            assert_eq!((before, naive), (naive, hits.count_before_block(block).unwrap()));
        }
        assert_eq!(hits.block_of_hit(stops.len() as u64).unwrap(), None);
        let last = trace.block_of_stop(*stops.last().unwrap());
        assert_eq!(hits.previous_block(trace.block_count()).unwrap(), Some(last));
        assert_eq!(hits.next_block(last + 1).unwrap(), None);
    }
    for (code, stops) in &program.log.calls {
        assert_eq!(trace.call_hits(*code).total().unwrap(), stops.len() as u64);
    }
    // Changes.
    let mut inside_one_block = 0;
    for (id, moments) in program.log.changes.iter().step_by(3) {
        let blocks = [moments[0], *moments.last().unwrap()];
        let blocks = blocks.map(|moment| trace.block_of_stop(moment));
        if !program.state.objects.contains_key(id) && blocks[0] + 1 >= blocks[1] {
            // A moment at a boundary may belong to either block.
            inside_one_block += 1;
            continue;
        }
        let found: Vec<u64> =
            trace.changes_of(*id, state.stops).take(60).map(Result::unwrap).collect();
        let naive: Vec<u64> =
            moments.iter().rev().take(60).map(|moment| moment.saturating_sub(1)).collect();
        assert_eq!(found, naive, "object {id}");
    }
    assert!(inside_one_block < program.log.changes.len());
    // Spans.
    for (activation, first, last, caller) in program.log.spans.iter().step_by(5) {
        let block = trace.block_of_stop(*first) + 1;
        let found = trace.frame_span(block, *activation).unwrap();
        if trace.bounds(block).first_stop <= *last && block < trace.block_count() {
            let found = found.unwrap();
            assert_eq!((found.first, found.last), (*first, Some(*last)));
            assert_eq!(found.caller, *caller);
        }
    }
    for frames in state.stacks.values() {
        for (depth, frame) in frames.iter().enumerate() {
            let end = trace.block_count();
            let found = trace.frame_span(end, frame.activation).unwrap().unwrap();
            assert_eq!((found.first, found.last), (frame.entered, None));
            let caller = depth.checked_sub(1).map(|depth| frames[depth].activation);
            assert_eq!(found.caller, caller);
        }
    }
}

fn check_boundary(trace: &Trace, block: usize, state: &State) {
    let stacks = trace.stacks_at(block).unwrap();
    if block > 0 {
        assert_eq!(stacks.current, state.current);
    }
    for (thread, frames) in &state.stacks {
        let found = stacks.threads.iter().find(|stack| stack.thread == *thread);
        let found = found.map(|stack| &stack.frames[..]).unwrap_or_default();
        assert_eq!(found.len(), frames.len(), "thread {thread} at block {block}");
        for (found, frame) in found.iter().zip(frames) {
            check_frame(found, frame, &format!("block {block}"));
        }
    }
    for (activation, frame) in &state.suspended {
        let found = trace.suspended_at(block, *activation).unwrap().unwrap();
        check_frame(&found, frame, &format!("suspended, block {block}"));
    }
}

/// `ring`: so much of the events (in eighths) never reached the file.
fn run(seed: u64, steps: u64, limits: (usize, u64), sample_every: u64, ring: usize) {
    let mut program = Program::new(seed);
    for _ in 0..steps {
        program.step();
    }
    let file = path(&format!("model-{seed}"));
    write(&file, &program.bytes, limits, true);
    let trace = Trace::open(&file).unwrap();
    assert!(trace.block_count() > 20, "{} blocks", trace.block_count());
    let offsets = block_offsets(&trace);
    assert_eq!(*offsets.last().unwrap(), program.bytes.len());
    for (block, offsets) in offsets.windows(2).enumerate() {
        let events = &program.bytes[offsets[0]..offsets[1]];
        assert_eq!(trace.block(block).unwrap().raw(), events);
    }
    let (trace, offsets) = if ring == 0 {
        (trace, offsets)
    } else {
        let cut = offsets[trace.block_count() / 8 * (8 - ring)];
        write(&file, &program.bytes[..cut], limits, false);
        // The writer was killed before it gave the last bytes back to the ring.
        let tail = cut - cut.min(70_000);
        let tail = *offsets.iter().find(|offset| **offset >= tail).unwrap();
        leave_ring(&file, &program.bytes, tail, program.bytes.len());
        let trace = Trace::open(&file).unwrap();
        assert!(!trace.is_complete() && trace.is_in_ring(trace.block_count() - 1));
        let offsets = block_offsets(&trace);
        (trace, offsets)
    };
    // The same again, with the states at the block boundaries and at many stops.
    let mut again = Program::new(seed);
    again.wanted_offsets = offsets.clone();
    again.sample_every = sample_every;
    for _ in 0..steps {
        again.step();
    }
    assert_eq!(again.bytes, program.bytes);
    check_program(&trace, &again);
    for (offset, state) in &again.at_offsets {
        let block = offsets.iter().position(|at| at == offset).unwrap();
        check_boundary(&trace, block, state);
    }
    check_boundary(&trace, trace.block_count(), &again.state);
    for block in 0..trace.block_count() {
        trace.check_block(block).unwrap();
    }
    for state in &again.at_stops {
        check_state(&trace, state);
    }
    check_state(&trace, &again.state);
    std::fs::remove_file(moviola_format::ring::path_beside(&file)).ok();
    std::fs::remove_file(file).unwrap();
}

fn block_offsets(trace: &Trace) -> Vec<usize> {
    let mut offsets = vec![0];
    for block in 0..trace.block_count() {
        offsets.push(offsets[block] + trace.bounds(block).raw_len as usize);
    }
    offsets
}

#[test]
fn small_blocks() {
    for seed in 1..4 {
        run(seed, 9_000, (600, 1000), 1201, 0);
    }
}

#[test]
fn many_blocks_with_fences_of_both_levels() {
    run(11, 30_000, (300, 40), 4003, 0);
}

#[test]
fn larger_blocks() {
    run(21, 50_000, (8000, 2000), 6007, 0);
}

#[test]
fn the_end_is_still_in_the_ring() {
    run(31, 9_000, (600, 1000), 1501, 3);
    run(32, 9_000, (600, 1000), 1501, 8);
}
