//! The HTML report, in a browser: it sorts, filters and jumps, and nothing of a recording runs in it.

use crate::util::{Place, feed};

/// A page around the report that does what a user does, and writes down what came of it.
const PROBE: &str = r##"<!DOCTYPE html><meta charset="utf-8"><pre id="found"></pre>
<iframe id="page" src="report.html" style="width:1200px;height:800px"></iframe>
<script>
const found = [], frame = document.getElementById("page");
frame.addEventListener("load", () => {
  const page = frame.contentWindow, doc = page.document;
  const rows = () => [...doc.querySelectorAll("#files tbody tr")];
  const names = () => rows().map((row) => row.cells[0].textContent.length).join(" ");
  const heads = doc.querySelectorAll("#files th");
  found.push("title " + doc.title, "scripts " + doc.scripts.length, "images " + doc.images.length);
  found.push("foreign " + doc.querySelectorAll("b b, script script, x-y").length);
  found.push("names " + names());
  heads[2].click(); found.push("missing " + names() + " " + heads[2].getAttribute("aria-sort"));
  heads[2].click(); found.push("missing " + names() + " " + heads[2].getAttribute("aria-sort"));
  const filter = doc.getElementById("filter");
  filter.value = "MAI"; filter.dispatchEvent(new page.Event("input"));
  found.push("filtered " + rows().filter((row) => !row.hidden).length);
  filter.value = ""; filter.dispatchEvent(new page.Event("input"));
  doc.querySelector("#files tbody tr td:last-child a").click();
  setTimeout(() => {
    const target = doc.querySelector(":target"), box = target.getBoundingClientRect();
    found.push("jump " + target.className + " " + target.querySelector("pre").textContent);
    found.push("seen " + (box.top >= 0 && box.bottom <= 800 && box.height > 0));
    const tests = doc.querySelector("details.c p");
    found.push("test " + tests.textContent, "first " + doc.querySelector("li b").textContent);
    document.getElementById("found").textContent = JSON.stringify(found);
  }, 300);
});
</script>
"##;

/// A file name and texts that would be markup.
const NAME: &str = "a<img src=x onerror=\"document.title='owned'\"><b><x-y>&amp;.py";
const HOSTILE: &str = "\
import os
os.environ['PYTEST_CURRENT_TEST'] = 't.py::<script>document.title=1</script> (call)'
x = '</pre></li></ol></script><script>document.title=\"owned\"</script><x-y>'
def never():
    return '<img src=x onerror=alert(1)>\u{202e}\u{1b}[31m'
";

#[test]
fn the_page_works_in_a_browser_and_shows_texts_as_texts() {
    let place = Place::new();
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let works = |name: &&&str| place.command(name).arg("--version").output().is_ok();
    let Some(browser) = browsers.iter().find(works) else {
        let text = "SKIPPED a test that needs Chromium, which is not installed\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        return;
    };
    place.write(NAME, HOSTILE);
    place.write(
        "main.py",
        &format!("import runpy\nrunpy.run_path({NAME:?})\nif not runpy:\n    x = 1\n    x = 2\n    x = 3\n"),
    );
    place.record(&["main.py"]);
    let report = ["coverage", "--format", "html", "--branch", "--contexts", "-o", "report.html"];
    let done = place.run(&[&report[..], &["t.moviola"]].concat());
    assert_eq!(done.code, 0, "{done:?}");
    place.write("probe.html", PROBE);
    let probe = format!("file://{}/probe.html", place.work().display());
    let mut command = place.command(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]);
    command.args(["--allow-file-access-from-files", "--virtual-time-budget=20000", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", place.tmp().join("browser").display())).arg(probe);
    let seen = feed(&mut command, "");
    let found =
        seen.out.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let found =
        found.unwrap_or_default().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let found: Vec<String> = serde_json::from_str(&found).unwrap_or_else(|_| panic!("{seen:?}"));
    let (name, main) = (NAME.chars().count(), "main.py".len());
    let missing = |order: &str, how: &str| format!("missing {order} {how}");
    assert_eq!(
        found[..11],
        [
            "title Coverage report".to_owned(),
            "scripts 1".to_owned(),
            "images 0".to_owned(),
            "foreign 0".to_owned(),
            format!("names {name} {main}"),
            missing(&format!("{name} {main}"), "ascending"),
            missing(&format!("{main} {name}"), "descending"),
            "filtered 1".to_owned(),
            "jump mis     x = 1".to_owned(),
            "seen true".to_owned(),
            "test t.py::<script>document.title=1</script>|run".to_owned(),
        ],
        "{}",
        seen.err
    );
    // Scripts that fail or are refused are told on the console.
    assert!(!seen.err.contains(":CONSOLE"), "{}", seen.err);
    // The position by a line goes to that line.
    let first = found[11].strip_prefix("first ").unwrap();
    let at = place.feed(&["replay", "--at", first, "t.moviola"], "w\n");
    assert!(at.out.contains("import os") && at.code == 0, "{at:?}");
}
