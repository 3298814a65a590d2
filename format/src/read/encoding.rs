//! Source texts in the encoding that they name themselves (PEP 263).

use encoding_rs::Encoding;

/// The text of a source file; what its encoding does not have becomes U+FFFD.
#[must_use]
pub fn decoded(bytes: &[u8]) -> String {
    if let Some(text) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return String::from_utf8_lossy(text).into_owned();
    }
    match encoding(bytes) {
        Ok(Known::Latin1) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Ok(Known::Other(encoding)) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether a source file is text in the encoding that it names; Python compiles no other.
///
/// # Errors
/// Why it is not.
pub fn check_encoding(bytes: &[u8]) -> Result<(), String> {
    let known = encoding(bytes).map_err(|name| format!("unknown encoding: {name}"))?;
    if let Known::Other(encoding) = known
        && encoding == encoding_rs::UTF_8
        && std::str::from_utf8(bytes).is_err()
    {
        return Err("invalid or missing encoding declaration".to_owned());
    }
    Ok(())
}

/// An encoding that is known here.
enum Known {
    /// What the web calls so has other characters from 0x80 to 0x9f.
    Latin1,
    Other(&'static Encoding),
}

/// The encoding that a source names, or the name if it is not known here.
fn encoding(bytes: &[u8]) -> Result<Known, String> {
    const LATIN_1: [&str; 7] =
        ["latin-1", "iso-8859-1", "iso-latin-1", "latin1", "l1", "iso8859-1", "cp819"];
    let Some(name) = cookie(bytes) else { return Ok(Known::Other(encoding_rs::UTF_8)) };
    let normal = name.to_ascii_lowercase().replace('_', "-");
    if LATIN_1.contains(&&*normal) {
        return Ok(Known::Latin1);
    }
    if normal.starts_with("utf-8-") {
        return Ok(Known::Other(encoding_rs::UTF_8));
    }
    Encoding::for_label(normal.as_bytes()).map(Known::Other).ok_or(name)
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
    use super::{check_encoding, decoded};

    #[test]
    fn what_python_would_not_compile_is_told() {
        for (bytes, want) in [
            (&b"x = '\xc3\xa9'\n"[..], ""),
            (b"# coding: utf_8\nx = '\xc3\xa9'\n", ""),
            (b"# coding: latin-1\nx = '\xe9'\n", ""),
            (b"# coding: UTF-8-mac\n", ""),
            (b"x = '\xe9'\n", "invalid or missing encoding declaration"),
            (b"\xef\xbb\xbfx = '\xe9'\n", "invalid or missing encoding declaration"),
            (b"# coding: nosuch\n", "unknown encoding: nosuch"),
        ] {
            assert_eq!(check_encoding(bytes).err().unwrap_or_default(), want);
        }
    }

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
