//! Replacing C function pointers: one small entry function per replaced pointer, a table of what
//! it replaced, and the hook that runs in its place.
//!
//! The program sees nothing of it: method objects, names and signatures stay what they are.
#![allow(unsafe_code)]

use crate::cpython::objects::Obj;
use crate::guard::{call_original, guarded};
use crate::rec::{Recorder, recorder};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A call of a replaced function. Arguments are as C passed them.
pub struct Call {
    /// The arguments; those that the function does not have are 0.
    pub args: [usize; 5],
    original: usize,
    shape: Shape,
    /// What the original returned, once it ran.
    result: Cell<Option<usize>>,
}

/// How many arguments a function takes, and what it returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Two pointers, returns a pointer: METH_O, METH_NOARGS, METH_VARARGS, binary slots, getters.
    Two,
    /// Three, returns a pointer: METH_FASTCALL, METH_VARARGS | METH_KEYWORDS.
    Three,
    /// Three, returns an int: assignment slots, `tp_init`, `tp_setattro`, setters.
    Slot,
    /// Four, returns a pointer: METH_FASTCALL | METH_KEYWORDS.
    Four,
    /// Five, returns a pointer: METH_METHOD | METH_FASTCALL | METH_KEYWORDS.
    Five,
}

/// What runs instead of a function: it must call [`Call::run`] once and return what that gave.
pub type Hook = unsafe fn(*mut Recorder, &Call) -> usize;

impl Call {
    /// The object that a method or slot was called on.
    #[inline]
    pub fn this(&self) -> Obj {
        self.args[0] as Obj
    }

    /// An argument as an object.
    #[inline]
    pub fn object(&self, index: usize) -> Obj {
        self.args[index] as Obj
    }

    /// Whether this is the function that was replaced.
    #[inline]
    pub fn is_of(&self, function: usize) -> bool {
        self.original == function
    }

    /// The positional arguments of a FASTCALL method.
    ///
    /// # Safety
    /// The call must be of such a method.
    pub unsafe fn fast(&self) -> &[Obj] {
        let (start, count) = match self.shape {
            Shape::Three | Shape::Four => (self.args[1], self.args[2]),
            Shape::Five => (self.args[2], self.args[3]),
            _ => return &[],
        };
        let count = count & (usize::MAX >> 1);
        if count == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(start as *const Obj, count) }
    }

    /// Calls the function that was replaced.
    ///
    /// # Safety
    /// Once per call, with no event under way.
    #[inline]
    pub unsafe fn run(&self) -> usize {
        type P = usize;
        let [a, b, c, d, e] = self.args;
        let f = self.original;
        // SAFETY: the pointer was found where the interpreter calls functions of this shape.
        let result = unsafe {
            match self.shape {
                Shape::Two => call_original!(f, (a, b), fn(P, P) -> P),
                Shape::Three => call_original!(f, (a, b, c), fn(P, P, P) -> P),
                Shape::Slot => {
                    let result = call_original!(f, (a, b, c), fn(P, P, P) -> i32);
                    result as isize as usize
                }
                Shape::Four => call_original!(f, (a, b, c, d), fn(P, P, P, P) -> P),
                Shape::Five => call_original!(f, (a, b, c, d, e), fn(P, P, P, P, P) -> P),
            }
        };
        self.result.set(Some(result));
        result
    }
}

struct Site {
    original: AtomicUsize,
    hook: AtomicUsize,
}

static SITES: [Site; COUNT] =
    [const { Site { original: AtomicUsize::new(0), hook: AtomicUsize::new(0) } }; COUNT];
static USED: AtomicUsize = AtomicUsize::new(0);

#[inline]
unsafe fn dispatch<const N: usize>(args: [usize; 5], shape: Shape) -> usize {
    let original = SITES[N].original.load(Ordering::Relaxed);
    let call = Call { args, original, shape, result: Cell::new(None) };
    let rec = recorder();
    // SAFETY: a site is filled before its entry function is put in place; the interpreter calls
    // it as it would have called the original.
    unsafe {
        if rec.is_null() {
            return call.run();
        }
        let hook = SITES[N].hook.load(Ordering::Relaxed);
        let hook = std::mem::transmute::<usize, Hook>(hook);
        match guarded(None, || Some(hook(rec, &call))) {
            Some(result) => result,
            // The hook failed before or after it called the original.
            None => call.result.get().unwrap_or_else(|| call.run()),
        }
    }
}

