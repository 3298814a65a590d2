//! A cache of shared things by size, the least recently used leaving first.

use rustc_hash::FxHashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
struct Inner<K, V> {
    entries: FxHashMap<K, (Arc<V>, usize, u64)>,
    size: usize,
    clock: u64,
}

/// The cache.
#[derive(Debug)]
pub struct Cache<K, V> {
    inner: Mutex<Inner<K, V>>,
    limit: usize,
}

impl<K: Hash + Eq + Copy, V> Cache<K, V> {
    /// One that holds `limit` bytes, and always the last entry.
    pub fn new(limit: usize) -> Self {
        let inner = Inner { entries: FxHashMap::default(), size: 0, clock: 0 };
        Self { inner: Mutex::new(inner), limit }
    }

    /// The entry of `key`, made by `make` (which also says its size) if it is not there.
    pub fn get<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<(V, usize), E>,
    ) -> Result<Arc<V>, E> {
        {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.clock += 1;
            let clock = inner.clock;
            if let Some((value, _, used)) = inner.entries.get_mut(&key) {
                *used = clock;
                return Ok(Arc::clone(value));
            }
        }
        let (value, size) = make()?;
        let value = Arc::new(value);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.size + size > self.limit {
            // Down to three quarters, so that this stays rare.
            let mut used: Vec<(u64, K)> =
                inner.entries.iter().map(|(key, entry)| (entry.2, *key)).collect();
            used.sort_unstable_by_key(|(used, _)| *used);
            for (_, old) in used {
                if inner.size + size <= self.limit / 4 * 3 {
                    break;
                }
                if let Some((_, size, _)) = inner.entries.remove(&old) {
                    inner.size -= size;
                }
            }
        }
        let clock = inner.clock;
        if let Some((_, old, _)) = inner.entries.insert(key, (Arc::clone(&value), size, clock)) {
            inner.size -= old;
        }
        inner.size += size;
        Ok(value)
    }
}
