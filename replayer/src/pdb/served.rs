//! A debugger session behind the protocol of `moviola serve`.

use super::Engine;
use crate::serve::{Answers, wire};
use serde_json::Value as Json;
use std::fmt::Write as _;

impl Engine {
    /// The answer to a request of the protocol, as JSON text. Beside what [`Answers`] knows, `{"ask": "command", "text"}` runs a
    /// debugger command: `{"lines": [text], "prompt", "quit", "at"}`.
    pub fn answer(&mut self, request: &Json) -> String {
        if request.get("ask").and_then(Json::as_str) != Some("command") {
            return Answers::new(&self.time).answer(request);
        }
        let reply = self.execute(request.get("text").and_then(Json::as_str).unwrap_or_default());
        let mut out = "{\"lines\":".to_owned();
        wire::list(&mut out, &reply.lines, |out, line| wire::string(out, line));
        out.push_str(",\"prompt\":");
        wire::string(&mut out, &reply.prompt);
        let _ = write!(out, ",\"quit\":{},\"at\":{}}}", reply.quit, self.position());
        out
    }
}
