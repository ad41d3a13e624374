//! The command line.

use core::fmt::Display;
use core::ops::RangeInclusive;
use core::str::FromStr;
use std::path::PathBuf;

use abi::Suite;
use perf_loadgen::synth::{STREAMS_MAX, Synth};
use perf_loadgen::{Direction, End, Fault, Mix, Search, Traffics};

/// What the operator reads.
pub(crate) const USAGE: &str = "\
Media of many streams for a proxy, and whether it comes back as it should.

usage: perf-loadgen run --streams FILE --outside VDEV --inside VDEV [what] [how fast]
       perf-loadgen pcap --streams FILE --to FILE --end outside|inside --packets N
                         --source-mac MAC --destination-mac MAC [what]
       perf-loadgen streams --count N --to FILE [--client SUITE|clear] [--server SUITE|clear]
                            [--v6] [--seed N]

`run` sends media of every stream in FILE through the proxy between its two ports, checks each
packet that comes back, and prints what came of it as JSON. `pcap` writes the same packets to a
capture, to be replayed. `streams` makes streams up, for the proxy and for `run`.

what:     --direction inward|outward|both    --mix g711|opus|video|mixed    --no-rtcp
          --bad unauthentic|replayed|truncated|wrong-ssrc|unknown-port --bad-percent N
how fast: --rate PACKETS/S (else as fast as the proxy takes it)
          --stored N      N packets made ahead of time; they carry no time
          --seconds S     packets made as they are sent, which carry the time
          --repeat N      so many times, each a line of JSON
          --search LOW:HIGH --loss SHARE   the highest rate between the two that loses no more
where:    --cpu N   --hugepages   --descriptors N   --warm-up PACKETS/S
          --mirror        something else stands between the ports and sends every frame on
          --help          say this";

/// Options of `run`.
const RUN: [&str; 19] = [
    "streams",
    "outside",
    "inside",
    "direction",
    "mix",
    "no-rtcp",
    "bad",
    "bad-percent",
    "rate",
    "stored",
    "seconds",
    "repeat",
    "search",
    "loss",
    "cpu",
    "hugepages",
    "descriptors",
    "warm-up",
    "mirror",
];
/// Options of `pcap`.
const PCAP: [&str; 11] = [
    "streams",
    "to",
    "end",
    "packets",
    "source-mac",
    "destination-mac",
    "direction",
    "mix",
    "no-rtcp",
    "bad",
    "bad-percent",
];
/// Options of `streams`.
const STREAMS: [&str; 6] = ["count", "to", "client", "server", "v6", "seed"];

/// Seconds that a load takes at most: a day.
const SECONDS_MAX: f64 = 86_400.0;
/// Packets that a ring holds: a burst, and what DPDK can count.
const DESCRIPTORS: RangeInclusive<u16> = 32..=32_768;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Help,
    Run(Run),
    Pcap(Capture),
    Streams { synth: Synth, to: PathBuf },
}

/// A load on a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) streams: PathBuf,
    pub(crate) outside: String,
    pub(crate) inside: String,
    pub(crate) traffics: Traffics,
    pub(crate) rate: Option<f64>,
    pub(crate) search: Option<Search>,
    pub(crate) amount: Amount,
    pub(crate) repeat: u32,
    pub(crate) cpu: u16,
    pub(crate) hugepages: bool,
    pub(crate) descriptors: u16,
    pub(crate) warm_up: f64,
    pub(crate) mirror: bool,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    Stored(usize),
    Seconds(f64),
}

/// A capture to write.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub(crate) streams: PathBuf,
    pub(crate) to: PathBuf,
    pub(crate) end: End,
    pub(crate) packets: usize,
    pub(crate) source_mac: String,
    pub(crate) destination_mac: String,
    pub(crate) traffics: Traffics,
}

/// Arguments as `--name value` pairs and bare `--name`s.
struct Given(Vec<(String, Option<String>)>);

