//! CPython 3.13: offsets of private structs and the opcodes that the recorder tells apart.
//! From the headers and `opcode` module of 3.13.0; numbers only.
#![allow(missing_docs)]

pub const MINOR: u32 = 13;

pub const TSTATE_ID: usize = 224;
pub const TSTATE_THREAD_ID: usize = 152;
pub const TSTATE_NATIVE_ID: usize = 160;
pub const TSTATE_CURRENT_FRAME: usize = 72;
/// Where the call sites' shortcuts are in the interpreter state, and that state's size.
pub const INTERP_CALLABLE_CACHE: usize = 193072;
pub const INTERP_SIZE: usize = 194968;
/// Where the list of what `gc.freeze` puts aside is in the interpreter state.
pub const INTERP_PERMANENT: usize = 7504;
/// In a generator, coroutine or asynchronous generator: its frame, and whether it runs.
pub const GEN_FRAME: usize = 72;
pub const GEN_STATE: usize = 67;
pub const FRAME_CODE: usize = 0;
pub const FRAME_GLOBALS: usize = 24;
pub const FRAME_LOCALS: usize = 40;
pub const FRAME_LOCALSPLUS: usize = 72;
pub const FRAME_INSTRUCTION: usize = 56;
pub const CODE_ADAPTIVE: usize = 200;
pub const CODE_LINETABLE: usize = 136;
pub const CODE_EXCEPTIONTABLE: usize = 40;
pub const CODE_FLAGS: usize = 48;
pub const CODE_FIRSTLINENO: usize = 68;
pub const CODE_LOCALSPLUSNAMES: usize = 96;
pub const CODE_LOCALSPLUSKINDS: usize = 104;
pub const CODE_FILENAME: usize = 112;
pub const CODE_NAME: usize = 120;
pub const CODE_QUALNAME: usize = 128;
pub const CODE_EXTRA: usize = 192;
pub const CODE_ARGCOUNT: usize = 52;
pub const CODE_KWONLYARGCOUNT: usize = 60;

/// Opcode numbers; above 255 where the version lacks the instruction.
pub mod opcode {
    #![allow(missing_docs)]
    pub const RESUME: u16 = 149;
    pub const END_FOR: u16 = 11;
    pub const END_SEND: u16 = 12;
    pub const END_ASYNC_FOR: u16 = 10;
    pub const SEND: u16 = 104;
    pub const JUMP_BACKWARD_NO_INTERRUPT: u16 = 78;
    pub const STORE_FAST: u16 = 110;
    pub const DELETE_FAST: u16 = 65;
    pub const STORE_FAST_STORE_FAST: u16 = 112;
    pub const STORE_FAST_LOAD_FAST: u16 = 111;
    pub const LOAD_FAST_AND_CLEAR: u16 = 86;
    pub const STORE_DEREF: u16 = 109;
    pub const DELETE_DEREF: u16 = 64;
    pub const STORE_SUBSCR: u16 = 39;
    pub const STORE_GLOBAL: u16 = 113;
    pub const STORE_NAME: u16 = 114;
    pub const DELETE_NAME: u16 = 67;
    pub const DELETE_GLOBAL: u16 = 66;
    pub const EXTENDED_ARG: u16 = 71;
    pub const IMPORT_STAR: u16 = 65281;
    pub const YIELD_VALUE: u16 = 118;
}

/// Inline cache entries (code units) that follow an instruction.
pub const fn caches(opcode: u8) -> usize {
    match opcode {
        5 | 39 | 45 | 58 | 59 | 72 | 77 | 93 | 97 | 98 | 99 | 100 | 104 | 117 => 1,
        40 | 53 => 3,
        91 | 108 => 4,
        82 => 9,
        _ => 0,
    }
}

/// Direction of a jump instruction: 1 forward, -1 backward, 0 no jump.
pub const fn jump(opcode: u8) -> i32 {
    match opcode {
        72 | 79 | 97 | 98 | 99 | 100 | 104 => 1,
        77 | 78 => -1,
        _ => 0,
    }
}

/// Whether a jump has no other way.
pub const fn is_always_jump(opcode: u8) -> bool {
    matches!(opcode, 77..=79)
}

/// Whether an instruction raises an exception again that has come before.
pub const fn is_reraise(opcode: u8) -> bool {
    opcode == 102
}

/// Whether an instruction ends a way: a return or a raise.
pub const fn is_end(opcode: u8) -> bool {
    matches!(opcode, 36 | 101 | 103)
}

/// Instructions that cannot fail, of those that are on many ways: POP_TOP, NOP, POP_EXCEPT, SWAP,
/// LOAD_CONST, COPY, LOAD_FAST.
pub const fn is_safe(opcode: u8) -> bool {
    matches!(opcode, 30 | 31 | 32 | 61 | 83 | 85 | 115)
}
