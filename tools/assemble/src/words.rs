//! Texts of the request, resolved: files read, variables replaced.
//!
//! Invariant: the files were all read before; resolving reads nothing.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::expand::expand;
use crate::request::{Text, Time};
use crate::stamps::Stamps;
use crate::time;

/// What texts are resolved with.
pub(crate) struct Words<'a> {
    /// The texts that files hold, and the values of status files.
    pub(crate) stamps: &'a Stamps,
    /// Environment variables: `NAME=value`.
    pub(crate) env: &'a [String],
}

impl Words<'_> {
    /// The text that stands at `field` of the request.
    ///
    /// # Errors
    /// [`Error::Expand`], [`Error::StampValue`].
    pub(crate) fn text(&self, text: &Text, field: &str) -> Result<String> {
        match text {
            Text::Literal(text) => Ok(text.clone()),
            Text::File(stamp) => Ok(self.stamps.text(stamp)),
            Text::Stamp(text) => self.stamps.replace(text, field, str::to_owned),
            Text::Expand(text) => self.expanded(text, field),
            Text::StampAndExpand(text) => {
                // What a value says is no variable.
                let escaped = |value: &str| value.replace('$', "\\$");
                self.expanded(&self.stamps.replace(text, field, escaped)?, field)
            }
        }
    }

    fn expanded(&self, text: &str, field: &str) -> Result<String> {
        expand(text, &|name| self.variable(name)).map_err(|reason| Error::Expand {
            field: field.to_owned(),
            text: text.into(),
            reason,
        })
    }

    /// As [`Words::text`], and not empty.
    ///
    /// # Errors
    /// [`Error::Expand`], [`Error::Empty`].
    pub(crate) fn filled(&self, text: &Text, field: &str) -> Result<String> {
        let text = self.text(text, field)?;
        if text.is_empty() {
            return Err(Error::Empty {
                field: field.to_owned(),
            });
        }
        Ok(text)
    }

    /// The texts of a list that stands at `field`.
    ///
    /// # Errors
    /// [`Error::Expand`].
    pub(crate) fn list(&self, texts: &[Text], field: &str) -> Result<Vec<String>> {
        texts
            .iter()
            .enumerate()
            .map(|(at, text)| self.text(text, &format!("{field}[{at}]")))
            .collect()
    }

    /// The texts of a map that stands at `field`.
    ///
    /// # Errors
    /// [`Error::Expand`].
    pub(crate) fn map(
        &self,
        texts: &BTreeMap<String, Text>,
        field: &str,
    ) -> Result<BTreeMap<String, String>> {
        texts
            .iter()
            .map(|(key, text)| Ok((key.clone(), self.text(text, &format!("{field}.{key}"))?)))
            .collect()
    }

    /// A time in RFC 3339.
    ///
    /// # Errors
    /// [`Error::Expand`], [`Error::Time`].
    pub(crate) fn time(&self, given: &Time) -> Result<String> {
        let text = match given {
            Time::Seconds(seconds) => seconds.to_string(),
            Time::Text(text) => self.text(text, "created")?,
        };
        let time = match text.parse() {
            Ok(seconds) => time::from_seconds(seconds),
            Err(_) => time::is_rfc3339(&text).then(|| text.clone()),
        };
        time.ok_or_else(|| Error::Time { text: text.into() })
    }

    fn variable(&self, name: &str) -> Option<String> {
        // The last one counts, as for a process that is started with them.
        self.env.iter().rev().find_map(|variable| {
            let (key, value) = variable.split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Stamp;

    fn words<'a>(stamps: &'a Stamps, env: &'a [String]) -> Words<'a> {
        Words { stamps, env }
    }

    #[test]
    fn texts() {
        let stamp = Stamp {
            file: "f".into(),
            key: None,
        };
        let stamps = Stamps::of(
            &[(stamp.clone(), "stamped $A")],
            &[("KEY", "v$A"), ("K2", "")],
        );
        let env = ["A=1".to_owned(), "B".to_owned(), "A=x=y".to_owned()];
        let words = words(&stamps, &env);
        assert_eq!(words.text(&Text::Literal("$A".into()), "f").unwrap(), "$A");
        assert_eq!(
            words.text(&Text::Expand("<$A$B>".into()), "f").unwrap(),
            "<x=y>"
        );
        assert_eq!(words.text(&Text::File(stamp), "f").unwrap(), "stamped $A");
        for (text, want) in [
            (Text::Stamp("<{KEY}{K2}$A>".into()), "<v$A$A>"),
            (Text::StampAndExpand("{KEY} $A ${A}".into()), "v$A x=y x=y"),
        ] {
            assert_eq!(words.text(&text, "f").unwrap(), want);
        }
        let error = words
            .list(&[Text::Expand("${".into())], "config.cmd")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`config.cmd[0]` cannot be expanded: `${` is not followed by a name"
        );
        assert_eq!(action::Failure::details(&error)[0].value, "${");
        let error = words
            .filled(&Text::Expand("$NONE".into()), "config.user")
            .unwrap_err();
        assert_eq!(error.to_string(), "`config.user` is empty");
    }

    #[test]
    fn times() {
        let stamps = Stamps::default();
        let words = words(&stamps, &[]);
        let text = |text: &str| Time::Text(Text::Literal(text.into()));
        assert_eq!(
            words.time(&Time::Seconds(0)).unwrap(),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            words.time(&text("1700000000")).unwrap(),
            "2023-11-14T22:13:20Z"
        );
        assert_eq!(
            words.time(&text("2024-01-01T00:00:00.5Z")).unwrap(),
            "2024-01-01T00:00:00.5Z"
        );
        assert_eq!(
            words.time(&text("yesterday")).unwrap_err().to_string(),
            "`created`: `yesterday` is not a time"
        );
        assert!(words.time(&Time::Seconds(i64::MAX)).is_err());
    }
}
