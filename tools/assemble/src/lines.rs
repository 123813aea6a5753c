//! Files of `KEY=VALUE` lines and of words, read into the request: labels, annotations, variables; commands, ports, volumes.
//!
//! Invariant: a request that names such files means what the request means that has their lines in the
//! place of the names; what stands in the request itself goes before them.

use std::collections::BTreeMap;
use std::mem::take;

use crate::error::{Error, Result};
use crate::request::{Between, Change, Lines, Make, Request, Text, Texts, Variable, Words};

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
            for (field, from) in [
                (&mut fields.entrypoint, &mut fields.entrypoint_from),
                (&mut fields.cmd, &mut fields.cmd_from),
            ] {
                // Another command stands in the place of the base's.
                if let Some(more) = words(from.take())? {
                    after(field, more, Change::Replace);
                }
            }
            for (field, from) in [
                (&mut fields.exposed_ports, &mut fields.exposed_ports_from),
                (&mut fields.volumes, &mut fields.volumes_from),
            ] {
                if let Some(more) = words(from.take())? {
                    after(field, more, Change::Append);
                }
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

/// Puts words after those that are given; `alone` says what becomes of the base's where none are.
fn after(
    change: &mut Change<Vec<Text>>,
    more: Vec<Text>,
    alone: impl FnOnce(Vec<Text>) -> Change<Vec<Text>>,
) {
    match change {
        Change::Replace(given) | Change::Append(given) => given.extend(more),
        Change::Unset => *change = Change::Replace(more),
        Change::Inherit => *change = alone(more),
    }
}

/// The words of a file; nothing where there is no file.
fn words(from: Option<Words>) -> Result<Option<Vec<Text>>> {
    let Some(Words {
        file,
        between,
        values,
    }) = from
    else {
        return Ok(None);
    };
    let bytes = files::read_at_most(&file, SIZE)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::StampText { file })?;
    let words = text.lines().flat_map(|line| match between {
        Between::Lines => vec![line],
        Between::Commas => line.split(',').map(str::trim).collect(),
    });
    let words = words.filter(|word| !word.is_empty());
    Ok(Some(words.map(|word| values.text(word)).collect()))
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
    fn words_come_after_what_the_request_says() {
        let words = |words: &[&str]| words.iter().map(|word| literal(word)).collect::<Vec<_>>();
        let (lines, commas) = ("/bin/sh\n\n-c\r\na, b\n", " 80,53/udp ,\n443\n");
        for (text, field, given, want) in [
            (
                lines,
                "entrypoint",
                json!("inherit"),
                Change::Replace(words(&["/bin/sh", "-c", "a, b"])),
            ),
            (
                lines,
                "cmd",
                json!("unset"),
                Change::Replace(words(&["/bin/sh", "-c", "a, b"])),
            ),
            (
                lines,
                "cmd",
                json!({"append": ["x"]}),
                Change::Append(words(&["x", "/bin/sh", "-c", "a, b"])),
            ),
            (
                commas,
                "exposed_ports",
                json!("inherit"),
                Change::Append(words(&["80", "53/udp", "443"])),
            ),
            (
                commas,
                "volumes",
                json!({"replace": ["x"]}),
                Change::Replace(words(&["x", "80", "53/udp", "443"])),
            ),
            ("", "cmd", json!("inherit"), Change::Replace(Vec::new())),
        ] {
            let between = if text == commas { "commas" } else { "lines" };
            let mut config = json!({field: given});
            config[format!("{field}_from")] = json!({"file": "FILE", "between": between});
            let fields = filled(text, &json!({"config": config})).unwrap().config;
            let got = match field {
                "entrypoint" => fields.entrypoint,
                "cmd" => fields.cmd,
                "exposed_ports" => fields.exposed_ports,
                _ => fields.volumes,
            };
            assert_eq!(got, want, "{field}");
        }
        let config = json!({"cmd_from": {"file": "FILE", "values": "stamp"}});
        let image = filled("{KEY}\n", &json!({"config": config})).unwrap();
        let stamped = Text::Stamp("{KEY}".into());
        assert_eq!(image.config.cmd, Change::Replace(vec![stamped]));
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
