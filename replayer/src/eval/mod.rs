//! Expressions over recorded values, evaluated natively. Runs only what the user typed: recorded
//! functions, properties and special methods are never called. An answer is exactly Python's, or
//! an error that says why there is none.

mod arith;
mod ast;
mod attr;
mod call;
mod compare;
mod complete;
mod construct;
mod dates;
mod error;
mod format;
mod item;
mod iter;
mod key;
mod library;
mod method;
mod percent;
mod plain;
mod quick;
mod run;
mod strings;
mod syntax;
#[cfg(test)]
mod tests;
mod val;

pub use complete::completions;
pub use error::EvalError;
pub use quick::Quick;
pub use syntax::{Change, Input, change, classify};
pub use val::Val;

pub(crate) use compare::order;
pub(crate) use plain::{
    dict_items, plain, plain_object, plain_value, scalar_payload, viewed_items,
};
pub(crate) use run::function_name;
pub(crate) use strings::is_space;

use crate::show::{Limits, Objects, Shown, pprint_value, repr_value};
use moviola_format::read::OwnedValue;
use std::sync::Arc;

/// Names in reach of an expression at one frame and position.
pub trait Scope: Objects {
    /// A local variable of the frame; `None` if it has none of that name or it is unbound.
    fn local(&self, name: &str) -> Option<OwnedValue>;

    /// What hides a variable: a value that the user has made; `Some(None)` if the user has deleted it.
    fn made(&self, _name: &str) -> Option<Option<Val>> {
        None
    }

    /// A global variable of the frame's module.
    fn global(&self, name: &str) -> Option<OwnedValue>;

    /// The value being returned, at a return stop: `__return__` in expressions.
    fn retval(&self) -> Option<OwnedValue> {
        None
    }

    /// The exception, at an exception stop: `__exception__` in expressions.
    fn exception(&self) -> Option<OwnedValue> {
        None
    }

    /// Names of the bound locals, for completion.
    fn local_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Names of the globals, for completion.
    fn global_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A parsed expression, to be evaluated any number of times.
#[derive(Debug, Clone)]
pub struct Expression {
    root: Arc<ast::Node>,
}

impl Expression {
    /// Parses.
    ///
    /// # Errors
    /// `SyntaxError`, or an expression that cannot be evaluated offline.
    pub fn parse(source: &str) -> Result<Self, EvalError> {
        Ok(Self { root: Arc::new(syntax::parse(source)?) })
    }

    /// Parses what may be beyond this evaluator: then evaluating it says so.
    ///
    /// # Errors
    /// `SyntaxError`.
    pub fn parse_any(source: &str) -> Result<Self, EvalError> {
        match Self::parse(source) {
            Err(EvalError::Unsupported(why)) => {
                Ok(Self { root: Arc::new(ast::Node::Refused(why.into())) })
            }
            parsed => parsed,
        }
    }

    /// Evaluates.
    ///
    /// # Errors
    /// What Python would raise, or why the value cannot be told.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Evaluated, EvalError> {
        let value = run::Eval::new(scope).top(&self.root)?;
        Ok(Evaluated { value })
    }
}

/// Parses and evaluates.
///
/// # Errors
/// What Python would raise, or why the value cannot be told.
pub fn evaluate(source: &str, scope: &dyn Scope) -> Result<Evaluated, EvalError> {
    Expression::parse(source)?.evaluate(scope)
}

/// The value of an expression.
#[derive(Debug, Clone)]
pub struct Evaluated {
    value: Val,
}

impl Evaluated {
    /// A recorded value as if an expression had it.
    #[must_use]
    pub fn recorded(value: &OwnedValue) -> Self {
        Self { value: Val::from(value) }
    }

    /// A value as if an expression had it.
    #[must_use]
    pub(crate) const fn made(value: Val) -> Self {
        Self { value }
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &Val {
        &self.value
    }

    /// The object id, if it is a recorded object.
    #[must_use]
    pub const fn object_id(&self) -> Option<u64> {
        if let Val::Ref(id) = self.value { Some(id) } else { None }
    }

    /// `repr`, within the default limits; not yet escaped for a terminal.
    #[must_use]
    pub fn repr(&self, objects: &dyn Objects) -> String {
        self.show(objects, &Limits::default()).text
    }

    /// `repr` within limits, with whether it is exact.
    #[must_use]
    pub fn show(&self, objects: &dyn Objects, limits: &Limits) -> Shown {
        repr_value(&self.value, objects, limits)
    }

    /// `pprint.pformat`.
    #[must_use]
    pub fn pprint(&self, objects: &dyn Objects) -> String {
        pprint_value(&self.value, objects)
    }

    /// Truth.
    ///
    /// # Errors
    /// If it depends on recorded code or on what was not recorded.
    pub fn is_true(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        run::Eval::new(scope).truth(&self.value)
    }

    /// The name of its type as in error messages.
    #[must_use]
    pub fn type_name(&self, objects: &dyn Objects) -> String {
        let class = crate::show::class::Class::of(&self.value, objects);
        class.map_or_else(|reason| reason.to_string(), |class| class.name().to_owned())
    }

    /// Whether two values are equal as far as that can be told (for watchpoints).
    ///
    /// # Errors
    /// If it depends on recorded code or on what was not recorded.
    pub fn equals(&self, other: &Self, scope: &dyn Scope) -> Result<bool, EvalError> {
        run::Eval::new(scope).equal(&self.value, &other.value)
    }
}
