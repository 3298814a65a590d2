//! Processes, told from later ones with the same id. Must not allocate: the producer asks here in
//! the middle of the program.

/// A process, told from a later one with the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Its start time in clock ticks since boot; 0: not known.
    pub start: u64,
}

impl Process {
    /// The calling process.
    #[must_use]
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, start: process_state(pid).map_or(0, |(_, start)| start) }
    }

    /// Whether it lives; a zombie does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        is_alive(self.pid, self.start)
    }
}

/// State letter and start time (ticks since boot) of a process, from `/proc`. Neither allocates
/// nor needs anything but one free descriptor.
pub(super) fn process_state(pid: u32) -> Option<(u8, u64)> {
    let mut path = [0_u8; 32];
    let mut at = 0;
    for byte in b"/proc/" {
        path[at] = *byte;
        at += 1;
    }
    let mut digits = [0_u8; 10];
    let mut count = 0;
    let mut rest = pid;
    while rest > 0 || count == 0 {
        digits[count] = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    for digit in digits[..count].iter().rev() {
        path[at] = *digit;
        at += 1;
    }
    for byte in b"/stat\0" {
        path[at] = *byte;
        at += 1;
    }
    let mut text = [0_u8; 1024];
    // SAFETY: `path` is NUL-terminated, the buffer has the given length, the descriptor is ours.
    let got = unsafe {
        let fd = libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return None;
        }
        let got = libc::read(fd, text.as_mut_ptr().cast(), text.len());
        libc::close(fd);
        usize::try_from(got).ok()?
    };
    // The name in parentheses may hold anything; the fields follow its last ')'.
    let text = &text[..got];
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = text[close + 1..].split(|byte| *byte == b' ').filter(|f| !f.is_empty());
    let state = *fields.next()?.first()?;
    let start = fields.nth(18)?.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| sum.wrapping_mul(10).wrapping_add(u64::from(digit)))
    })?;
    Some((state, start))
}

/// Whether a process is alive; a zombie and a later process with the same pid are not.
pub(super) fn is_alive(pid: u32, start: u64) -> bool {
    let Ok(signed) = i32::try_from(pid) else { return false };
    // SAFETY: signal 0 only asks.
    let exists = signed > 0
        && unsafe { libc::kill(signed, 0) == 0 || *libc::__errno_location() == libc::EPERM };
    if !exists {
        return false;
    }
    match process_state(pid) {
        Some((state, _)) if state == b'Z' || state == b'X' => false,
        Some((_, found)) => start == 0 || found == start,
        // No /proc, or no free descriptor: what kill said.
        None => true,
    }
}