impl Given {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut pairs: Vec<(String, Option<String>)> = Vec::new();
        for argument in arguments {
            if let Some(name) = argument.strip_prefix("--") {
                if pairs.iter().any(|(given, _)| given == name) {
                    return Err(format!("--{name} is given twice"));
                }
                pairs.push((name.to_owned(), None));
                continue;
            }
            match pairs.last_mut() {
                Some((_, value @ None)) => *value = Some(argument),
                _ => return Err(format!("{argument:?} is not expected")),
            }
        }
        Ok(Self(pairs))
    }

    /// Takes the value of `name` out; `None` if it is not given.
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(at) = self.0.iter().position(|(given, _)| given == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.remove(at);
        value
            .map(Some)
            .ok_or_else(|| format!("--{name} wants a value"))
    }

    fn wanted(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?
            .ok_or_else(|| format!("--{name} is missing"))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        let Some(at) = self.0.iter().position(|(given, _)| given == name) else {
            return Ok(false);
        };
        match self.0.remove(at) {
            (_, None) => Ok(true),
            (name, Some(_)) => Err(format!("--{name} takes no value")),
        }
    }

    fn number<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>, String> {
        let parse = |text: String| {
            text.parse()
                .map_err(|error| format!("--{name} {text}: {error}"))
        };
        self.text(name)?.map(parse).transpose()
    }

    /// A number among those `possible`.
    fn within<T>(&mut self, name: &str, possible: RangeInclusive<T>) -> Result<Option<T>, String>
    where
        T: FromStr<Err: Display> + Display + PartialOrd,
    {
        match self.number(name)? {
            Some(number) if !possible.contains(&number) => {
                let (least, most) = possible.into_inner();
                Err(format!("--{name} wants {least} to {most}, not {number}"))
            }
            number => Ok(number),
        }
    }

    /// A number of which there is at least one.
    fn count<T>(&mut self, name: &str) -> Result<Option<T>, String>
    where
        T: FromStr<Err: Display> + Display + PartialOrd + From<u8>,
    {
        match self.number(name)? {
            Some(number) if number < T::from(1) => Err(format!("--{name} wants 1 or more")),
            number => Ok(number),
        }
    }

    /// A rate, in packets a second.
    fn rate(&mut self, name: &str) -> Result<Option<f64>, String> {
        match self.number(name)? {
            Some(rate) if !is_rate(rate) => {
                Err(format!("--{name} wants packets a second, not {rate}"))
            }
            rate => Ok(rate),
        }
    }

    fn named<T>(&mut self, name: &str, find: fn(&str) -> Option<T>) -> Result<Option<T>, String> {
        let parse =
            |text: String| find(&text).ok_or_else(|| format!("--{name}: no such thing as {text}"));
        self.text(name)?.map(parse).transpose()
    }

    /// Fails if there is anything but what is `known`.
    fn only(&self, known: &[&str]) -> Result<(), String> {
        let unknown = self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()));
        let Some((name, _)) = unknown else {
            return Ok(());
        };
        let known: Vec<String> = known.iter().map(|name| format!("--{name}")).collect();
        let known = known.join(", ");
        Err(format!("--{name} is not known here, which takes: {known}"))
    }
}

/// Whether packets can be sent at this rate.
fn is_rate(rate: f64) -> bool {
    rate.is_finite() && rate > 0.0
}

impl Command {
    /// Reads the program's arguments.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let arguments: Vec<String> = arguments.collect();
        if arguments.iter().any(|argument| argument == "--help") {
            return Ok(Self::Help);
        }
        let mut arguments = arguments.into_iter();
        let verb = arguments.next().unwrap_or_default();
        let known: &[&str] = match verb.as_str() {
            "run" => &RUN,
            "pcap" => &PCAP,
            "streams" => &STREAMS,
            _ => return Err(format!("expected run, pcap or streams, not {verb:?}")),
        };
        let mut given = Given::read(arguments)?;
        given.only(known)?;
        Ok(match verb.as_str() {
            "run" => Self::Run(Run::parse(&mut given)?),
            "pcap" => Self::Pcap(Capture::parse(&mut given)?),
            _ => Self::Streams {
                synth: synth(&mut given)?,
                to: given.wanted("to")?.into(),
            },
        })
    }
}

