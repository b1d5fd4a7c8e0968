//! A point in time as the browser needs it: read from the server's JSON, compared, printed. The server's is [`jiff::Timestamp`], whose calendars, time zones
//! and error texts would be a noticeable part of what it downloads; here is what both have in common.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;

const DAY: i64 = 86_400;

/// A point in time, in UTC, to the nanosecond. Prints and reads as `2026-11-21T08:15:02.25Z`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    second: i64,
    nanosecond: u32,
}

/// Not a time in UTC between the years 0 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTimestamp;

impl Timestamp {
    /// 1970-01-01.
    pub const UNIX_EPOCH: Self = Self { second: 0, nanosecond: 0 };

    /// Seconds since 1970.
    pub const fn from_second(second: i64) -> Result<Self, NoTimestamp> {
        // The first and the last second of the years that have four digits.
        if second < -62_167_219_200 || second > 253_402_300_799 { Err(NoTimestamp) } else { Ok(Self { second, nanosecond: 0 }) }
    }

    /// Milliseconds since 1970.
    pub const fn from_millisecond(millisecond: i64) -> Result<Self, NoTimestamp> {
        match Self::from_second(millisecond.div_euclid(1_000)) {
            Ok(whole) => Ok(Self { nanosecond: millisecond.rem_euclid(1_000) as u32 * 1_000_000, ..whole }),
            Err(error) => Err(error),
        }
    }

    /// Whole seconds since 1970.
    pub const fn as_second(self) -> i64 {
        self.second
    }

    /// Whole milliseconds since 1970.
    pub const fn as_millisecond(self) -> i64 {
        self.second * 1_000 + self.nanosecond as i64 / 1_000_000
    }

    fn read(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(time, ':')?;
        let whole = days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
        let nanosecond = if fraction.is_empty() { 0 } else { format!("{fraction:0<9.9}").parse().ok()? };
        Some(Self { nanosecond, ..Self::from_second(whole).ok()? })
    }
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.splitn(3, between).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Days from 1970-01-01 to that date. Years are counted from March, so that a leap day is a year's last, and in eras of 400, after which they repeat.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468
}

/// Year, month and day: the reverse of [`days`].
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year + (month <= 2) as i64, month, of_year - (153 * from_march + 2) / 5 + 1)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.second.div_euclid(DAY));
        let of_day = self.second.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanosecond > 0 {
            write!(f, ".{}", format!("{:09}", self.nanosecond).trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not a time in UTC"))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn both_count_from_the_same_day() {
        assert_eq!(Timestamp::UNIX_EPOCH.to_string(), jiff::Timestamp::UNIX_EPOCH.to_string());
    }

    proptest! {
        #[test]
        fn the_browser_reads_and_prints_times_as_the_server_does(second in 0_i64..253_402_207_000, nanosecond in prop_oneof![Just(0), 0..1_000_000_000_i32]) {
            let theirs = jiff::Timestamp::new(second, nanosecond).expect("a time");
            let text = theirs.to_string();
            let ours = Timestamp::read(&text).expect("read");
            prop_assert_eq!(ours.to_string(), text);
            prop_assert_eq!((ours.as_second(), ours.as_millisecond()), (theirs.as_second(), theirs.as_millisecond()));
            prop_assert_eq!(Timestamp::from_millisecond(theirs.as_millisecond()).map(Timestamp::as_millisecond), Ok(theirs.as_millisecond()));
        }

        #[test]
        fn what_is_no_time_is_refused(text in "[0-9TZ:. -]{0,24}") {
            prop_assert!(Timestamp::read(&text).is_none() || text.ends_with('Z'));
        }
    }
}
