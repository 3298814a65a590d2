//! Room for the parser of sources, which recurses.

/// Deep nesting needs much stack.
const STACK_BYTES: usize = 256 << 20;
/// Larger files are not looked into.
const SOURCE_BYTES: usize = 8 << 20;

/// Looks into a source with room for deep nesting; `None` if it is too large.
pub fn with_room<T: Send + 'static>(
    source: &str,
    look: impl FnOnce(&str) -> T + Send + 'static,
) -> Option<T> {
    if source.len() > SOURCE_BYTES {
        return None;
    }
    let source = source.to_owned();
    let worker =
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || look(&source)).ok()?;
    worker.join().ok()
}
