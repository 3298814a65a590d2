//! Stores to variables of a running function through `frame.f_locals` (3.13, PEP 667).
#![allow(unsafe_code)]

use super::wrap::Call;
use crate::cpython::Frame;
use crate::cpython::objects::{Obj, rd};
use crate::hooks::frames;
use crate::rec::{Recorder, recorder};

/// Offset of `frame` in a `PyFrameLocalsProxyObject`, of `f_frame` in a `PyFrameObject`.
const PROXY_FRAME: isize = 16;
const FRAMEOBJECT_FRAME: isize = 24;

/// `mp_ass_subscript` of the proxy, which all its methods go through.
pub unsafe fn assign(_: *mut Recorder, call: &Call) -> usize {
    // SAFETY: the interpreter holds the operands during the call; a proxy holds its frame object,
    // whose `f_frame` is never null.
    unsafe {
        let object: Obj = rd(call.this(), PROXY_FRAME);
        let result = call.run();
        let rec = recorder();
        if !rec.is_null() && !object.is_null() {
            (*rec).enter();
            frames::locals_changed(rec, Frame(rd(object, FRAMEOBJECT_FRAME)));
        }
        result
    }
}
