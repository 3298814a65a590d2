//! CPython 3.12: offsets of private structs and the opcodes that the recorder tells apart.
//! From the headers and `opcode` module of 3.12.1; numbers only.
#![allow(missing_docs)]

pub const MINOR: u32 = 12;

pub const TSTATE_ID: usize = 224;
pub const TSTATE_THREAD_ID: usize = 136;
pub const TSTATE_NATIVE_ID: usize = 144;
pub const TSTATE_CFRAME: usize = 56;
pub const CFRAME_CURRENT_FRAME: usize = 0;
/// Where the call sites' shortcuts are in the interpreter state, and that state's size.
pub const INTERP_CALLABLE_CACHE: usize = 381704;
pub const INTERP_SIZE: usize = 383552;
/// Where the list of what `gc.freeze` puts aside is in the interpreter state.
pub const INTERP_PERMANENT: usize = 216;
/// In a generator, coroutine or asynchronous generator: its frame, and whether it runs.
pub const GEN_FRAME: usize = 72;
pub const GEN_STATE: usize = 67;
pub const FRAME_CODE: usize = 0;
pub const FRAME_GLOBALS: usize = 24;
pub const FRAME_LOCALS: usize = 40;
pub const FRAME_LOCALSPLUS: usize = 72;
pub const FRAME_INSTRUCTION: usize = 56;
pub const CODE_ADAPTIVE: usize = 192;
pub const CODE_LINETABLE: usize = 136;
pub const CODE_EXCEPTIONTABLE: usize = 40;
pub const CODE_FLAGS: usize = 48;
pub const CODE_FIRSTLINENO: usize = 68;
pub const CODE_LOCALSPLUSNAMES: usize = 96;
pub const CODE_LOCALSPLUSKINDS: usize = 104;
pub const CODE_FILENAME: usize = 112;
pub const CODE_NAME: usize = 120;
pub const CODE_QUALNAME: usize = 128;
pub const CODE_EXTRA: usize = 184;
pub const CODE_ARGCOUNT: usize = 52;
pub const CODE_KWONLYARGCOUNT: usize = 60;

/// Opcode numbers; above 255 where the version lacks the instruction.
pub mod opcode {
    #![allow(missing_docs)]
    pub const RESUME: u16 = 151;
    pub const END_FOR: u16 = 4;
    pub const END_SEND: u16 = 5;
    pub const END_ASYNC_FOR: u16 = 54;
    pub const SEND: u16 = 123;
    pub const JUMP_BACKWARD_NO_INTERRUPT: u16 = 134;
    pub const STORE_FAST: u16 = 125;
    pub const DELETE_FAST: u16 = 126;
    pub const STORE_FAST_STORE_FAST: u16 = 65281;
    pub const STORE_FAST_LOAD_FAST: u16 = 65282;
    pub const LOAD_FAST_AND_CLEAR: u16 = 143;
    pub const STORE_DEREF: u16 = 138;
    pub const DELETE_DEREF: u16 = 139;
    pub const STORE_SUBSCR: u16 = 60;
    pub const STORE_GLOBAL: u16 = 97;
    pub const STORE_NAME: u16 = 90;
    pub const DELETE_NAME: u16 = 91;
    pub const DELETE_GLOBAL: u16 = 98;
    pub const EXTENDED_ARG: u16 = 144;
    pub const IMPORT_STAR: u16 = 65283;
    pub const YIELD_VALUE: u16 = 150;
}

/// Inline cache entries (code units) that follow an instruction.
pub const fn caches(opcode: u8) -> usize {
    match opcode {
        25 | 60 | 92 | 93 | 107 | 122 | 123 | 141 => 1,
        171 => 3,
        95 | 116 => 4,
        106 => 9,
        _ => 0,
    }
}

/// Direction of a jump instruction: 1 forward, -1 backward, 0 no jump.
pub const fn jump(opcode: u8) -> i32 {
    match opcode {
        93 | 110 | 114 | 115 | 123 | 128 | 129 => 1,
        134 | 140 => -1,
        _ => 0,
    }
}

/// Whether a jump has no other way.
pub const fn is_always_jump(opcode: u8) -> bool {
    matches!(opcode, 110 | 134 | 140)
}

/// Whether an instruction raises an exception again that has come before.
pub const fn is_reraise(opcode: u8) -> bool {
    opcode == 119
}

/// Whether an instruction ends a way: a return or a raise.
pub const fn is_end(opcode: u8) -> bool {
    matches!(opcode, 83 | 121 | 130)
}

/// Instructions that cannot fail, of those that are on many ways: POP_TOP, NOP, POP_EXCEPT, SWAP,
/// LOAD_CONST, COPY, LOAD_FAST.
pub const fn is_safe(opcode: u8) -> bool {
    matches!(opcode, 1 | 9 | 89 | 99 | 100 | 120 | 124)
}
