//! Files of `KEY=VALUE` lines, read into the request: labels, annotations, variables.
//!
//! Invariant: a request that names such files means what the request means that has their lines in the
//! place of the names; what stands in the request itself goes before them.

use std::collections::BTreeMap;
use std::mem::take;

use crate::error::{Error, Result};
use crate::request::{Change, Lines, Make, Request, Text, Texts, Variable};

/// The most bytes of a file.
const SIZE: u64 = 16 << 20;

/// Puts the lines of all files that the request names in their place.
///
/// # Errors
/// A file that can't be read; a line that is none.
pub(crate) fn fill(request: &mut Request) -> Result<()> {
    match &mut request.make {
        Make::Image(image) => {
            let fields = &mut image.config;
            if let Some(lines) = read(&take(&mut fields.labels_from))? {
                below(&mut fields.labels, |given| texts(given, lines));
            }
            if let Some(lines) = read(&take(&mut fields.env_from))? {
                below(&mut fields.env, |given| variables(given, lines));
            }
            if let Some(lines) = read(&take(&mut image.annotations_from))? {
                below(&mut image.annotations, |given| texts(given, lines));
            }
        }
        Make::Index(index) => {
            if let Some(lines) = read(&take(&mut index.annotations_from))? {
                texts(&mut index.annotations, lines);
            }
        }
        Make::Copy(_) => {}
    }
    Ok(())
}

/// Lets `add` put something below what is given; what nothing was given for stands for that alone.
fn below<T: Default>(change: &mut Change<T>, add: impl FnOnce(&mut T)) {
    if let Change::Replace(given) | Change::Append(given) = change {
        return add(given);
    }
    let mut given = T::default();
    add(&mut given);
    *change = match change {
        Change::Unset => Change::Replace(given),
        _ => Change::Append(given),
    };
}

fn texts(given: &mut Texts, lines: Vec<(String, Text)>) {
    let mut all: BTreeMap<String, Text> = lines.into_iter().collect();
    all.append(&mut given.0);
    given.0 = all;
}

fn variables(given: &mut Vec<Variable>, lines: Vec<(String, Text)>) {
    let mut all: Vec<Variable> = Vec::new();
    for (name, value) in lines {
        match all.iter_mut().find(|one| one.name == name) {
            Some(one) => one.value = value,
            None => all.push(Variable { name, value }),
        }
    }
    // What stands in the request takes its own place in its own order.
    all.retain(|one| given.iter().all(|own| own.name != one.name));
    all.append(given);
    *given = all;
}

/// The lines of all files in order; nothing where there are no files.
fn read(files: &[Lines]) -> Result<Option<Vec<(String, Text)>>> {
    let mut all = Vec::new();
    for Lines { file, values } in files {
        let bytes = files::read_at_most(file, SIZE)?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| Error::StampText { file: file.clone() })?;
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            let number = at + 1;
            let Some((key, value)) = line.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(Error::Line {
                    file: file.clone(),
                    number,
                    text: line.into(),
                });
            };
            if let Some(first) = seen.insert(key, number) {
                return Err(Error::LineTwice {
                    file: file.clone(),
                    key: key.into(),
                    first,
                    second: number,
                });
            }
            all.push((key.to_owned(), values.text(value)));
        }
    }
    Ok((!files.is_empty()).then_some(all))
}

#[cfg(test)]
mod tests {
    use action::Failure;
    use serde_json::{Value, json};

    use super::*;

    /// The request's image after its files were read; `FILE` in the request is the file's path.
    fn filled(lines: &str, image: &Value) -> Result<crate::request::Image> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        files::write(&file, lines.as_bytes()).unwrap();
        let request =
            json!({"kind": "assemble", "version": 1, "origin": "o", "make": {"image": image}});
        let request = request
            .to_string()
            .replace("FILE", &file.display().to_string());
        let mut request: Request = serde_json::from_str(&request).unwrap();
        fill(&mut request)?;
        match request.make {
            Make::Image(image) => Ok(*image),
            _ => unreachable!(),
        }
    }

    fn literal(text: &str) -> Text {
        Text::Literal(text.into())
    }

    #[test]
    fn lines_lie_below_what_the_request_says() {
        let lines = "a=1\n\nb=x=y\r\nc=\n";
        for (given, append) in [
            (json!({}), true),
            (json!({"labels": "unset"}), false),
            (json!({"labels": {"append": {"b": "own"}}}), true),
            (json!({"labels": {"replace": {"b": "own"}}}), false),
        ] {
            let own = given.to_string().contains("own");
            let mut fields = given;
            fields["labels_from"] = json!([{"file": "FILE"}]);
            let image = filled(lines, &json!({"config": fields})).unwrap();
            let want = Texts(BTreeMap::from([
                ("a".into(), literal("1")),
                ("b".into(), literal(if own { "own" } else { "x=y" })),
                ("c".into(), literal("")),
            ]));
            let want = if append {
                Change::Append(want)
            } else {
                Change::Replace(want)
            };
            assert_eq!(image.config.labels, want);
        }
        // Annotations are the base's only where that is asked for.
        let image = filled("a=1\n", &json!({"annotations_from": [{"file": "FILE"}]})).unwrap();
        assert!(matches!(image.annotations, Change::Replace(_)));
        // A file without lines says what the request says.
        let image = filled("", &json!({"config": {"labels_from": [{"file": "FILE"}]}})).unwrap();
        assert_eq!(image.config.labels, Change::Append(Texts::default()));
    }

    #[test]
    fn variables_keep_their_order() {
        let image = filled(
            "Z=1\nPATH=/x:$PATH\nA=2\n",
            &json!({"config": {
                "env": {"append": [{"name": "B", "value": "b"}, {"name": "Z", "value": "z"}]},
                "env_from": [{"file": "FILE", "values": "expand"}],
            }}),
        )
        .unwrap();
        let variable = |name: &str, value| Variable {
            name: name.into(),
            value,
        };
        let want = vec![
            variable("PATH", Text::Expand("/x:$PATH".into())),
            variable("A", Text::Expand("2".into())),
            variable("B", literal("b")),
            variable("Z", literal("z")),
        ];
        assert_eq!(image.config.env, Change::Append(want));
    }

    #[test]
    fn what_is_no_line() {
        let image = json!({"config": {"labels_from": [{"file": "FILE"}]}});
        let refused = |lines: &str| filled(lines, &image).unwrap_err();
        let error = refused("a=1\nb\n");
        let said = error.to_string();
        assert!(
            said.ends_with("`, line 2, is `b`, and not KEY=VALUE"),
            "{said}"
        );
        assert_eq!(
            error.hint().unwrap(),
            "write one `KEY=VALUE` a line; a value has no newline"
        );
        assert!(refused("=1\n").to_string().contains("line 1"));
        let error = refused("a=1\n\na=2\n");
        let said = error.to_string();
        assert!(
            said.ends_with("` has `a` twice, in lines 1 and 3"),
            "{said}"
        );
        assert_eq!(error.hint().unwrap(), "give each key once");
    }
}
