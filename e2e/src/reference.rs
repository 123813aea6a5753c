//! The reference of the Bazel rules, in Markdown, from what Bazel itself says of their files.
//!
//! Bazel's rule `starlark_doc_extract` writes a text protocol buffer (`ModuleInfo`). Only as much of
//! that format is read here as Bazel writes: messages, strings, words.

use std::fmt::Write;

/// A message: its fields in order, each a name with a text or a message.
#[derive(Debug, Default)]
pub struct Message(Vec<(String, Field)>);

#[derive(Debug)]
enum Field {
    Text(String),
    Message(Message),
}

impl Message {
    /// Reads what Bazel wrote.
    ///
    /// # Panics
    /// It is something else.
    #[track_caller]
    pub fn parse(text: &str) -> Message {
        let mut open = vec![(String::new(), Message::default())];
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_suffix(" {") {
                open.push((name.to_owned(), Message::default()));
            } else if line == "}" {
                let (name, message) = open.pop().unwrap();
                open.last_mut()
                    .unwrap()
                    .1
                    .0
                    .push((name, Field::Message(message)));
            } else if let Some((name, value)) = line.split_once(": ") {
                let text = unquote(value);
                open.last_mut()
                    .unwrap()
                    .1
                    .0
                    .push((name.to_owned(), Field::Text(text)));
            } else {
                assert!(
                    line.is_empty(),
                    "not a line of a text protocol buffer: {line}"
                );
            }
        }
        assert_eq!(open.len(), 1, "a message does not end");
        open.pop().unwrap().1
    }

    fn text(&self, name: &str) -> &str {
        self.0
            .iter()
            .find_map(|(field, value)| match value {
                Field::Text(text) if field == name => Some(text.as_str()),
                _ => None,
            })
            .unwrap_or("")
    }

    fn messages<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Message> {
        self.0.iter().filter_map(move |(field, value)| match value {
            Field::Message(message) if field == name => Some(message),
            _ => None,
        })
    }
}

/// A quoted string with C's escapes, of which octal ones are bytes of UTF-8; anything else as it is.
fn unquote(value: &str) -> String {
    let Some(quoted) = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return value.to_owned();
    };
    let mut bytes = Vec::new();
    let mut rest = quoted.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next().unwrap() {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            first @ b'0'..=b'7' => {
                let mut value = u32::from(first - b'0');
                for _ in 0..2 {
                    let digit = rest.next_if(|byte| (b'0'..=b'7').contains(byte));
                    value = digit.map_or(value, |digit| value * 8 + u32::from(digit - b'0'));
                }
                bytes.push(u8::try_from(value).unwrap());
            }
            other => bytes.push(other),
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    // Bazel 7 takes each byte of a docstring for a character and encodes that once more.
    let once: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    once.and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or(text)
}

/// The page. `modules` are what `starlark_doc_extract` wrote, in the order of the page.
pub fn page(modules: &[Message]) -> String {
    let mut page = String::from(
        "# Reference\n\nMade from the docstrings of the rules; `UPDATE_GOLDEN=1 cargo test -p e2e --test bazel` writes it anew.\n",
    );
    for module in modules {
        let file = module.text("file").replace("//", "@rules_container//");
        write!(
            page,
            "\n## `{file}`\n\n{}\n",
            module.text("module_docstring").trim()
        )
        .unwrap();
        for rule in module.messages("rule_info") {
            heading(&mut page, rule.text("rule_name"), rule.text("doc_string"));
            // What all rules have is Bazel's to tell.
            table(&mut page, "attribute", rule.messages("attribute"), "name");
        }
        for function in module.messages("func_info") {
            heading(
                &mut page,
                function.text("function_name"),
                function.text("doc_string"),
            );
            table(
                &mut page,
                "argument",
                function.messages("parameter"),
                "name",
            );
        }
        for provider in module.messages("provider_info") {
            heading(
                &mut page,
                provider.text("provider_name"),
                provider.text("doc_string"),
            );
            table(&mut page, "field", provider.messages("field_info"), "");
        }
        for extension in module.messages("module_extension_info") {
            let name = extension.text("extension_name");
            heading(&mut page, name, extension.text("doc_string"));
            for tag in extension.messages("tag_class") {
                let tag_name = format!("{name}.{}", tag.text("tag_name"));
                heading(&mut page, &tag_name, tag.text("doc_string"));
                table(&mut page, "attribute", tag.messages("attribute"), "");
            }
        }
    }
    page
}

fn heading(page: &mut String, name: &str, doc: &str) {
    write!(page, "\n### `{name}`\n\n{}\n", doc.trim()).unwrap();
}

/// A table of named things, but for the one called `without`.
fn table<'a>(
    page: &mut String,
    what: &str,
    rows: impl Iterator<Item = &'a Message>,
    without: &str,
) {
    let mut rows = rows.filter(|row| row.text("name") != without).peekable();
    if rows.peek().is_none() {
        return;
    }
    write!(page, "\n| {what} | |\n|---|---|\n").unwrap();
    for row in rows {
        let mut doc = row
            .text("doc_string")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        doc = doc.replace('|', "\\|");
        if row.text("mandatory") == "true" {
            doc.push_str(" **Mandatory.**");
        }
        match row.text("default_value") {
            "" | "None" | "\"\"" | "[]" | "{}" | "0" => {}
            value => write!(doc, " Default: `{value}`.").unwrap(),
        }
        writeln!(page, "| `{}` | {doc} |", row.text("name")).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page() {
        let module = Message::parse(
            r#"rule_info {
  rule_name: "make"
  doc_string: "Makes \"it\":\n b\303\266x.\n"
  attribute {
    name: "name"
    doc_string: "of it"
  }
  attribute {
    name: "level"
    doc_string: "a | b"
    type: INT
    mandatory: true
    default_value: "6"
  }
}
module_docstring: "A module."
file: "//rules:x.bzl"
"#,
        );
        let page = page(&[module]);
        let end = page.split_once("\n\n## ").unwrap().1;
        assert_eq!(
            end,
            "`@rules_container//rules:x.bzl`\n\nA module.\n\n### `make`\n\nMakes \"it\":\n böx.\n\n\
             | attribute | |\n|---|---|\n| `level` | a \\| b **Mandatory.** Default: `6`. |\n"
        );
    }
}
