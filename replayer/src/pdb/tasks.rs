//! `tasks`: the asyncio tasks that there are at a position.

use super::world::{FrameScope, Here};
use super::{Engine, Output};
use crate::show::repr;
use moviola_format::read::{OwnedValue, Status, TraceError};
use rustc_hash::FxHashSet;

/// The function of the standard library's event loops that makes tasks, and its local variable that holds the task.
const MAKER: (&str, &str, &str) = ("asyncio/base_events.py", "BaseEventLoop.create_task", "task");

/// A task.
struct Task {
    id: u64,
    /// The stop at which it was there first.
    born: u64,
}

impl Engine {
    /// `tasks`.
    pub(super) fn do_tasks(&mut self, out: &mut Output) -> Result<bool, TraceError> {
        let here = self.here();
        let mut any = false;
        for task in self.made_tasks()? {
            let state = self.time.object(task.id, self.moment.stop)?;
            if matches!(state.status, Status::Dead | Status::Unseen) {
                continue;
            }
            any = true;
            let text = repr(&OwnedValue::Ref(task.id), &here);
            out.say_value(&format!("   @{:<10} {text}", task.born));
        }
        if !any {
            out.say("There are no asyncio tasks at this position");
        }
        Ok(false)
    }

    /// The tasks that event loops have made up to the position.
    fn made_tasks(&self) -> Result<Vec<Task>, TraceError> {
        let (file, function, variable) = MAKER;
        let codes = self.time.trace().codes();
        let makers =
            codes.iter().filter(|code| code.qualname == function && code.filename.ends_with(file));
        let mut places: Vec<(u32, u32)> =
            makers.flat_map(|code| code.lines.iter().map(|line| (code.id as u32, *line))).collect();
        places.sort_unstable();
        let (mut tasks, mut known) = (Vec::new(), FxHashSet::default());
        let mut from = 0;
        while !places.is_empty()
            && let Some(stop) =
                self.time.next_at(&places, from)?.filter(|at| *at <= self.moment.stop)
        {
            from = stop + 1;
            let Some(moment) = self.time.innermost(stop)? else { break };
            let Some(level) = moment.stack.last() else { continue };
            let scope = FrameScope::new(Here::new(&self.time, stop), &moment, level);
            let held = scope.locals().iter().find(|(name, _)| name == variable);
            if let Some((_, OwnedValue::Ref(id))) = held
                && known.insert(*id)
            {
                tasks.push(Task { id: *id, born: stop });
            }
        }
        Ok(tasks)
    }
}
