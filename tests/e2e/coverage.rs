//! `moviola coverage`: exact hit counts.

use crate::util::Place;

const PROGRAM: &str = "\
def f(x):
    if x > 2:
        return 'big'
    return 'small'


for i in range(5):
    f(i)
if i > 10:
    print('never')
";

#[test]
fn hit_counts_in_both_formats() {
    let place = Place::new();
    place.write("p.py", PROGRAM);
    assert_eq!(place.record(&["p.py"]).code, 0);
    let lcov = place.run(&["coverage", "--format", "lcov", "t.moviola"]);
    assert_eq!(lcov.code, 0, "{lcov:?}");
    for line in ["DA:1,1", "DA:2,5", "DA:3,2", "DA:4,3", "DA:7,6", "DA:8,5", "DA:9,1", "DA:10,0"] {
        assert!(lcov.out.lines().any(|l| l == line), "{line}: {}", lcov.out);
    }
    assert!(lcov.out.contains("LF:8\nLH:7\n") || lcov.out.contains("LH:7\nLF:8\n"), "{}", lcov.out);
    let text = place.run(&["coverage", "t.moviola"]);
    assert!(text.out.contains("p.py") && text.out.contains("88%"), "{}", text.out);
    let both = place.run(&["coverage", "--format", "lcov", "t.moviola", "t.moviola"]);
    assert!(both.out.lines().any(|l| l == "DA:8,10"), "{}", both.out);
}
