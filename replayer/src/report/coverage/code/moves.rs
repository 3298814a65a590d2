//! The moves between statements that a text allows, as coverage.py reckons them
//! (`coverage.parser.AstArcAnalyzer`, 7.17.3): only where more than one way leads on do they matter.

use super::possible::{is_irrefutable, is_not_zero};
use super::text::Lines;
use super::walk::{Node, nodes};
use ruff_python_ast as py;
use ruff_text_size::Ranged as _;
use std::collections::{BTreeMap, BTreeSet};

/// From a line to a line; minus the first line of a code object is its outside.
pub type Move = (i64, i64);

/// Why a move was not made and what it does, as parts of a sentence; `{lineno}` stands for the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// "the condition on line {lineno} was never true"; empty if there is nothing to say.
    pub cause: &'static str,
    /// "exit the module"; without it, the move is a jump.
    pub action: Option<String>,
}

/// The moves of a text.
#[derive(Debug, Clone, Default)]
pub struct Moves {
    /// The possible ones.
    pub all: BTreeSet<Move>,
    /// What is said of them.
    pub reasons: BTreeMap<Move, Vec<Reason>>,
    /// Python goes back to a `with` at its end: moves that stand for others, or for none.
    pub through_with: BTreeMap<Move, Option<Move>>,
}

impl Moves {
    /// A move as it is reported; `None` if it is part of leaving a `with`.
    #[must_use]
    pub fn shown(&self, made: Move) -> Option<Move> {
        self.through_with.get(&made).copied().unwrap_or(Some(made))
    }
}

/// The moves of a module whose statements on these lines can run.
pub fn moves(body: &[py::Stmt], lines: &Lines, possible: &BTreeSet<u32>) -> Moves {
    let mut finder = Finder {
        lines,
        possible,
        found: Moves::default(),
        blocks: Vec::new(),
        inside_with: BTreeSet::new(),
        withs: BTreeSet::new(),
        into_with: BTreeSet::new(),
        out_of_with: BTreeSet::new(),
    };
    finder.module(body);
    for node in nodes(body) {
        match node {
            Node::Stmt(statement @ py::Stmt::FunctionDef(def)) => finder.function(statement, def),
            Node::Stmt(statement @ py::Stmt::ClassDef(def)) => finder.class(statement, def),
            _ => {}
        }
    }
    finder.found.through_with = finder.jumps();
    let mut found = finder.found;
    let shown = found.all.iter().filter_map(|made| found.shown(*made));
    let shown = shown.map(|(from, to)| (lines.first_of_end(from), lines.first_of_end(to)));
    found.all = shown.filter(|(from, to)| from != to).collect();
    found
}

/// A line from which control goes on, and why it would not.
type Exit = (i64, &'static str);
type Exits = BTreeSet<Exit>;

enum Block {
    Loop { start: i64, breaks: Exits },
    Function { start: i64, name: String },
    Try { handler: Option<i64> },
}

#[derive(Clone, Copy, PartialEq)]
enum Jump {
    Break,
    Continue,
    Raise,
    Return,
}

struct Finder<'l> {
    lines: &'l Lines,
    possible: &'l BTreeSet<u32>,
    found: Moves,
    blocks: Vec<Block>,
    inside_with: BTreeSet<i64>,
    withs: BTreeSet<i64>,
    into_with: BTreeSet<Move>,
    out_of_with: BTreeSet<Move>,
}

