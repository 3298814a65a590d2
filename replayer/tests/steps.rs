//! The verbs against a naive reading of the whole list of stops, on random programs cut into
//! blocks of several sizes; and the walk back as the mirror of the walk ahead.

mod common;

use common::{FUNCTION, GENERATOR, Script};
use moviola_format::read::OwnedValue;
use moviola_replayer::machine::StopKind;
use moviola_replayer::timeline::{Moment, Record, Selected, Timeline, Verb};

/// A random program of functions, exceptions, generators and two threads.
fn program(seed: u64) -> Script {
    long_program(seed, 400)
}

fn long_program(seed: u64, length: i64) -> Script {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = move |n: u64| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    };
    let mut script = Script::new("pass\n");
    // Any line of the program may be one of any function.
    let lines: Vec<u32> = (1..60).collect();
    let main = script.code("<module>", 0, &lines, &["x"]);
    let functions: Vec<u64> =
        (0..3).map(|n| script.code(&format!("f{n}"), FUNCTION, &lines, &["x", "y"])).collect();
    let generator = script.code("gen", GENERATOR, &lines, &["x"]);
    script.call(main);
    let mut depth = [1_usize, 0];
    let mut resting: Vec<u64> = Vec::new();
    let mut generators: Vec<(usize, usize, u64)> = Vec::new();
    let mut thread = 0_usize;
    let mut second = false;
    for n in 0..length {
        let inside = generators.iter().rposition(|(t, d, _)| (*t, *d) == (thread, depth[thread]));
        match below(20) {
            0..=9 => {
                let base = if inside.is_some() { 51 } else { 10 * below(3) as i64 + 1 };
                script.store(0, n).line(base + below(5) as i64);
            }
            10..=12 if depth[thread] < 8 => {
                script.call(functions[below(3) as usize]);
                depth[thread] += 1;
            }
            13..=14 if depth[thread] > 1 => {
                if let Some(at) = inside {
                    generators.remove(at);
                }
                script.ret(n);
                depth[thread] -= 1;
            }
            15 if depth[thread] > 1 => {
                if let Some(at) = inside {
                    generators.remove(at);
                }
                let id = script.exception("ValueError", "x");
                script.raise(id).unwind();
                depth[thread] -= 1;
                script.raise(id);
            }
            16 if depth[thread] < 8 => {
                let activation = script.call(generator);
                depth[thread] += 1;
                generators.push((thread, depth[thread], activation));
            }
            17 => {
                if let Some(at) = inside {
                    let (_, _, activation) = generators.remove(at);
                    script.yields(n);
                    depth[thread] -= 1;
                    resting.push(activation);
                }
            }
            18 if !resting.is_empty() && depth[thread] < 8 => {
                let activation = resting.remove(below(resting.len() as u64) as usize);
                script.resume(activation);
                depth[thread] += 1;
                generators.push((thread, depth[thread], activation));
            }
            19 => {
                if !second {
                    second = true;
                    script.thread(1, "worker");
                    script.call(functions[0]);
                    depth[1] = 1;
                    thread = 1;
                } else {
                    thread = 1 - thread;
                    script.switch(thread as u64);
                }
            }
            _ => {}
        }
    }
    script
}

fn records(time: &Timeline) -> Vec<Record> {
    (0..time.len()).map(|stop| time.record(stop).unwrap().unwrap()).collect()
}

fn moment(time: &Timeline, stop: u64) -> Moment {
    time.moment(stop).unwrap().unwrap()
}

type Shape = Vec<(u64, u32, u64, Vec<OwnedValue>)>;

fn shape(moment: &Moment) -> Shape {
    let levels = moment.stack.iter();
    levels
        .map(|level| {
            let frame = &level.frame;
            let mut locals = frame.locals.clone();
            while locals.last() == Some(&OwnedValue::Unbound) {
                locals.pop();
            }
            (frame.activation, level.number(), frame.entered, locals)
        })
        .collect()
}

fn ahead(time: &Timeline, stop: u64, verb: Verb) -> Option<u64> {
    let moment = moment(time, stop);
    time.forward(Selected { moment: &moment, level: moment.stack.len() - 1 }, verb).unwrap()
}

fn back(time: &Timeline, stop: u64, verb: Verb) -> Option<u64> {
    let moment = moment(time, stop);
    time.backward(Selected { moment: &moment, level: moment.stack.len() - 1 }, verb).unwrap()
}

