//! A part of a trace says what the whole says: exports of the parts, one behind the other, are
//! the whole's export.

use crate::util::Place;
use serde_json::Value;
use std::collections::BTreeMap;

const PROGRAM: &str = "\
import threading
from collections import deque

class Node:
    __slots__ = ('value', 'next')
    kept = {}
    def __init__(self, value, next=None):
        self.value, self.next = value, next

def numbers(n):
    total = 0
    for i in range(n):
        got = yield total
        total += got if got is not None else i
    return total

def outer():
    gen = numbers(6)
    seen = []
    yield from gen
    seen.append('done')

big = list(range(1500))
table = {i: str(i) * 30 for i in range(400)}
blob = bytearray(b'x' * 20_000)
window = deque(maxlen=4)
chain = None
many = (numbers(k) for k in range(3))

def work(n, text='caf\\u00e9'):
    global chain
    if n == 0:
        big[700] = n
        blob[9000:9004] = b'abcd'
        raise KeyError(text)
    chain = Node(n, chain)
    Node.kept[n] = chain
    table[n] = [chain, big]
    return work(n - 1)

walker = outer()
for turn in walker:
    window.append(turn)
    big.append(turn)
    try:
        work(3)
    except KeyError as e:
        text = e.args[0]
    del table[100 + len(big) - 1501]

def other():
    for k in range(5):
        big.insert(0, k)
        table[k, k] = threading.current_thread().name

t = threading.Thread(target=other, name='second')
t.start()
t.join()
left = [next(g) for g in many if g is not None and 0] or [sum(numbers(4))]
print(len(big), len(table), left)
";

/// Rows by stream, each with its locals written out, without numbers that count from the start.
fn rows(export: &str) -> BTreeMap<String, Vec<Value>> {
    let mut streams: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut last: BTreeMap<u64, (Value, Value)> = BTreeMap::new();
    let mut name = String::new();
    for line in export.lines() {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let fields = row.as_object_mut().unwrap();
        if let Some(stream) = fields.get("stream") {
            name = stream.as_str().unwrap().rsplit('.').next().unwrap().to_owned();
            continue;
        }
        if fields.contains_key("end") {
            continue;
        }
        fields.remove("s");
        let activation = fields.remove("a").and_then(|a| a.as_u64()).unwrap();
        if fields.remove("=").is_some() {
            let (locals, heap) = last[&activation].clone();
            fields.insert("L".into(), locals);
            fields.insert("H".into(), heap);
        } else {
            last.insert(activation, (fields["L"].clone(), fields["H"].clone()));
        }
        streams.entry(name.clone()).or_default().push(row);
    }
    streams
}

#[test]
fn the_parts_say_what_the_whole_says() {
    let place = Place::new();
    place.write("p.py", PROGRAM);
    let recorded = place.record(&["p.py"]);
    assert_eq!((recorded.code, recorded.out.as_str()), (0, "1511 399 [4]\n"), "{recorded:?}");
    let export = |trace: &str| {
        let done = place.run(&["export", "--format", "jsonl", trace]);
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
        rows(&done.out)
    };
    let whole = export("t.moviola");
    assert!(whole["MainThread"].len() > 200 && whole["second"].len() > 10);
    let info = place.info("t.moviola");
    let stops = info["stops"].as_u64().unwrap();
    // The program's own frames are at the end: cut there, and at places that mean nothing.
    let mut cuts: Vec<u64> = (1..24).map(|n| stops * n / 24).chain([0, stops, stops - 7]).collect();
    cuts.extend((1..30).map(|n| stops - n * 11));
    cuts.sort_unstable();
    cuts.dedup();
    let mut joined: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let (mut part_stops, mut lines) = (0, 0);
    for pair in cuts.windows(2) {
        let (from, to) = (format!("@{}", pair[0]), format!("@{}", pair[1]));
        let cut =
            ["export", "--format", "trace", "--from", &from, "--to", &to, "-o", "part.moviola"];
        let done = place.run(&[&cut[..], &["t.moviola"]].concat());
        assert_eq!(done.code, 0, "{done:?}");
        let part = place.info("part.moviola");
        assert_eq!(part["warnings"], serde_json::json!([]), "{part}");
        if pair[0] > 0 {
            assert_eq!(part["segment"]["stops_before"], pair[0]);
            assert_eq!(part["segment"]["lines_before"], lines);
        }
        part_stops += part["stops"].as_u64().unwrap();
        lines += part["events"]["line"].as_u64().unwrap();
        assert_eq!(place.run(&["verify", "part.moviola"]).code, 0);
        for (name, mut rows) in export("part.moviola") {
            joined.entry(name).or_default().append(&mut rows);
        }
    }
    assert_eq!((part_stops, lines), (stops, info["events"]["line"].as_u64().unwrap()));
    for (name, rows) in &whole {
        for (at, (row, other)) in rows.iter().zip(&joined[name]).enumerate() {
            assert_eq!(row, other, "row {at} of {name}");
        }
        assert_eq!(rows.len(), joined[name].len(), "{name}");
    }
}

#[test]
fn a_part_is_debugged_like_any_trace() {
    let place = Place::new();
    place.write("p.py", PROGRAM);
    assert_eq!(place.record(&["p.py"]).code, 0);
    let ask = |trace: &str, commands: &[&str]| {
        let mut args = vec!["replay", trace];
        commands.iter().for_each(|command| args.extend(["-x", command]));
        let done = place.run(&args);
        assert_eq!(done.code, 0, "{done:?}");
        done.out
    };
    // The stop of the third raise, as the debugger names it.
    let find = ["b p.py:35", "c", "c", "c", "goto", "w", "p n, text, big[700], len(blob)", "q"];
    let said = ask("t.moviola", &find);
    let position = said.lines().find_map(|line| line.trim().strip_prefix('@')?.parse::<u64>().ok());
    let position = position.expect(&said);
    let (from, to) = (format!("@{}", position - 3), format!("@{}", position + 9));
    let cut = ["export", "--format", "trace", "--from", &from, "--to", &to, "-o", "part.moviola"];
    assert_eq!(place.run(&[&cut[..], &["t.moviola"]].concat()).code, 0);
    let part = ask("part.moviola", &["goto @3", "w", "p n, text, big[700], len(blob)", "q"]);
    let tail = |text: &str| text.lines().rev().take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(tail(&part), tail(&said));
}

#[test]
fn parts_that_cannot_be() {
    let place = Place::new();
    place.write("p.py", "x = 1\n");
    assert_eq!(place.record(&["p.py"]).code, 0);
    let cut = |more: &[&str]| place.run(&[&["export", "--format", "trace"], more].concat());
    for (more, said) in [
        (&["t.moviola"][..], "needs -o FILE"),
        (&["-o", "t.moviola", "t.moviola"], "cannot replace"),
        (&["-o", "n.moviola", "--from", "@999999", "t.moviola"], "no position"),
        (&["-o", "n.moviola", "--from", "@2", "--to", "@2", "t.moviola"], "there is nothing"),
    ] {
        let done = cut(more);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(said), "{done:?}");
    }
    assert_eq!(place.run(&["verify", "t.moviola"]).code, 0);
    assert_eq!(place.files(), ["p.py", "t.moviola"]);
}
