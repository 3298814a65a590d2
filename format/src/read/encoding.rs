//! Source texts in the encoding that they name themselves (PEP 263).

use encoding_rs::Encoding;

/// The text of a source file; what its encoding does not have becomes U+FFFD.
#[must_use]
pub fn decoded(bytes: &[u8]) -> String {
    if let Some(text) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return String::from_utf8_lossy(text).into_owned();
    }
    match cookie(bytes) {
        None => String::from_utf8_lossy(bytes).into_owned(),
        // What the web calls so has other characters from 0x80 to 0x9f.
        Some(name) if is_latin_1(&name) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Some(name) => {
            let encoding = Encoding::for_label(name.as_bytes()).unwrap_or(encoding_rs::UTF_8);
            encoding.decode_without_bom_handling(bytes).0.into_owned()
        }
    }
}

fn is_latin_1(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    ["latin-1", "iso-8859-1", "iso-latin-1", "latin1", "l1", "iso8859-1", "cp819"].contains(&&*name)
}

/// The encoding that one of the first two lines names: the second one's only if the first has no code.
fn cookie(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|byte| *byte == b'\n' || *byte == b'\r').take(2) {
        let text = line.trim_ascii_start();
        match text.first() {
            None => {}
            Some(b'#') => {
                if let Some(name) = named(text) {
                    return Some(name);
                }
            }
            Some(_) => return None,
        }
    }
    None
}

/// `coding:` or `coding=`, then a name.
fn named(comment: &[u8]) -> Option<String> {
    const WORD: &[u8] = b"coding";
    let ends = comment.windows(WORD.len() + 1).enumerate().filter_map(|(at, part)| {
        (part.starts_with(WORD) && matches!(part[WORD.len()], b':' | b'='))
            .then_some(at + part.len())
    });
    for end in ends {
        let name: Vec<u8> = comment[end..]
            .iter()
            .skip_while(|byte| matches!(byte, b' ' | b'\t'))
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
            .copied()
            .collect();
        if !name.is_empty() {
            return String::from_utf8(name).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn texts_are_in_the_encoding_that_they_name() {
        for (bytes, text) in [
            (&b"x = '\xc3\xa9'\n"[..], "x = '\u{e9}'\n"),
            (
                b"# -*- coding: latin-1 -*-\nx = '\xe9\x85'\n",
                "# -*- coding: latin-1 -*-\nx = '\u{e9}\u{85}'\n",
            ),
            (
                b"\n# vim: set fileencoding=cp1252 :\n'\x80'",
                "\n# vim: set fileencoding=cp1252 :\n'\u{20ac}'",
            ),
            (b"x = 1\n# coding: latin-1\n\xc3\xa9", "x = 1\n# coding: latin-1\n\u{e9}"),
            (b"\xef\xbb\xbf# coding: utf-8\n", "# coding: utf-8\n"),
            (b"# coding: koi8-r\n\xc1", "# coding: koi8-r\n\u{430}"),
            (b"# coding: nonsense\n\xc3\xa9", "# coding: nonsense\n\u{e9}"),
        ] {
            assert_eq!(decoded(bytes), text);
        }
    }
}