#[test]
fn blocks_of_any_size_answer_the_same() {
    for seed in 1..6 {
        let script = program(seed);
        let whole = Timeline::new(script.trace(&format!("whole-{seed}"), 1 << 20));
        let all = records(&whole);
        for bytes in [40, 150, 600] {
            let cut = Timeline::new(script.trace(&format!("cut-{seed}-{bytes}"), bytes));
            assert!(cut.trace().block_count() > 2);
            assert_eq!(records(&cut), all);
            for stop in 0..whole.len() {
                let (a, b) = (moment(&whole, stop), moment(&cut, stop));
                assert_eq!((a.thread, a.kind, &a.value), (b.thread, b.kind, &b.value));
                assert_eq!(shape(&a), shape(&b), "seed {seed}, blocks of {bytes}, @{stop}");
                for verb in [Verb::Step, Verb::Next, Verb::Return, Verb::Until(None)] {
                    let context = format!("seed {seed}, blocks of {bytes}, @{stop}, {verb:?}");
                    assert_eq!(ahead(&whole, stop, verb), ahead(&cut, stop, verb), "{context}");
                    assert_eq!(back(&whole, stop, verb), back(&cut, stop, verb), "{context}");
                }
            }
        }
    }
}

#[test]
fn stepping_back_is_the_mirror_of_stepping() {
    for seed in 6..10 {
        let time = Timeline::new(program(seed).trace(&format!("mirror-{seed}"), 200));
        for stop in 0..time.len() {
            if let Some(next) = ahead(&time, stop, Verb::Step) {
                assert_eq!(back(&time, next, Verb::Step), Some(stop));
            }
            if let Some(previous) = back(&time, stop, Verb::Step) {
                assert_eq!(ahead(&time, previous, Verb::Step), Some(stop));
            }
        }
    }
}

#[test]
fn next_and_its_twin_mirror_each_other_within_a_frame() {
    for seed in 10..14 {
        let time = Timeline::new(program(seed).trace(&format!("next-{seed}"), 200));
        let all = records(&time);
        for stop in 0..time.len() {
            let here = all[stop as usize];
            let Some(next) = ahead(&time, stop, Verb::Next) else { continue };
            let there = all[next as usize];
            let plain = |kind| matches!(kind, StopKind::Line | StopKind::Raise);
            if here.activation == there.activation && plain(here.kind) && plain(there.kind) {
                assert_eq!(back(&time, next, Verb::Next), Some(stop), "seed {seed}, @{stop}");
            }
        }
    }
}

#[test]
fn next_is_the_next_stop_of_the_frame() {
    for seed in 14..18 {
        let time = Timeline::new(program(seed).trace(&format!("naive-{seed}"), 120));
        let all = records(&time);
        for (stop, here) in all.iter().enumerate() {
            if here.kind.is_return() || here.code == 4 {
                continue;
            }
            let naive =
                all.iter().enumerate().skip(stop + 1).find(|(_, record)| {
                    record.activation == here.activation && !record.kind.is_call()
                });
            let found = ahead(&time, stop as u64, Verb::Next);
            assert_eq!(found, naive.map(|(at, _)| at as u64), "seed {seed}, @{stop}");
        }
    }
}

#[test]
fn the_twin_of_return_goes_to_the_call() {
    let mut script = Script::new("pass\n");
    let main = script.code("<module>", 0, &[1, 2], &[]);
    let f = script.code("f", FUNCTION, &[10, 11, 12], &["x"]);
    script.call(main); // @0
    script.line(1).line(2); // @1 @2
    script.call(f); // @3
    script.line(11).line(12); // @4 @5
    script.ret(5); // @6
    script.line(1).ret(0); // @7 @8
    let time = Timeline::new(script.trace("finish", 1 << 20));
    assert_eq!(back(&time, 5, Verb::Return), Some(2));
    assert_eq!(back(&time, 5, Verb::Next), Some(4));
    assert_eq!(back(&time, 4, Verb::Next), Some(2), "from the first line to the caller's");
    assert_eq!(back(&time, 5, Verb::Until(None)), Some(4));
    assert_eq!(back(&time, 4, Verb::Until(None)), Some(3), "until stops where it was called");
    assert_eq!(back(&time, 7, Verb::Next), Some(2), "over the call");
    assert_eq!(ahead(&time, 4, Verb::Return), Some(6));
    assert_eq!(ahead(&time, 6, Verb::Next), Some(7), "from a return, next steps");
    assert_eq!(ahead(&time, 2, Verb::Next), Some(7));
    assert_eq!(ahead(&time, 7, Verb::Until(None)), Some(8), "or at the return");
    assert_eq!(ahead(&time, 8, Verb::Step), None);
    assert_eq!(back(&time, 0, Verb::Step), None);
}

#[test]
fn any_order_of_looks_gives_the_same() {
    let script = long_program(21, 8000);
    let time = Timeline::new(script.trace("order", 1 << 20));
    let other = Timeline::new(script.trace("order-2", 1 << 20));
    let count = time.len();
    assert!(count > 5000, "{count}");
    let in_order: Vec<_> =
        (0..count).map(|stop| moment(&time, stop)).map(|m| (m.thread, m.kind, shape(&m))).collect();
    let mut stop = 1;
    for _ in 0..300 {
        stop = (stop * 7919 + 4241) % count;
        let found = moment(&other, stop);
        assert_eq!((found.thread, found.kind, shape(&found)), in_order[stop as usize], "@{stop}");
    }
}
