//! The counts file of `python -m trace -f`: a pickle of three dicts.

use super::{Function, Results};
use serde_pickle::{DeOptions, HashableValue as Key, SerOptions, Value};
use std::collections::BTreeMap;

/// Bytes of stack for a level of nesting.
const STACK_STEP: usize = 4 << 10;

impl Results {
    /// Reads a counts file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_pickle(bytes: Vec<u8>) -> Result<Self, String> {
        // The reader recurses, at worst once a byte.
        let stack = (8 << 20) + bytes.len().saturating_mul(STACK_STEP);
        let reader = std::thread::Builder::new().stack_size(stack);
        let reader = reader.spawn(move || Self::read(&bytes));
        let reader = reader.map_err(|error| format!("it is too large: {error}"))?;
        reader.join().map_err(|_| "it could not be read".to_owned())?
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let bad = || "it is no counts file of `trace`".to_owned();
        let value = serde_pickle::value_from_slice(bytes, DeOptions::new())
            .map_err(|error| format!("{}: {error}", bad()))?;
        let Value::Tuple(parts) = value else { return Err(bad()) };
        let Ok([Value::Dict(counts), Value::Dict(functions), Value::Dict(callers)]) =
            <[Value; 3]>::try_from(parts)
        else {
            return Err(bad());
        };
        let mut found = Self::default();
        for (key, count) in counts {
            let (Key::Tuple(key), Value::I64(count)) = (key, count) else { return Err(bad()) };
            let [Key::String(file), Key::I64(line)] = key.as_slice() else { return Err(bad()) };
            let line = u32::try_from(*line).map_err(|_| bad())?;
            let count = u64::try_from(count).map_err(|_| bad())?;
            found.counts.push(((file.clone(), line), count));
        }
        for key in functions.into_keys() {
            found.functions.insert(function(&key).ok_or_else(bad)?, 1);
        }
        for key in callers.into_keys() {
            let Key::Tuple(pair) = key else { return Err(bad()) };
            let [caller, called] = pair.as_slice() else { return Err(bad()) };
            let pair = function(caller).zip(function(called)).ok_or_else(bad)?;
            found.callers.insert(pair, 1);
        }
        Ok(found)
    }

    /// Writes a counts file.
    #[must_use]
    pub fn to_pickle(&self) -> Vec<u8> {
        let one = Value::I64(1);
        let counts = self.counts.iter().map(|((file, line), count)| {
            let key = Key::Tuple(vec![Key::String(file.clone()), Key::I64(i64::from(*line))]);
            (key, Value::I64(i64::try_from(*count).unwrap_or(i64::MAX)))
        });
        let functions = self.functions.keys().map(|function| (key(function), one.clone()));
        let callers = self
            .callers
            .keys()
            .map(|(caller, called)| (Key::Tuple(vec![key(caller), key(called)]), one.clone()));
        let value = Value::Tuple(vec![
            Value::Dict(counts.collect::<BTreeMap<_, _>>()),
            Value::Dict(functions.collect()),
            Value::Dict(callers.collect()),
        ]);
        // Texts and numbers can always be written.
        serde_pickle::value_to_vec(&value, SerOptions::new().proto_v2()).unwrap_or_default()
    }
}

fn key((file, module, name): &Function) -> Key {
    Key::Tuple([file, module, name].map(|text| Key::String(text.clone())).to_vec())
}

fn function(key: &Key) -> Option<Function> {
    let Key::Tuple(parts) = key else { return None };
    match parts.as_slice() {
        [Key::String(file), Key::String(module), Key::String(name)] => {
            Some((file.clone(), module.clone(), name.clone()))
        }
        _ => None,
    }
}