impl Run {
    fn parse(given: &mut Given) -> Result<Self, String> {
        let amount = amount(given)?;
        Ok(Self {
            streams: given.wanted("streams")?.into(),
            outside: given.wanted("outside")?,
            inside: given.wanted("inside")?,
            traffics: traffics(given)?,
            rate: given.rate("rate")?,
            search: search(given)?,
            amount,
            repeat: given.count("repeat")?.unwrap_or(1),
            cpu: given.number("cpu")?.unwrap_or(0),
            hugepages: given.flag("hugepages")?,
            descriptors: given.within("descriptors", DESCRIPTORS)?.unwrap_or(1_024),
            warm_up: given.rate("warm-up")?.unwrap_or(100_000.0),
            mirror: given.flag("mirror")?,
        })
    }
}

impl Capture {
    fn parse(given: &mut Given) -> Result<Self, String> {
        let end = given.named("end", |name| match name {
            "outside" => Some(End::Outside),
            "inside" => Some(End::Inside),
            _ => None,
        })?;
        let end = end.unwrap_or(End::Outside);
        let mut traffics = traffics(given)?;
        traffics.direction = match end {
            End::Outside => Direction::Inward,
            End::Inside => Direction::Outward,
        };
        Ok(Self {
            streams: given.wanted("streams")?.into(),
            to: given.wanted("to")?.into(),
            end,
            packets: given.count("packets")?.unwrap_or(100_000),
            source_mac: given.wanted("source-mac")?,
            destination_mac: given.wanted("destination-mac")?,
            traffics,
        })
    }
}

fn amount(given: &mut Given) -> Result<Amount, String> {
    let stored = given.count("stored")?;
    let seconds = given.number("seconds")?;
    match (stored, seconds) {
        (Some(_), Some(_)) => Err("--stored and --seconds exclude each other".to_owned()),
        (Some(packets), None) => Ok(Amount::Stored(packets)),
        (None, seconds) => {
            let seconds = seconds.unwrap_or(1.0);
            if seconds > 0.0 && seconds <= SECONDS_MAX {
                return Ok(Amount::Seconds(seconds));
            }
            let wanted = format!("more than 0 and at most {SECONDS_MAX}");
            Err(format!("--seconds wants {wanted}, not {seconds}"))
        }
    }
}

fn search(given: &mut Given) -> Result<Option<Search>, String> {
    let loss = given.within("loss", 0.0..=1.0)?.unwrap_or(0.0);
    let Some(range) = given.text("search")? else {
        return Ok(None);
    };
    let (low, high) = range.split_once(':').unwrap_or_default();
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if is_rate(low) && is_rate(high) && low < high => {
            Ok(Some(Search { low, high, loss }))
        }
        _ => Err(format!("--search wants LOW:HIGH, not {range}")),
    }
}

fn traffics(given: &mut Given) -> Result<Traffics, String> {
    let default = Traffics::default();
    let direction = given.named("direction", Direction::from_name)?;
    let percent = given.within("bad-percent", 0..=96)?.unwrap_or(50);
    Ok(Traffics {
        direction: direction.unwrap_or(default.direction),
        mix: given.named("mix", Mix::from_name)?.unwrap_or(default.mix),
        rtcp: !given.flag("no-rtcp")?,
        bad: given
            .named("bad", Fault::from_name)?
            .map(|fault| (fault, percent)),
        ..default
    })
}