impl Finder<'_> {
    fn module(&mut self, body: &[py::Stmt]) {
        let start = i64::from(self.lines.first(1));
        if body.is_empty() {
            self.found.all.insert((start, -start));
        }
        for (line, cause) in self.body(body, Exits::new()) {
            self.add(line, -start, cause, Some("exit the module".to_owned()));
        }
    }

    fn function(&mut self, statement: &py::Stmt, def: &py::StmtFunctionDef) {
        let start = self.line(statement);
        self.blocks.push(Block::Function { start, name: repr(def.name.as_str()) });
        let exits = self.body(&def.body, Exits::new());
        self.jump(Jump::Return, &exits);
        self.blocks.pop();
    }

    fn class(&mut self, statement: &py::Stmt, def: &py::StmtClassDef) {
        let start = self.line(statement);
        for (line, cause) in self.body(&def.body, Exits::new()) {
            let action = format!("exit class {}", repr(def.name.as_str()));
            self.add(line, -start, cause, Some(action));
        }
    }

    fn line(&self, statement: &py::Stmt) -> i64 {
        i64::from(self.lines.of(statement))
    }

    fn line_at(&self, node: &impl ruff_text_size::Ranged) -> i64 {
        i64::from(self.lines.first(self.lines.line(node.start())))
    }

    fn add(&mut self, from: i64, to: i64, cause: &'static str, action: Option<String>) {
        self.found.all.insert((from, to));
        if self.inside_with.contains(&from) {
            self.into_with.insert((from, to));
        }
        self.found.reasons.entry((from, to)).or_default().push(Reason { cause, action });
    }

    fn body(&mut self, body: &[py::Stmt], mut before: Exits) -> Exits {
        for statement in body {
            let line = self.line(statement);
            if !u32::try_from(line).is_ok_and(|line| self.possible.contains(&line)) {
                continue;
            }
            for (from, cause) in before {
                self.add(from, line, cause, None);
            }
            before = self.statement(statement);
        }
        before
    }

    fn body_from(&mut self, body: &[py::Stmt], line: i64, cause: &'static str) -> Exits {
        self.body(body, Exits::from([(line, cause)]))
    }

    /// What a statement jumps out by goes to the nearest block that takes it.
    fn jump(&mut self, jump: Jump, exits: &Exits) {
        for at in (0..self.blocks.len()).rev() {
            let to = match (&mut self.blocks[at], jump) {
                (Block::Loop { breaks, .. }, Jump::Break) => {
                    breaks.extend(exits);
                    return;
                }
                (Block::Loop { start, .. }, Jump::Continue) => Some((*start, None)),
                (Block::Function { start, name }, Jump::Raise) => {
                    Some((-*start, Some(format!("except from function {name}"))))
                }
                (Block::Function { start, name }, Jump::Return) => {
                    Some((-*start, Some(format!("return from function {name}"))))
                }
                (Block::Try { handler: Some(line) }, Jump::Raise) => Some((*line, None)),
                (Block::Try { handler: None }, Jump::Raise) => return,
                _ => None,
            };
            if let Some((to, action)) = to {
                for (from, cause) in exits {
                    self.add(*from, to, cause, action.clone());
                }
                return;
            }
        }
    }

    fn jumps_away(&mut self, jump: Jump, line: i64, cause: &'static str) -> Exits {
        self.jump(jump, &Exits::from([(line, cause)]));
        Exits::new()
    }

    /// The ways on from a statement.
    fn statement(&mut self, statement: &py::Stmt) -> Exits {
        use py::Stmt;
        let line = self.line(statement);
        match statement {
            Stmt::Break(_) => {
                self.jumps_away(Jump::Break, line, "the break on line {lineno} wasn't executed")
            }
            Stmt::Continue(_) => self.jumps_away(
                Jump::Continue,
                line,
                "the continue on line {lineno} wasn't executed",
            ),
            Stmt::Raise(_) => {
                self.jumps_away(Jump::Raise, line, "the raise on line {lineno} wasn't executed")
            }
            Stmt::Return(_) => {
                self.jumps_away(Jump::Return, line, "the return on line {lineno} wasn't executed")
            }
            Stmt::FunctionDef(def) => self.decorated(&def.decorator_list, &def.name),
            Stmt::ClassDef(def) => self.decorated(&def.decorator_list, &def.name),
            Stmt::For(each) => self.for_loop(each),
            Stmt::While(turn) => self.while_loop(turn),
            Stmt::If(test) => self.choice(&test.test, &test.body, &test.elif_else_clauses),
            Stmt::Match(choice) => self.cases(line, choice),
            Stmt::Try(guard) => self.guarded(line, guard),
            Stmt::With(with) => self.with(line, with),
            _ => Exits::from([(line, "")]),
        }
    }

    fn decorated(&mut self, decorators: &[py::Decorator], name: &py::Identifier) -> Exits {
        let own = i64::from(self.lines.line(name.start()));
        let mut last: Option<i64> = None;
        for decorator in decorators {
            let line = self.line_at(decorator);
            if let Some(last) = last.replace(line)
                && last != line
            {
                self.found.all.insert((last, line));
            }
        }
        if let Some(last) = last {
            self.found.all.insert((last, own));
        }
        Exits::from([(own, "")])
    }

    fn for_loop(&mut self, each: &py::StmtFor) -> Exits {
        let start = self.line_at(&*each.iter);
        self.blocks.push(Block::Loop { start, breaks: Exits::new() });
        let ends = self.body_from(&each.body, start, "the loop on line {lineno} never started");
        for (line, cause) in ends {
            self.add(line, start, cause, None);
        }
        let mut exits = self.breaks();
        let done = (start, "the loop on line {lineno} didn't complete");
        if each.orelse.is_empty() {
            exits.insert(done);
        } else {
            exits.extend(self.body(&each.orelse, Exits::from([done])));
        }
        exits
    }

    fn while_loop(&mut self, turn: &py::StmtWhile) -> Exits {
        let start = self.line_at(&*turn.test);
        let constant = constant(&turn.test).is_some();
        self.blocks.push(Block::Loop { start, breaks: Exits::new() });
        let cause = "the condition on line {lineno} was never true";
        for (line, cause) in self.body_from(&turn.body, start, cause) {
            self.add(line, start, cause, None);
        }
        let mut exits = self.breaks();
        let done = (start, "the condition on line {lineno} was always true");
        if !turn.orelse.is_empty() {
            exits.extend(self.body(&turn.orelse, Exits::from([done])));
        } else if !constant {
            exits.insert(done);
        }
        exits
    }

    fn breaks(&mut self) -> Exits {
        match self.blocks.pop() {
            Some(Block::Loop { breaks, .. }) => breaks,
            _ => Exits::new(),
        }
    }

    fn choice(
        &mut self,
        test: &py::Expr,
        body: &[py::Stmt],
        clauses: &[py::ElifElseClause],
    ) -> Exits {
        let start = self.line_at(test);
        let value = constant(test);
        let mut exits = Exits::new();
        if value != Some(false) {
            let cause = "the condition on line {lineno} was never true";
            exits.extend(self.body_from(body, start, cause));
        }
        if value != Some(true) {
            let cause = "the condition on line {lineno} was always true";
            exits.extend(self.otherwise(clauses, (start, cause)));
        }
        exits
    }

    fn otherwise(&mut self, clauses: &[py::ElifElseClause], from: Exit) -> Exits {
        let Some((clause, rest)) = clauses.split_first() else { return Exits::from([from]) };
        let Some(test) = &clause.test else { return self.body(&clause.body, Exits::from([from])) };
        let line = self.line_at(clause);
        if !u32::try_from(line).is_ok_and(|line| self.possible.contains(&line)) {
            return Exits::from([from]);
        }
        self.add(from.0, line, from.1, None);
        self.choice(test, &clause.body, rest)
    }

    fn cases(&mut self, line: i64, choice: &py::StmtMatch) -> Exits {
        let always = "the pattern on line {lineno} always matched";
        let mut last = line;
        let mut exits = Exits::new();
        for case in &choice.cases {
            let start = self.line_at(&case.pattern);
            self.add(last, start, always, None);
            let never = "the pattern on line {lineno} never matched";
            exits.extend(self.body_from(&case.body, start, never));
            last = start;
        }
        let is_last = |case: &py::MatchCase| case.guard.is_none() && is_irrefutable(&case.pattern);
        if !choice.cases.last().is_some_and(is_last) {
            exits.insert((last, always));
        }
        exits
    }

    fn guarded(&mut self, line: i64, guard: &py::StmtTry) -> Exits {
        let handlers = || guard.handlers.iter().map(|py::ExceptHandler::ExceptHandler(h)| h);
        let handler = handlers().next().map(|handler| self.line_at(handler));
        self.blocks.push(Block::Try { handler });
        let mut exits = self.body_from(&guard.body, line, "");
        // From here on it handles nothing, but what `finally` does comes after its clauses.
        let has_last = !guard.finalbody.is_empty();
        if has_last {
            if let Some(Block::Try { handler }) = self.blocks.last_mut() {
                *handler = None;
            }
        } else {
            self.blocks.pop();
        }
        let mut handled = Exits::new();
        for handler in handlers() {
            let start = self.line_at(handler);
            let cause = "the exception caught by line {lineno} didn't happen";
            handled.extend(self.body_from(&handler.body, start, cause));
        }
        if !guard.orelse.is_empty() {
            exits = self.body(&guard.orelse, exits);
        }
        exits.extend(handled);
        if has_last {
            self.blocks.pop();
            let any = !exits.is_empty();
            let last = self.body(&guard.finalbody, exits);
            return if any { last } else { Exits::new() };
        }
        exits
    }

    fn with(&mut self, line: i64, with: &py::StmtWith) -> Exits {
        self.inside_with.insert(line);
        self.withs.insert(line);
        let exits = self.body_from(&with.body, line, "");
        self.inside_with.remove(&line);
        if exits.is_empty() {
            return exits;
        }
        for (from, _) in exits {
            self.found.all.insert((from, line));
            if self.inside_with.contains(&from) {
                self.into_with.insert((from, line));
            }
            self.out_of_with.insert((from, line));
        }
        Exits::from([(line, "")])
    }

    /// Moves that lead back to a `with`, and those from there on.
    fn jumps(&self) -> BTreeMap<Move, Option<Move>> {
        let mut next: BTreeMap<i64, i64> = BTreeMap::new();
        for (from, to) in &self.found.all {
            if self.withs.contains(from) && !self.into_with.contains(&(*from, *to)) {
                next.entry(*from).or_insert(*to);
            }
        }
        // A `with` that ends another's body leads to where that one leads.
        let last = |mut start: i64| {
            let mut to = next[&start];
            while self.out_of_with.contains(&(start, to))
                && let Some(further) = next.get(&to)
            {
                (start, to) = (to, *further);
            }
            to
        };
        let mut jumps = BTreeMap::new();
        for (end, start) in &self.out_of_with {
            if next.contains_key(start) {
                jumps.insert((*end, *start), Some((*end, last(*start))));
            }
        }
        for (start, to) in &next {
            // A body on the same line does not come back.
            if !self.out_of_with.contains(&(*start, *start)) {
                jumps.insert((*start, *to), None);
            }
        }
        jumps
    }
}

/// A name between quotes, as Python shows it: names have no quotes in them.
fn repr(name: &str) -> String {
    format!("'{name}'")
}

/// The value of a test that coverage.py takes for constant (`is_constant_test_expr`).
fn constant(test: &py::Expr) -> Option<bool> {
    use py::Expr;
    match test {
        Expr::BooleanLiteral(value) => Some(value.value),
        Expr::NoneLiteral(_) => Some(false),
        Expr::EllipsisLiteral(_) => Some(true),
        Expr::StringLiteral(text) => Some(!text.value.is_empty()),
        Expr::BytesLiteral(bytes) => Some(bytes.value.bytes().next().is_some()),
        Expr::NumberLiteral(number) => Some(is_not_zero(&number.value)),
        Expr::Name(name) => (name.id.as_str() == "__debug__").then_some(true),
        Expr::UnaryOp(not) if not.op == py::UnaryOp::Not => constant(&not.operand).map(|v| !v),
        Expr::BoolOp(several) => {
            let values: Option<Vec<bool>> = several.values.iter().map(constant).collect();
            values.map(|values| match several.op {
                py::BoolOp::And => values.iter().all(|value| *value),
                py::BoolOp::Or => values.iter().any(|value| *value),
            })
        }
        _ => None,
    }
}
