//! Dates for people, UTC. Everything else counts seconds since 1970.

/// Seconds since 1970 as a date and a time of day.
#[must_use]
pub fn shown(seconds: u64) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The first second of a date written `YYYY-MM-DD`, from 1970 to 9999; `None` for any other text.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let form = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let mut parts = text.split('-').map(|part| part.parse::<u64>().ok());
    let (Some(year), Some(month), Some(day)) = (parts.next()?, parts.next()?, parts.next()?) else {
        return None;
    };
    if !form || year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days(year, month, day);
    (date(days) == (year, month, day)).then_some(days * 86_400)
}

/// Years are counted from March, so that the leap day is a year's last; 400 years have 146,097
/// days. 719,468 days lie between the start of such a year 0 and 1970.
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let (month, next_year) = if from_march < 10 {
        (from_march + 3, 0)
    } else {
        (from_march - 9, 1)
    };
    (era * 400 + year_of_era + next_year, month, day)
}

/// The other way round.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_709_164_800, "2024-02-29 00:00:00"),
            (2_000_000_000, "2033-05-18 03:33:20"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(shown(seconds), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_found_again() {
        for day in 0..150_000 {
            let text = shown(day * 86_400);
            assert_eq!(parse(&text[..10]), Some(day * 86_400), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2027",
            "2027-1-1",
            "2027-02-29",
            "2027-13-01",
            "2027-00-01",
            "1969-12-31",
            "2027-04-31",
            "+027-01-01",
            "2027-01-01Z",
            "2027-01-0-",
            "----------",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