fn synth(given: &mut Given) -> Result<Synth, String> {
    let default = Synth::default();
    let suite = |name: &str| match name {
        "clear" => Some(None),
        name => Suite::from_name(name.as_bytes()).map(Some),
    };
    Ok(Synth {
        count: given
            .within("count", 1..=STREAMS_MAX)?
            .unwrap_or(default.count),
        client_suite: given
            .named("client", suite)?
            .unwrap_or(default.client_suite),
        server_suite: given
            .named("server", suite)?
            .unwrap_or(default.server_suite),
        v6: given.flag("v6")?,
        seed: given.number("seed")?.unwrap_or(default.seed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn runs_are_read() {
        let line = "run --streams s --outside net_memif0 --inside net_memif1 --stored 1000 \
                    --bad replayed --bad-percent 80 --mix mixed --cpu 1 --hugepages";
        let Ok(Command::Run(run)) = parse(line) else {
            panic!("{line}");
        };
        assert!(matches!(run.amount, Amount::Stored(1_000)));
        assert_eq!(run.traffics.bad, Some((Fault::Replayed, 80)));
        assert_eq!(
            (run.traffics.mix, run.cpu, run.hugepages),
            (Mix::Mixed, 1, true)
        );
        assert_eq!(run.rate, None);
    }

    #[test]
    fn streams_may_be_clear_on_either_side() {
        let Ok(Command::Streams { synth, .. }) =
            parse("streams --count 5 --to f --client aead_aes_128_gcm --server clear")
        else {
            panic!();
        };
        assert_eq!(synth.client_suite, Some(Suite::AeadAes128Gcm));
        assert_eq!(synth.server_suite, None);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, wanted) in [
            ("fly", "expected run, pcap or streams, not \"fly\""),
            ("", "expected run, pcap or streams, not \"\""),
            (
                "streams --count x --to f",
                "--count x: invalid digit found in string",
            ),
            ("streams --count", "--count wants a value"),
            (
                "streams --colour red",
                "--colour is not known here, which takes: --count, --to, --client, --server, --v6, \
                 --seed",
            ),
            (
                "streams --to f --client ROT13",
                "--client: no such thing as ROT13",
            ),
            ("run --outside a --inside b", "--streams is missing"),
            (
                "run --streams s --outside a --inside b --search 5:4",
                "--search wants LOW:HIGH, not 5:4",
            ),
            ("streams extra", "\"extra\" is not expected"),
            ("streams --to f --to g", "--to is given twice"),
            ("streams --to f --v6 --v6", "--v6 is given twice"),
            (
                "streams --to f --count 0",
                "--count wants 1 to 1605632, not 0",
            ),
        ] {
            assert_eq!(parse(line).unwrap_err(), wanted);
        }
    }

    #[test]
    fn loads_that_never_begin_or_end_are_refused() {
        for (option, wanted) in [
            ("--rate 0", "--rate wants packets a second, not 0"),
            ("--rate nan", "--rate wants packets a second, not NaN"),
            ("--rate -5", "--rate wants packets a second, not -5"),
            ("--rate inf", "--rate wants packets a second, not inf"),
            ("--warm-up 0", "--warm-up wants packets a second, not 0"),
            (
                "--seconds -1",
                "--seconds wants more than 0 and at most 86400, not -1",
            ),
            (
                "--seconds nan",
                "--seconds wants more than 0 and at most 86400, not NaN",
            ),
            ("--stored 0", "--stored wants 1 or more"),
            (
                "--stored 1 --seconds 1",
                "--stored and --seconds exclude each other",
            ),
            ("--repeat 0", "--repeat wants 1 or more"),
            ("--search 1:inf", "--search wants LOW:HIGH, not 1:inf"),
            ("--loss nan", "--loss wants 0 to 1, not NaN"),
            ("--descriptors 0", "--descriptors wants 32 to 32768, not 0"),
            ("--bad-percent 100", "--bad-percent wants 0 to 96, not 100"),
        ] {
            let line = format!("run --streams s --outside a --inside b {option}");
            assert_eq!(parse(&line).unwrap_err(), wanted);
        }
    }

    #[test]
    fn help_goes_before_mistakes() {
        for line in ["--help", "run --help", "fly --help"] {
            assert!(matches!(parse(line), Ok(Command::Help)), "{line}");
        }
    }
}
