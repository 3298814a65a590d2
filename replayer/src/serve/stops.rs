//! Stops, frames, code objects and sources as JSON.

use super::{Refused, wire, wrong};
use crate::eval::Val;
use crate::machine::StopKind;
use crate::pdb::world::{FrameScope, Here};
use crate::timeline::{Timeline, meta_of};
use std::fmt::Write as _;

/// Stops sent at once.
const STOPS_MAX: u64 = 100_000;

/// bdb's word for a kind of stop.
const fn event(kind: StopKind) -> &'static str {
    match kind {
        StopKind::Call | StopKind::Resume | StopKind::Throw => "call",
        StopKind::Line => "line",
        StopKind::Return | StopKind::Yield | StopKind::Unwind => "return",
        StopKind::Raise => "exception",
    }
}

/// What a kind of stop is called in the answers: `Call`, `Resume`, `Throw`, `Line`, `Return`, `Yield`, `Unwind`, `Raise`.
fn kind_name(kind: StopKind) -> String {
    format!("{kind:?}")
}

/// `{"protocol": 1, "stops", "python", "meta": {...}, "start", "crash"}`.
pub fn info(time: &Timeline) -> Result<String, Refused> {
    let mut out = format!("{{\"protocol\":1,\"stops\":{},\"python\":", time.len());
    wire::string(&mut out, meta_of(time.trace(), "python"));
    let position = |at: Option<u64>| at.map_or("null".to_owned(), |at| at.to_string());
    let (start, crash) = (position(time.start()?), position(time.crash()?));
    let _ = write!(out, ",\"start\":{start},\"crash\":{crash},\"meta\":{{");
    for (at, (key, value)) in time.trace().meta().iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        wire::string(&mut out, key);
        out.push(':');
        wire::string(&mut out, value);
    }
    out.push_str("}}");
    Ok(out)
}

/// Stops from a position on: `{"stops": [[event, kind, thread, activation, depth, code, line]]}`; code is null if unknown.
pub fn stops(time: &Timeline, from: u64, count: u64) -> Result<String, Refused> {
    let mut out = "{\"stops\":[".to_owned();
    let end = time.len().min(from.saturating_add(count.min(STOPS_MAX)));
    for stop in from..end {
        let Some(record) = time.record(stop)? else { break };
        if stop > from {
            out.push(',');
        }
        let code = if record.code == u32::MAX { -1 } else { i64::from(record.code) };
        let (event, kind) = (event(record.kind), kind_name(record.kind));
        let (thread, frame, depth) = (record.thread, record.activation, record.depth);
        let line = record.line;
        let _ = write!(out, "[\"{event}\",\"{kind}\",{thread},{frame},{depth},{code},{line}]");
    }
    out.push_str("]}");
    Ok(out)
}

/// The state at a stop: `{"at", "event", "kind", "thread", "value"?, "internal", "frames": [{"activation", "code", "line", "globals",
/// "locals": [[name, value]]}]}`, outermost frame first. The value is what is returned or raised.
pub fn moment(time: &Timeline, at: u64) -> Result<String, Refused> {
    let moment = time.moment(at)?.ok_or_else(|| wrong(format!("@{at} is not in the trace")))?;
    let here = Here::new(time, at);
    let (event, kind) = (event(moment.kind), kind_name(moment.kind));
    let mut out = format!(
        "{{\"at\":{at},\"event\":\"{event}\",\"kind\":\"{kind}\",\"thread\":{}",
        moment.thread
    );
    if let Some(value) = &moment.value {
        out.push_str(",\"value\":");
        wire::value(&mut out, &Val::from(value), &here);
    }
    let internal = moment.kind == StopKind::Raise && time.is_internal(&moment)?;
    let _ = write!(out, ",\"internal\":{internal}");
    out.push_str(",\"frames\":");
    wire::list(&mut out, &moment.stack, |out, level| {
        let code =
            i64::try_from(level.frame.code).ok().filter(|_| time.code(level.frame.code).is_some());
        let scope = FrameScope::new(here, &moment, level);
        let _ = write!(
            out,
            "{{\"activation\":{},\"code\":{},\"line\":{},\"globals\":{},\"locals\":",
            level.frame.activation,
            code.unwrap_or(-1),
            level.line.map_or("null".to_owned(), |line| line.to_string()),
            scope.globals_id().unwrap_or(0)
        );
        locals(out, &scope, &here);
        out.push('}');
    });
    out.push('}');
    Ok(out)
}

/// The local variables of a frame, as pairs of name and value.
pub fn locals(out: &mut String, scope: &FrameScope<'_>, here: &Here<'_>) {
    wire::list(out, scope.locals(), |out, (name, value)| {
        out.push('[');
        wire::string(out, name);
        out.push(',');
        wire::value(out, &Val::from(value), here);
        out.push(']');
    });
}

/// A code object: `{"filename", "name", "qualname", "first_line", "flags", "args", "slots": [[name, kind bits]], "lines"}`.
pub fn code(time: &Timeline, id: u64) -> Result<String, Refused> {
    let code = time.code(id).ok_or_else(|| wrong(format!("no code object {id}")))?;
    let mut out = "{\"filename\":".to_owned();
    crate::export::json::string(&mut out, &code.filename_bytes);
    for (key, text) in [("name", &code.name), ("qualname", &code.qualname)] {
        let _ = write!(out, ",\"{key}\":");
        wire::string(&mut out, text);
    }
    let _ = write!(
        out,
        ",\"first_line\":{},\"flags\":{},\"args\":{},\"slots\":",
        code.first_line, code.flags, code.arg_count
    );
    wire::list(&mut out, &code.slots, |out, (name, kind)| {
        out.push('[');
        wire::string(out, name);
        let _ = write!(out, ",{kind}]");
    });
    out.push_str(",\"lines\":");
    wire::list(&mut out, &code.lines, |out, line| {
        let _ = write!(out, "{line}");
    });
    out.push('}');
    Ok(out)
}

/// A source as it was when the program ran: `{"source": text}` or null.
pub fn source(time: &Timeline, file: &str) -> Result<String, Refused> {
    let mut out = "{\"source\":".to_owned();
    match time.trace().source(file) {
        Some(text) => wire::string(&mut out, &text),
        None => out.push_str("null"),
    }
    out.push('}');
    Ok(out)
}
