//! Times, as configs hold them: RFC 3339, section 5.6.
//!
//! A time that was given as text stays as it was written; seconds become `YYYY-MM-DDTHH:MM:SSZ`.

/// Seconds since 1970 in RFC 3339, for the years 0000 to 9999.
pub(crate) fn from_seconds(seconds: i64) -> Option<String> {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 0000-03-01, so that a leap day ends its year, counted in eras of 400 years.
    let days = days.checked_add(719_468)?;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + era * 400 + carry;
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
    ))
}

/// Whether `text` is a time in RFC 3339, in the form that Go reads: an upper-case `T` and `Z`, no
/// leap second.
pub(crate) fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || !text.is_ascii() {
        return false;
    }
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = &text[from..to];
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !punctuation.iter().all(|(at, byte)| bytes[*at] == *byte) {
        return false;
    }
    let fields = [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)];
    let [
        Some(year),
        Some(month),
        Some(day),
        Some(hour),
        Some(minute),
        Some(second),
    ] = fields.map(|(from, to)| number(from, to))
    else {
        return false;
    };
    let mut rest = &text[19..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = &fraction[digits..];
    }
    let offset = match rest.as_bytes() {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let digit = |b: &u8| char::from(*b).to_digit(10);
            match (digit(h1), digit(h2), digit(m1), digit(m2)) {
                (Some(h1), Some(h2), Some(m1), Some(m2)) => h1 * 10 + h2 < 24 && m1 * 10 + m2 < 60,
                _ => false,
            }
        }
        _ => false,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    offset && (1..=last).contains(&day) && hour < 24 && minute < 60 && second < 60
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:01Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(from_seconds(seconds).unwrap(), text);
            assert!(is_rfc3339(text));
        }
        for out in [-62_167_219_201, 253_402_300_800, i64::MIN, i64::MAX] {
            assert_eq!(from_seconds(out), None);
        }
    }

    #[test]
    fn texts() {
        for good in [
            "2024-02-29T23:59:59Z",
            "2024-01-01T00:00:00.5Z",
            "2024-01-01T00:00:00.123456789+05:30",
            "2024-12-31T00:00:00-23:59",
        ] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2023-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01t00:00:00z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+05:60",
            "2024-01-01T00:00:00+5:30",
            "2024-01-01T00:00:00Zx",
            "+024-01-01T00:00:00Z",
            "2024-01-01T00:00:0éZ",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_a_time(seconds in -62_167_219_200i64..=253_402_300_799) {
            prop_assert!(is_rfc3339(&from_seconds(seconds).unwrap()));
        }

        #[test]
        fn order_is_kept(a in 0i64..=253_402_300_799, b in 0i64..=253_402_300_799) {
            prop_assert_eq!(a.cmp(&b), from_seconds(a).cmp(&from_seconds(b)));
        }
    }
}
