//! `exceptions`: the chain of the exception that ended the program; all that were raised.

use super::watch::PAGE;
use super::words::exception_line;
use super::world::Here;
use super::{Engine, Output};
use crate::machine::StopKind;
use crate::show::class::field;
use crate::show::{Objects, known, repr};
use crate::timeline::Seek;
use moviola_format::event::Reason;
use moviola_format::read::{OwnedValue, TraceError};

/// Exceptions followed (`pdb.Pdb.MAX_CHAINED_EXCEPTION_DEPTH`).
const CHAIN_MAX: usize = 999;

impl Engine {
    /// The exception of the crash and what it came from, the first one first.
    fn chain(&self) -> Vec<u64> {
        let mut chain = Vec::new();
        let here = self.at_crash();
        let mut next = match self.crash_exception {
            Some(id) if self.in_chain => Some(id),
            _ => None,
        };
        while let Some(id) = next.filter(|id| !chain.contains(id) && chain.len() < CHAIN_MAX) {
            chain.push(id);
            let Ok(state) = here.object(id).and_then(known) else { break };
            let named = |name| match field(&state, name) {
                Some(OwnedValue::Ref(id)) => Some(*id),
                _ => None,
            };
            let suppressed = field(&state, "__suppress_context__") == Some(&OwnedValue::Bool(true));
            next = named("__cause__").or_else(|| named("__context__").filter(|_| !suppressed));
        }
        chain.reverse();
        chain
    }

    /// `exceptions [number]`, `exceptions --all [#FROM]`.
    pub(super) fn do_exceptions(
        &mut self,
        argument: &str,
        out: &mut Output,
    ) -> Result<(), TraceError> {
        if let Some(from) = argument.strip_prefix("--all") {
            return self.list_exceptions(from.trim(), out);
        }
        let chain = self.chain();
        if chain.is_empty() {
            out.say(
                "Did not find chained exceptions. To move between exceptions, pdb/post_mortem must \
                 be given an exception object rather than a traceback.",
            );
            return Ok(());
        }
        let current = self.chain_index.unwrap_or(chain.len() - 1);
        if argument.is_empty() {
            let here = self.at_crash();
            for (at, id) in chain.iter().enumerate() {
                let mark = if at == current { ">" } else { " " };
                let number = match self.raised(*id)? {
                    Some(_) => at.to_string(),
                    None => "-".to_owned(),
                };
                let mut text = repr(&OwnedValue::Ref(*id), &here);
                if text.chars().count() > 80 {
                    text = text.chars().take(77).chain("...".chars()).collect();
                }
                out.say_value(&format!("{mark} {number:>3} {text}"));
            }
            return Ok(());
        }
        let Ok(number) = argument.parse::<i64>() else {
            out.error("Argument must be an integer");
            return Ok(());
        };
        let Some(id) = usize::try_from(number).ok().and_then(|number| chain.get(number)) else {
            out.error("No exception with that number");
            return Ok(());
        };
        let raised = self.raised(*id)?;
        let Some(stop) = raised else {
            out.error("This exception does not have a traceback, cannot jump to it");
            return Ok(());
        };
        let crash = self.crash_exception;
        self.arrive(stop)?;
        (self.crash_exception, self.in_chain) = (crash, true);
        self.chain_index = usize::try_from(number).ok();
        self.show_entry(self.level, out);
        Ok(())
    }

    /// Every exception that the program raised, handled or not.
    fn list_exceptions(&self, from: &str, out: &mut Output) -> Result<(), TraceError> {
        let skip = match from.strip_prefix('#').unwrap_or(from) {
            "" => Some(0),
            number => number.parse::<usize>().ok(),
        };
        let Some(skip) = skip else {
            let shown = super::breaks::quoted(from);
            out.error(format!("Error in argument: {shown}; exceptions --all [#FROM]"));
            return Ok(());
        };
        let (mut from, mut number) = (self.start, 0);
        while let Some(stop) = self.time.next_begun(from, u64::MAX, "*")? {
            if number == skip + PAGE {
                out.say(format!("... more: exceptions --all #{number}"));
                return Ok(());
            }
            if number >= skip {
                let value = self.time.innermost(stop)?.and_then(|moment| moment.value);
                let value = value.unwrap_or(OwnedValue::Unknown(Reason::Detail));
                let line = exception_line(&value, &Here::new(&self.time, stop));
                let mark = if stop == self.moment.stop { ">" } else { " " };
                let place = self.entry_of(stop)?;
                out.say_value(&format!("{mark} {number:>3} @{stop:<10} {place}  {line}"));
            }
            (from, number) = (stop + 1, number + 1);
        }
        if number == 0 {
            out.say("The program raised no exception");
        } else if number <= skip {
            out.say(format!("There are {number} exceptions"));
        }
        Ok(())
    }

    /// Goes to where an exception of `exceptions --all` was raised, without a word.
    ///
    /// # Errors
    /// What there is instead.
    pub fn place_at_exception(&mut self, number: usize) -> Result<(), String> {
        let problem = |error: TraceError| format!("cannot read the trace: {error}");
        let mut from = self.start;
        for before in 0..=number {
            let Some(stop) = self.time.next_begun(from, u64::MAX, "*").map_err(problem)? else {
                return Err(match before {
                    0 => "the program raised no exception".to_owned(),
                    count => format!("the program raised {count} exceptions, counted from 0"),
                });
            };
            from = stop + 1;
        }
        self.place(&format!("@{}", from - 1))
    }

    /// Whether the program ended in an uncaught exception.
    #[must_use]
    pub const fn crashed(&self) -> bool {
        self.crash.is_some()
    }

    /// The objects as they were when the program ended: an exception of the chain may be younger than
    /// where the session stands.
    fn at_crash(&self) -> Here<'_> {
        Here::new(&self.time, self.crash.unwrap_or(self.moment.stop))
    }

    /// The stop at which an exception was raised: the innermost frame of its traceback, however often
    /// it was raised again.
    fn raised(&self, id: u64) -> Result<Option<u64>, TraceError> {
        self.time.find_forward(0, Seek::Anything, |_, record| {
            record.kind == StopKind::Raise && record.raised == id
        })
    }
}
