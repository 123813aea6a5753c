//! `$VAR` in texts, as a Dockerfile replaces it.
//!
//! `$NAME` and `${NAME}` are the variable's value, nothing where it is not set. `${NAME:-word}` is
//! word where it is not set or empty, `${NAME:+word}` is word where it is neither, and without the
//! colon only being set counts; `${NAME:?word}` is an error instead. A word may hold variables.
//! `\$` is a dollar sign; a backslash anywhere else stands for itself.
//!
//! It does not do what shells do beyond that: patterns (`${NAME#x}`, `${NAME/x/y}`) are errors.

/// Replaces the variables in `text`. What is wrong with it comes back as a reason.
pub(crate) fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut parser = Parser {
        rest: text,
        lookup,
        depth: 0,
    };
    parser.words(false)
}

/// The most words within words.
const DEPTH: usize = 32;

struct Parser<'a> {
    rest: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Up to the end, or to the brace that closes a word, which is taken.
    fn words(&mut self, in_braces: bool) -> Result<String, String> {
        let mut out = String::new();
        while let Some(c) = self.next() {
            match c {
                '}' if in_braces => return Ok(out),
                '\\' if self.peek() == Some('$') => {
                    self.next();
                    out.push('$');
                }
                '$' => out.push_str(&self.variable()?),
                other => out.push(other),
            }
        }
        if in_braces {
            return Err("a brace is not closed".into());
        }
        Ok(out)
    }

    fn variable(&mut self) -> Result<String, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(match name.as_str() {
                "" => "$".into(),
                name => (self.lookup)(name).unwrap_or_default(),
            });
        }
        self.next();
        let name = self.name();
        if name.is_empty() {
            return Err("`${` is not followed by a name".into());
        }
        let value = (self.lookup)(&name);
        let colon = self.peek() == Some(':');
        if colon {
            self.next();
        }
        let counts = |value: &Option<String>| match value {
            Some(text) => !(colon && text.is_empty()),
            None => false,
        };
        match self.next() {
            Some('}') if !colon => Ok(value.unwrap_or_default()),
            Some('-') => {
                let word = self.word()?;
                Ok(if counts(&value) {
                    value.unwrap_or_default()
                } else {
                    word
                })
            }
            Some('+') => {
                let word = self.word()?;
                Ok(if counts(&value) { word } else { String::new() })
            }
            Some('?') => {
                let word = self.word()?;
                if counts(&value) {
                    return Ok(value.unwrap_or_default());
                }
                let reason = if word.is_empty() { "is not set" } else { &word };
                Err(format!("`{name}`: {reason}"))
            }
            None => Err("a brace is not closed".into()),
            Some(other) => Err(format!("`${{{name}` is followed by `{other}`")),
        }
    }

    fn word(&mut self) -> Result<String, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("words are nested too deep".into());
        }
        let word = self.words(true);
        self.depth -= 1;
        word
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            let first = name.is_empty();
            if !(c == '_' || c.is_ascii_alphabetic() || (c.is_ascii_digit() && !first)) {
                break;
            }
            name.push(c);
            self.next();
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn done(text: &str) -> Result<String, String> {
        expand(text, &|name| match name {
            "A" => Some("a".into()),
            "PATH" => Some("/bin:/usr/bin".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables() {
        for (text, expected) in [
            ("plain", "plain"),
            ("/app:$PATH", "/app:/bin:/usr/bin"),
            ("${A}b$A.$A", "aba.a"),
            ("$NONE-${NONE}", "-"),
            ("$Ab", ""),
            ("5$", "5$"),
            ("$.x", "$.x"),
            ("\\$A \\${A} \\\\$A", "$A ${A} \\$A"),
            ("C:\\dir\\$A\\x", "C:\\dir$A\\x"),
            ("${NONE:-x}${EMPTY:-x}${A:-x}", "xxa"),
            ("${NONE-x}${EMPTY-x}${A-x}", "xa"),
            ("${NONE:+x}${EMPTY:+x}${A:+x}", "x"),
            ("${NONE+x}${EMPTY+x}${A+x}", "xx"),
            ("${NONE:-${A}${NONE:-y}}", "ay"),
            ("${A:?no}", "a"),
            ("é$A}", "éa}"),
        ] {
            assert_eq!(done(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, reason) in [
            ("${A", "a brace is not closed"),
            ("${A:-x", "a brace is not closed"),
            ("${}", "`${` is not followed by a name"),
            ("${1}", "`${` is not followed by a name"),
            ("${A#x}", "`${A` is followed by `#`"),
            ("${A:}", "`${A` is followed by `}`"),
            ("${NONE:?}", "`NONE`: is not set"),
            ("${EMPTY:?is wanted}", "`EMPTY`: is wanted"),
        ] {
            assert_eq!(done(text).unwrap_err(), reason, "{text}");
        }
        let deep = "${N:-".repeat(100_000);
        assert_eq!(done(&deep).unwrap_err(), "words are nested too deep");
    }

    proptest! {
        #[test]
        fn text_without_dollars_stays(text in "[^$]*") {
            prop_assert_eq!(done(&text).unwrap(), text);
        }

        #[test]
        fn never_panics(text in "[$A{}:+?\\\\-]{0,20}") {
            let _ = done(&text);
        }
    }
}
