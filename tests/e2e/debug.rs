//! `moviola debug`: from the exception back to its cause.

use crate::util::{Place, python, sample};

#[test]
fn from_the_exception_back_to_the_cause() {
    let place = Place::new();
    let script = sample("bank_transfer.py");
    let args = ["debug", "-o", "t.moviola", "--python", &python(), script.to_str().unwrap()];
    let commands = include_str!("bank_transfer.in");
    let done = place.feed(&args, commands);
    assert_eq!(done.code, 0, "{done:?}");
    let shown = done.out.replace(script.to_str().unwrap(), "bank_transfer.py");
    let want = include_str!("bank_transfer.out");
    assert!(shown == want, "got:\n{shown}\nwant:\n{want}");
}
