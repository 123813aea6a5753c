//! The header fields that decide something: lengths, ranges, waiting times, warnings.
//!
//! Each is read strictly; what breaks its grammar counts as not said, but for lengths and ranges,
//! where that is an error of the registry.

/// `Content-Length`: what all its fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// No field.
    Unknown,
    /// Bytes.
    Known(u64),
    /// Not a number, or two fields that differ.
    Malformed,
}

/// Reads `Content-Length` (RFC 9110 section 8.6).
pub fn content_length<'a>(fields: impl IntoIterator<Item = &'a str>) -> Length {
    let mut length = Length::Unknown;
    for field in fields {
        let Some(bytes) = number(field) else {
            return Length::Malformed;
        };
        match length {
            Length::Known(other) if other != bytes => return Length::Malformed,
            _ => length = Length::Known(bytes),
        }
    }
    length
}

/// `Content-Range` of a part: first and last byte, and the whole size where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte, from 0.
    pub first: u64,
    /// The last byte.
    pub last: u64,
    /// The size of the whole.
    pub size: Option<u64>,
}

/// Reads `Content-Range` (RFC 9110 section 14.4); there must be exactly one field.
pub fn content_range<'a>(fields: impl IntoIterator<Item = &'a str>) -> Option<ContentRange> {
    let mut fields = fields.into_iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return None;
    };
    let (range, size) = field.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let range = ContentRange {
        first: number(first)?,
        last: number(last)?,
        size: match size {
            "*" => None,
            size => Some(number(size)?),
        },
    };
    let in_order = range.first <= range.last && range.size.is_none_or(|size| range.last < size);
    in_order.then_some(range)
}

/// The `Range` of an upload (distribution specification, "Pushing a blob in chunks"): how many
/// bytes the registry has. `0-0` is written for none as well as for one, and taken as none.
pub fn uploaded(field: &str) -> Option<u64> {
    let field = field.strip_prefix("bytes=").unwrap_or(field);
    let (first, last) = field.split_once('-')?;
    match (number(first)?, number(last)?) {
        (0, 0) => Some(0),
        (0, last) => last.checked_add(1),
        _ => None,
    }
}

/// Decimal digits and nothing else, below 2^63.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|n| i64::try_from(*n).is_ok())
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3). A date is compared with the `Date` of the same
/// answer: both are the server's clock, ours is not read.
pub fn retry_after(field: &str, date: Option<&str>) -> Option<u64> {
    let field = field.trim();
    if let Some(seconds) = number(field) {
        return Some(seconds);
    }
    let (then, now) = (http_date(field)?, http_date(date?.trim())?);
    Some(then.saturating_sub(now))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|name| *name == month)? as u64 + 1;
    let (day, year) = (number(day)?, number(year)?);
    let [hour, minute, second] = time.split(':').map(number).collect::<Vec<_>>()[..] else {
        return None;
    };
    let (hour, minute, second) = (hour?, minute?, second?);
    let legal = (1..=31).contains(&day) && (1970..=9999).contains(&year);
    if !legal || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1970 of a date in the Gregorian calendar, years beginning in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The text of a `Warning` as the distribution specification has it: code 299, agent `-`, no date.
pub fn warning(field: &str) -> Option<String> {
    let text = field.strip_prefix("299 - \"")?.strip_suffix('"')?;
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            // A backslash excuses no control character.
            '\\' => out.push(chars.next().filter(|c| !c.is_control())?),
            '"' => return None,
            c if c.is_control() => return None,
            c => out.push(c),
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        use Length::{Known, Malformed, Unknown};
        for (fields, expected) in [
            (&[][..], Unknown),
            (&[""], Malformed),
            (&["x"], Malformed),
            (&["-1"], Malformed),
            (&["+1"], Malformed),
            (&["1", "2"], Malformed),
            (&["7", "7"], Known(7)),
            (&["0777"], Known(777)),
            (&["9223372036854775808"], Malformed),
            (&["99999999999999999999"], Malformed),
        ] {
            assert_eq!(
                content_length(fields.iter().copied()),
                expected,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn ranges() {
        let range = |first, last, size| Some(ContentRange { first, last, size });
        for (fields, expected) in [
            (&["bytes 0-0/1"][..], range(0, 0, Some(1))),
            (&["bytes 010-020/030"], range(10, 20, Some(30))),
            (&["bytes 1000-1010/*"], range(1000, 1010, None)),
            (&[], None),
            (&[""], None),
            (&["bytes 0-0/1", "bytes 0-0/1"], None),
            (&["items 0-0/1"], None),
            (&["bytes "], None),
            (&["bytes x-0/1"], None),
            (&["bytes 0-x/1"], None),
            (&["bytes 0-0/x"], None),
            (&["bytes 0:0/1"], None),
            (&["bytes 0-0"], None),
            (&["bytes -0/1"], None),
            (&["bytes 0-/1"], None),
            (&["bytes 0-0/1 "], None),
            (&["bytes 2-1/9"], None),
            (&["bytes 0-9/9"], None),
        ] {
            assert_eq!(
                content_range(fields.iter().copied()),
                expected,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn uploaded_ranges() {
        for (field, expected) in [
            ("0-0", Some(0)),
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            ("1-99", None),
            ("99", None),
            ("", None),
            ("0-x", None),
        ] {
            assert_eq!(uploaded(field), expected, "{field}");
        }
    }

    #[test]
    fn waiting_times() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after("120", None), Some(120));
        assert_eq!(retry_after(" 5 ", None), Some(5));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:50:07 GMT", Some(date)),
            Some(30)
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:00:00 GMT", Some(date)),
            Some(0)
        );
        assert_eq!(retry_after(date, None), None);
        for bad in ["", "-1", "1.5", "soon", "Sun, 06 Foo 1994 08:49:37 GMT"] {
            assert_eq!(retry_after(bad, Some(date)), None, "{bad}");
        }
    }

    #[test]
    fn dates_are_counted_right() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(
            http_date("Thu, 29 Feb 2024 23:59:59 GMT"),
            Some(1_709_251_199)
        );
    }

    #[test]
    fn warnings() {
        for (field, expected) in [
            (r#"299 - "moving soon""#, Some("moving soon")),
            (r#"299 - "a \"b\" \\ c""#, Some(r#"a "b" \ c"#)),
            (r#"199 - "x""#, None),
            (r#"299 registry.example "x""#, None),
            (r#"299 - "x" "Sat, 25 Aug 2012 23:34:45 GMT""#, None),
            (r#"299 - "x"#, None),
            ("299 - \"x\u{7}\"", None),
            ("299 - \"x\\\u{1b}[2J\"", None),
            (r#"299 - """#, None),
        ] {
            assert_eq!(warning(field).as_deref(), expected, "{field}");
        }
    }
}
