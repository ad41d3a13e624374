//! The command line.

use core::fmt::Display;
use core::str::FromStr;
use std::path::PathBuf;

use abi::Suite;
use perf_loadgen::synth::Synth;
use perf_loadgen::{Direction, End, Fault, Mix, Search, Traffics};

/// What the operator reads.
pub(crate) const USAGE: &str = "\
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
          --mirror        something else stands between the ports and sends every frame on";

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Command {
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
            match (argument.strip_prefix("--"), pairs.last_mut()) {
                (Some(name), _) => pairs.push((name.to_owned(), None)),
                (None, Some((_, value @ None))) => *value = Some(argument),
                (None, _) => return Err(format!("{argument:?} is not expected")),
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

    fn named<T>(&mut self, name: &str, find: fn(&str) -> Option<T>) -> Result<Option<T>, String> {
        let parse =
            |text: String| find(&text).ok_or_else(|| format!("--{name}: no such thing as {text}"));
        self.text(name)?.map(parse).transpose()
    }

    /// Fails if anything is left.
    fn end(self) -> Result<(), String> {
        match self.0.first() {
            Some((name, _)) => Err(format!("--{name} is not known here")),
            None => Ok(()),
        }
    }
}

impl Command {
    /// Reads the program's arguments.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let verb = arguments.next().unwrap_or_default();
        let mut given = Given::read(arguments)?;
        let command = match verb.as_str() {
            "run" => Self::Run(Run::parse(&mut given)?),
            "pcap" => Self::Pcap(Capture::parse(&mut given)?),
            "streams" => Self::Streams {
                synth: synth(&mut given)?,
                to: given.wanted("to")?.into(),
            },
            _ => return Err("what to do?".to_owned()),
        };
        given.end()?;
        Ok(command)
    }
}

impl Run {
    fn parse(given: &mut Given) -> Result<Self, String> {
        let stored = given.number("stored")?.map(Amount::Stored);
        let seconds = given.number("seconds")?.map(Amount::Seconds);
        Ok(Self {
            streams: given.wanted("streams")?.into(),
            outside: given.wanted("outside")?,
            inside: given.wanted("inside")?,
            traffics: traffics(given)?,
            rate: given.number("rate")?,
            search: search(given)?,
            amount: stored.or(seconds).unwrap_or(Amount::Seconds(1.0)),
            repeat: given.number("repeat")?.unwrap_or(1),
            cpu: given.number("cpu")?.unwrap_or(0),
            hugepages: given.flag("hugepages")?,
            descriptors: given.number("descriptors")?.unwrap_or(1_024),
            warm_up: given.number("warm-up")?.unwrap_or(100_000.0),
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
            packets: given.number("packets")?.unwrap_or(100_000),
            source_mac: given.wanted("source-mac")?,
            destination_mac: given.wanted("destination-mac")?,
            traffics,
        })
    }
}

fn search(given: &mut Given) -> Result<Option<Search>, String> {
    let loss = given.number("loss")?.unwrap_or(0.0);
    let Some(range) = given.text("search")? else {
        return Ok(None);
    };
    let (low, high) = range.split_once(':').unwrap_or_default();
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if 0.0 < low && low < high => Ok(Some(Search { low, high, loss })),
        _ => Err(format!("--search wants LOW:HIGH, not {range}")),
    }
}

fn traffics(given: &mut Given) -> Result<Traffics, String> {
    let default = Traffics::default();
    let direction = given.named("direction", Direction::from_name)?;
    let percent = given.number("bad-percent")?.unwrap_or(50);
    if percent > 99 {
        return Err("--bad-percent is at most 99".to_owned());
    }
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
        count: given.number("count")?.unwrap_or(default.count),
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
            ("fly", "what to do?"),
            (
                "streams --count x --to f",
                "--count x: invalid digit found in string",
            ),
            ("streams --count", "--count wants a value"),
            ("streams --to f --colour red", "--colour is not known here"),
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
        ] {
            assert_eq!(parse(line).unwrap_err(), wanted);
        }
    }
}
