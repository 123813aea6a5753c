//! `.netrc`: the oldest of the files. Only `machine` entries with `login` and `password` count;
//! `default` would send a password to whoever is asked, and is passed over.

use super::{Found, Login, Secret};

/// The entries of a file.
#[derive(Debug)]
pub(super) struct Netrc {
    name: String,
    entries: Vec<(String, String, Secret)>,
}

impl Netrc {
    /// Reads what can be understood; the format knows no errors.
    pub(super) fn read(name: String, text: &str) -> Self {
        let mut entries = Vec::new();
        let mut words = words(text).into_iter();
        let mut current: Option<(String, String, String)> = None;
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" => {
                    entries.extend(current.take());
                    let machine = words.next().unwrap_or_default().to_ascii_lowercase();
                    current = Some((machine, String::new(), String::new()));
                }
                "default" => entries.extend(current.take()),
                "login" | "password" | "account" => {
                    let value = words.next().unwrap_or_default();
                    if let Some((_, login, password)) = &mut current {
                        match word.as_str() {
                            "login" => *login = value,
                            "password" => *password = value,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        entries.extend(current);
        entries.retain(|(machine, login, password)| {
            !(machine.is_empty() || login.is_empty() || password.is_empty())
        });
        let hide = |(machine, login, password)| (machine, login, Secret::new(password));
        Netrc {
            name,
            entries: entries.into_iter().map(hide).collect(),
        }
    }

    /// The login of a registry: by its whole name, port and all.
    pub(super) fn find(&self, registry: &str) -> Option<Found> {
        let registry = registry.to_ascii_lowercase();
        let mut entries = self.entries.iter();
        let (machine, username, password) = entries.find(|(machine, ..)| *machine == registry)?;
        Some(Found {
            login: Login::Password {
                username: username.clone(),
                password: password.clone(),
            },
            source: format!("{}, machine `{machine}`", self.name),
        })
    }
}

/// The words of the file, without comments and macros.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut macro_ = false;
    for line in text.lines() {
        if macro_ {
            macro_ = !line.trim().is_empty();
            continue;
        }
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let word;
            if let Some(quoted) = rest.strip_prefix('"') {
                let end = quoted.find('"').unwrap_or(quoted.len());
                word = quoted[..end].to_owned();
                rest = quoted.get(end + 1..).unwrap_or_default();
            } else {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                word = rest[..end].to_owned();
                rest = &rest[end..];
            }
            rest = rest.trim_start();
            if word == "macdef" {
                macro_ = true;
                break;
            }
            out.push(word);
        }
    }
    out
}
