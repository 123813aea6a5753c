//! Files that hold what a request would say in a map.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;

/// A file with a `KEY=VALUE` on each line. Empty lines do not count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lines {
    /// The file.
    pub(crate) file: PathBuf,
    /// How its values are taken.
    #[serde(default)]
    pub(crate) values: Values,
}

/// A file with words. Empty ones do not count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    /// The file.
    pub(crate) file: PathBuf,
    /// What stands between them.
    #[serde(default)]
    pub(crate) between: Between,
    /// How they are taken.
    #[serde(default)]
    pub(crate) values: Values,
}

/// What stands between the words of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Between {
    /// Each has a line of its own.
    #[default]
    Lines,
    /// A comma, or a new line; white space around a word is not a part of it.
    Commas,
}

/// How values are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Values {
    /// As they stand.
    #[default]
    Literal,
    /// As `{"expand": VALUE}`.
    Expand,
    /// As `{"stamp": VALUE}`.
    Stamp,
    /// As `{"stamp_and_expand": VALUE}`.
    StampAndExpand,
}

impl Values {
    /// A value as a text of the request.
    pub(crate) fn text(self, value: &str) -> Text {
        let value = value.to_owned();
        match self {
            Values::Literal => Text::Literal(value),
            Values::Expand => Text::Expand(value),
            Values::Stamp => Text::Stamp(value),
            Values::StampAndExpand => Text::StampAndExpand(value),
        }
    }
}
