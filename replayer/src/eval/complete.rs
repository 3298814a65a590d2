//! Completion of names and attributes in an expression that is being typed.

use super::run::{Eval, function_names};
use super::val::Val;
use super::{Expression, Scope};
use crate::show::class::{Class, builtin_type_names, text};
use moviola_format::read::OwnedValue;
use std::collections::BTreeSet;

const KEYWORDS: &[&str] =
    &["False", "None", "True", "and", "else", "for", "if", "in", "is", "lambda", "not", "or"];

/// What the name or attribute at the end of `prefix` may become, sorted: whole names, for an
/// attribute with what stands before it (`self.na` gives `self.name`).
#[must_use]
pub fn completions(prefix: &str, scope: &dyn Scope) -> Vec<String> {
    let start = prefix
        .char_indices()
        .rev()
        .take_while(|(_, char)| char.is_alphanumeric() || matches!(char, '_' | '.'))
        .last()
        .map_or(prefix.len(), |(at, _)| at);
    let word = &prefix[start..];
    let mut found = BTreeSet::new();
    match word.rsplit_once('.') {
        Some((before, part)) => {
            for name in attributes(before, scope).unwrap_or_default() {
                if name.starts_with(part) && (!name.starts_with('_') || part.starts_with('_')) {
                    found.insert(format!("{before}.{name}"));
                }
            }
        }
        None => {
            let names = scope.local_names().into_iter().chain(scope.global_names());
            found.extend(names.filter(|name| name.starts_with(word)));
            let fixed =
                function_names().chain(builtin_type_names()).chain(KEYWORDS.iter().copied());
            if !word.is_empty() {
                found.extend(fixed.filter(|name| name.starts_with(word)).map(str::to_owned));
            }
        }
    }
    found.into_iter().collect()
}

fn attributes(before: &str, scope: &dyn Scope) -> Option<Vec<String>> {
    let value = Expression::parse(before).ok()?.evaluate(scope).ok()?.value;
    let eval = Eval::new(scope);
    let mut out = Vec::new();
    let mut add = |items: Option<&Vec<(OwnedValue, OwnedValue)>>| {
        for (key, value) in items.into_iter().flatten() {
            if *value != OwnedValue::Unbound
                && let Some(name) = text(key, eval.objects)
            {
                out.push(name);
            }
        }
    };
    if let Val::Ref(id) = &value {
        let state = eval.state(*id).ok()?;
        add(state.attrs.as_ref());
        let plain_fields: Vec<_> = state
            .fields
            .iter()
            .flatten()
            .filter(|(key, _)| {
                state.kind != moviola_format::event::Kind::Class
                    || matches!(key, OwnedValue::Str(key) if key.starts_with(b"__"))
            })
            .cloned()
            .collect();
        add(Some(&plain_fields));
        if let Ok(Val::Ref(dict)) = eval.attribute(&value, "__dict__")
            && let Ok(dict) = eval.state(dict)
        {
            add(dict.map.as_ref());
        }
        let class = match Class::from_val(&value, eval.objects).ok()? {
            Some(class) => class,
            None => Class::of(&value, eval.objects).ok()?,
        };
        for base in class.mro(eval.objects).unwrap_or_default() {
            if let Class::Recorded(facts) = base {
                add(facts.state.attrs.as_ref());
            }
        }
    }
    if let Ok(Some(base)) = eval.base_type(&value) {
        out.extend(super::method::reading(base).map(str::to_owned));
    }
    Some(out)
}
