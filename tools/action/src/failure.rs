//! The form of every error: what, where, caused by, hint; and whose fault it is.

use std::error::Error;
use std::fmt::{self, Write};

/// Whose fault it is, and so the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The request or the files that it names: exit 1.
    Input,
    /// The command line: exit 2.
    Usage,
    /// The machine or the network; trying again may help: exit 3.
    Environment,
    /// A bug of ours: exit 70.
    Bug,
    /// Nobody's: what the tool was asked to find out, as an exit code of its own.
    Verdict(u8),
}

impl Blame {
    /// The exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Input => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Bug => 70,
            Self::Verdict(code) => code,
        }
    }
}

/// A line below the message: a word and what it stands for, as `first: //app:server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The word, without the colon.
    pub label: &'static str,
    /// Its value.
    pub value: String,
}

impl Detail {
    /// A detail of these two.
    pub fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self {
            label,
            value: value.into(),
        }
    }
}

/// An error that a tool can print. `Display` says what; `source` says what it was caused by, and
/// neither repeats the other.
pub trait Failure: Error {
    /// Where: both paths, expected and actual digest and size, and so on.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }
    /// What to do about it, in the imperative; nothing where there is nothing to say.
    fn hint(&self) -> Option<String> {
        None
    }
    /// Whose fault it is.
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

impl Failure for files::Error {
    fn hint(&self) -> Option<String> {
        files::Error::hint(self)
    }
    fn blame(&self) -> Blame {
        if self.is_environment() {
            Blame::Environment
        } else {
            Blame::Input
        }
    }
}

/// A failure together with the user's own name for what was being made.
#[derive(Debug)]
pub struct Failed {
    origin: Option<String>,
    failure: Box<dyn Failure>,
}

impl Failed {
    /// A failure of the thing that `origin` names.
    pub fn new(origin: Option<&str>, failure: impl Failure + 'static) -> Self {
        Self {
            origin: origin.map(str::to_owned),
            failure: Box::new(failure),
        }
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        self.failure.blame().exit_code()
    }

    /// The whole message, each line ended.
    pub fn render(&self, tool: &str) -> String {
        let mut what = String::new();
        if let Some(origin) = &self.origin {
            let _ = write!(what, "{origin}: ");
        }
        let _ = write!(what, "{}", self.failure);
        render(tool, &what, self.failure.as_ref())
    }
}

impl<F: Failure + 'static> From<F> for Failed {
    fn from(failure: F) -> Self {
        Self::new(None, failure)
    }
}

/// Names the origin of a failure.
pub trait At<T> {
    /// The same result, blaming `origin`.
    ///
    /// # Errors
    /// As the result itself.
    fn at(self, origin: &str) -> Result<T, Failed>;
}

impl<T, F: Failure + 'static> At<T> for Result<T, F> {
    fn at(self, origin: &str) -> Result<T, Failed> {
        self.map_err(|failure| Failed::new(Some(origin), failure))
    }
}

/// `tool: what`, the details aligned, the causes, the hint.
pub(crate) fn render(tool: &str, what: &str, failure: &dyn Failure) -> String {
    let mut text = format!("{tool}: {}\n", Printable(what));
    let details = failure.details();
    let width = details.iter().map(|d| d.label.len()).max().unwrap_or(0) + 1;
    for Detail { label, value } in &details {
        let label = format!("{label}:");
        let _ = writeln!(text, "  {label:width$} {}", Printable(value));
    }
    let mut cause = failure.source();
    while let Some(error) = cause {
        let line = error.to_string();
        // A wrapper that shows its cause in its own words has told it already.
        if !text.contains(&line) {
            let _ = writeln!(text, "  caused by: {}", Printable(&line));
        }
        cause = error.source();
    }
    if let Some(hint) = failure.hint() {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

/// Text that may come from others: it may have several lines, which are indented, and control
/// characters, which would act on a terminal and are shown as escapes.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.trim_end().chars() {
            match c {
                '\n' => f.write_str("\n    ")?,
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("two inputs want the path `usr/bin/app`")]
    struct Conflict;
    impl Failure for Conflict {
        fn details(&self) -> Vec<Detail> {
            vec![
                Detail::new("first", "//app:server"),
                Detail::new("second", "//app:client"),
            ]
        }
        fn hint(&self) -> Option<String> {
            Some("give one of them another destination".into())
        }
    }

    #[test]
    fn what_where_hint() {
        let failed = Err::<(), _>(Conflict).at("//app:rootfs").unwrap_err();
        assert_eq!(
            failed.render("layer"),
            "layer: //app:rootfs: two inputs want the path `usr/bin/app`\n  \
             first:  //app:server\n  second: //app:client\n\
             hint: give one of them another destination\n"
        );
        assert_eq!(failed.exit_code(), 1);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Repeats(#[source] Inner);
    impl Failure for Repeats {
        fn blame(&self) -> Blame {
            Blame::Environment
        }
    }
    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn control_characters_of_others_do_not_reach_the_terminal() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open `a\u{1b}[2Jb`")]
        struct Hostile;
        impl Failure for Hostile {}
        let text = Failed::from(Hostile).render("layer");
        assert_eq!(text, "layer: cannot open `a\\u{1b}[2Jb`\n");
    }

    #[test]
    fn a_cause_is_told_once() {
        let failed = Failed::from(Repeats(Inner(std::io::Error::other("line\u{7}\none"))));
        assert_eq!(
            failed.render("pull"),
            "pull: outer: inner\n  caused by: line\\u{7}\n    one\n"
        );
        assert_eq!(failed.exit_code(), 3);
    }
}
