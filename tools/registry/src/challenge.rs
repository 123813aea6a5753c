//! `WWW-Authenticate` (RFC 9110 section 11.6.1): what a registry wants to be shown.
//!
//! Several headers, several challenges in one header, unknown schemes, any letter case, unquoted
//! values that hold a slash, quoted keys and quoted schemes all occur in the field and are read. What
//! is not clear is an error: it is a text that decides where credentials go.

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// In lower case: `bearer`, `basic`.
    pub scheme: String,
    /// Keys in lower case.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(name, _)| name == key);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// A word of the header.
enum Word {
    Text { text: String, quoted: bool },
    Comma,
    Equals,
}

/// Reads one header.
///
/// # Errors
/// Which rule it breaks.
pub fn parse(header: &str) -> Result<Vec<Challenge>, &'static str> {
    let words = words(header)?;
    let mut challenges: Vec<Challenge> = Vec::new();
    // Whether a comma, or the scheme, has come since the last parameter.
    let mut separated = true;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let Word::Text { text, .. } = word else {
            if matches!(word, Word::Equals) {
                return Err("a value has no name");
            }
            separated = true;
            at += 1;
            continue;
        };
        let name = text.to_ascii_lowercase();
        if matches!(words.get(at + 1), Some(Word::Equals)) {
            let Some(Word::Text { text, .. }) = words.get(at + 2) else {
                return Err("a parameter has no value");
            };
            let challenge = challenges.last_mut().ok_or("it begins with a parameter")?;
            if !separated {
                return Err("two parameters have no comma between them");
            }
            if challenge.get(&name).is_some() {
                return Err("a parameter comes twice");
            }
            challenge.parameters.push((name, text.clone()));
            separated = false;
            at += 3;
            continue;
        }
        if name.is_empty() || !separated {
            return Err("two challenges have no comma between them");
        }
        challenges.push(Challenge {
            scheme: name,
            parameters: Vec::new(),
        });
        at += 1;
        // A bare token after the scheme (RFC 9110 `token68`), as Negotiate has: of no use here.
        if let Some(Word::Text { quoted: false, .. }) = words.get(at)
            && !matches!(words.get(at + 1), Some(Word::Equals))
        {
            at += 1;
            separated = false;
        }
    }
    if challenges.is_empty() {
        return Err("it is empty");
    }
    Ok(challenges)
}

fn words(header: &str) -> Result<Vec<Word>, &'static str> {
    let mut words = Vec::new();
    let mut chars = header.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            ' ' | '\t' => drop(chars.next()),
            ',' => {
                chars.next();
                words.push(Word::Comma);
            }
            '=' => {
                chars.next();
                words.push(Word::Equals);
            }
            '"' => {
                chars.next();
                let mut text = String::new();
                loop {
                    match chars.next().ok_or("a quoted string does not end")? {
                        '"' => break,
                        '\\' => text.push(chars.next().ok_or("it ends with a lone backslash")?),
                        c => text.push(c),
                    }
                }
                words.push(Word::Text { text, quoted: true });
            }
            '\\' => return Err("a backslash stands outside quotes"),
            c if c.is_control() => return Err("it has a control character"),
            _ => {
                let mut text = String::new();
                while let Some(&c) = chars.peek()
                    && !matches!(c, ' ' | '\t' | ',' | '=' | '"' | '\\')
                {
                    text.push(c);
                    chars.next();
                }
                words.push(Word::Text {
                    text,
                    quoted: false,
                });
            }
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(header: &str) -> String {
        let challenges = match parse(header) {
            Ok(challenges) => challenges,
            Err(rule) => return format!("error: {rule}"),
        };
        let one = |c: &Challenge| {
            let parameters: Vec<_> = c
                .parameters
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            format!("{} {}", c.scheme, parameters.join("; "))
                .trim_end()
                .to_owned()
        };
        challenges.iter().map(one).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn the_shapes_that_occur() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull""#,
                "bearer realm=https://auth.example/token; service=registry.example; scope=repository:a/b:pull",
            ),
            (
                r#"Bearer realm="https://auth.example/token", scope="repository:a:pull,push""#,
                "bearer realm=https://auth.example/token; scope=repository:a:pull,push",
            ),
            (r#"Basic realm="private""#, "basic realm=private"),
            (r#"bEaReR ReAlM="https://a/t""#, "bearer realm=https://a/t"),
            ("Basic realm=registry", "basic realm=registry"),
            ("Bearer realm=/token", "bearer realm=/token"),
            (
                r#"Basic realm="a", charset="UTF-8""#,
                "basic realm=a; charset=UTF-8",
            ),
            (
                r#""Bearer" "realm"="https://a/t""#,
                "bearer realm=https://a/t",
            ),
            (
                r#"Bearer realm="https://a/t",service="s", Basic realm="b""#,
                "bearer realm=https://a/t; service=s | basic realm=b",
            ),
            (
                r#"Bearer realm="https://a/t" service="s""#,
                "error: two parameters have no comma between them",
            ),
            (
                r#"Bearer realm="https://a/t"#,
                "error: a quoted string does not end",
            ),
            (
                r#"Bearer realm="a\"#,
                "error: it ends with a lone backslash",
            ),
            (
                r"Bearer realm=a\",
                "error: a backslash stands outside quotes",
            ),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }

    #[test]
    fn what_else_there_is() {
        for (header, expected) in [
            ("Negotiate, Basic realm=x", "negotiate | basic realm=x"),
            ("Negotiate YWJj, Basic realm=x", "negotiate | basic realm=x"),
            (r#"Bearer realm="q\"q""#, r#"bearer realm=q"q"#),
            (
                "Bearer realm=a, error=insufficient_scope",
                "bearer realm=a; error=insufficient_scope",
            ),
            ("", "error: it is empty"),
            (",", "error: it is empty"),
            ("realm=x", "error: it begins with a parameter"),
            ("Bearer =x", "error: it begins with a parameter"),
            ("Bearer realm=a, =x", "error: a value has no name"),
            ("Bearer realm=", "error: a parameter has no value"),
            ("Bearer realm=a, realm=b", "error: a parameter comes twice"),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(header in ".{0,80}") {
            let _ = parse(&header);
        }

        #[test]
        fn quoting_is_undone(value in "[ -~]{0,30}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let challenges = parse(&format!("Bearer realm=\"{quoted}\", x=y")).unwrap();
            prop_assert_eq!(challenges[0].get("realm"), Some(value.as_str()));
        }
    }
}