unsafe extern "C" fn two<const N: usize>(a: usize, b: usize) -> usize {
    // SAFETY: called by the interpreter in place of the original.
    unsafe { dispatch::<N>([a, b, 0, 0, 0], Shape::Two) }
}

unsafe extern "C" fn three<const N: usize>(a: usize, b: usize, c: usize) -> usize {
    // SAFETY: called by the interpreter in place of the original.
    unsafe { dispatch::<N>([a, b, c, 0, 0], Shape::Three) }
}

unsafe extern "C" fn slot<const N: usize>(a: usize, b: usize, c: usize) -> i32 {
    // SAFETY: called by the interpreter in place of the original.
    unsafe { dispatch::<N>([a, b, c, 0, 0], Shape::Slot) as i32 }
}

unsafe extern "C" fn four<const N: usize>(a: usize, b: usize, c: usize, d: usize) -> usize {
    // SAFETY: called by the interpreter in place of the original.
    unsafe { dispatch::<N>([a, b, c, d, 0], Shape::Four) }
}

unsafe extern "C" fn five<const N: usize>(
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
) -> usize {
    // SAFETY: called by the interpreter in place of the original.
    unsafe { dispatch::<N>([a, b, c, d, e], Shape::Five) }
}

macro_rules! entries {
    ($($number:literal)*) => {
        /// How many pointers can be replaced in a process.
        const COUNT: usize = [$($number),*].len();

        fn entry(shape: Shape, site: usize) -> usize {
            match shape {
                Shape::Two => {
                    const ALL: [unsafe extern "C" fn(usize, usize) -> usize; COUNT] =
                        [$(two::<$number>),*];
                    ALL[site] as usize
                }
                Shape::Three => {
                    const ALL: [unsafe extern "C" fn(usize, usize, usize) -> usize; COUNT] =
                        [$(three::<$number>),*];
                    ALL[site] as usize
                }
                Shape::Slot => {
                    const ALL: [unsafe extern "C" fn(usize, usize, usize) -> i32; COUNT] =
                        [$(slot::<$number>),*];
                    ALL[site] as usize
                }
                Shape::Four => {
                    const ALL: [unsafe extern "C" fn(usize, usize, usize, usize) -> usize;
                        COUNT] = [$(four::<$number>),*];
                    ALL[site] as usize
                }
                Shape::Five => {
                    const ALL: [unsafe extern "C" fn(usize, usize, usize, usize, usize) -> usize;
                        COUNT] = [$(five::<$number>),*];
                    ALL[site] as usize
                }
            }
        }
    };
}

#[rustfmt::skip]
entries! {
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
            61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89
            90 91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113
            114 115 116 117 118 119 120 121 122 123 124 125 126 127 128 129 130 131 132 133 134
            135 136 137 138 139 140 141 142 143 144 145 146 147 148 149 150 151 152 153 154 155
            156 157 158 159 160 161 162 163 164 165 166 167 168 169 170 171 172 173 174 175 176
            177 178 179 180 181 182 183 184 185 186 187 188 189 190 191 192 193 194 195 196 197
            198 199 200 201 202 203 204 205 206 207 208 209 210 211 212 213 214 215 216 217 218
            219 220 221 222 223
}

/// The entry function that stands for `original` with `hook`; 0 if there is no room left.
pub fn replacement(original: usize, shape: Shape, hook: Hook) -> usize {
    let used = USED.load(Ordering::Relaxed).min(COUNT);
    for (index, site) in SITES[..used].iter().enumerate() {
        let same = site.original.load(Ordering::Relaxed) == original
            && site.hook.load(Ordering::Relaxed) == hook as usize;
        if same || entry(shape, index) == original {
            return entry(shape, index);
        }
    }
    if used == COUNT {
        return 0;
    }
    SITES[used].original.store(original, Ordering::Relaxed);
    SITES[used].hook.store(hook as usize, Ordering::Relaxed);
    USED.store(used + 1, Ordering::Relaxed);
    entry(shape, used)
}

/// Puts an entry function in place of a function pointer. Null stays null.
///
/// # Safety
/// `place` must be a function pointer of `shape` that may be written.
pub unsafe fn replace(place: *mut usize, shape: Shape, hook: Hook) {
    // SAFETY: the caller's promise.
    unsafe {
        if place.is_null() || *place == 0 {
            return;
        }
        let new = replacement(*place, shape, hook);
        if new != 0 {
            *place = new;
        }
    }
}
