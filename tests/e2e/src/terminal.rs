//! A program in a terminal of its own, which `script` of util-linux makes.

use std::io::Write as _;
use std::path::Path;
use std::process::ChildStdin;

use crate::error::{Failure, Result, ensure};
use crate::netns::Netns;
use crate::process::Process;
use crate::wait::{STEP, until};

const ROWS: usize = 40;
const COLUMNS: usize = 160;

/// What a program says to have the whole screen, and to give it back.
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

/// A program that has taken the whole screen of its terminal.
#[derive(Debug)]
pub struct Terminal {
    process: Process,
    keys: ChildStdin,
}

impl Terminal {
    /// Starts `command`, a line of shell, with the modes of the terminal told before and after.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn open(netns: &Netns, dir: &Path, command: &str) -> Result<Self> {
        let session = format!(
            "stty rows {ROWS} cols {COLUMNS}\n\
             echo \"before $(stty -g).\"\n\
             {command}\n\
             status=$?\n\
             echo \"after $(stty -g).\"\n\
             echo \"status $status.\"\n"
        );
        let script = ["script", "-qec", &session, "/dev/null"];
        let command = [
            &["env", "TERM=xterm-256color", "SHELL=/bin/sh"],
            &script[..],
        ]
        .concat();
        let mut process = Process::start_piped(netns, dir, "terminal", &command)?;
        let keys = process
            .take_stdin()
            .ok_or_else(|| Failure::Unexpected("the terminal has no keys".to_owned()))?;
        Ok(Self { process, keys })
    }

    /// Waits until a line of the screen has all of `words`.
    ///
    /// # Errors
    /// When there is none in time; shows the screen.
    pub fn wait_line(&self, words: &[&str]) -> Result<()> {
        let has_all = |line: &String| words.iter().all(|word| line.contains(word));
        let found = until(&format!("{words:?} on the screen"), STEP, || {
            Ok(self.screen().iter().find(|line| has_all(line)).map(drop))
        });
        found.map_err(|error| {
            let screen = self.screen().join("\n");
            Failure::Unexpected(format!("{error}\n{screen}"))
        })
    }

    /// Types `keys`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        let typed = self.keys.write_all(keys.as_bytes());
        typed.and_then(|()| self.keys.flush()).map_err(|source| {
            let what = format!("type {keys:?}");
            Failure::Io { what, source }
        })
    }

    /// Waits for the program's end; it must have ended well and left the terminal as it was.
    ///
    /// # Errors
    /// When it did not, or does not end.
    pub fn close(mut self) -> Result<()> {
        self.process.wait_exit(STEP)?;
        let text = self.process.log().text();
        let said = |label: &str| {
            text.split_once(label)?
                .1
                .split_once('.')
                .map(|(said, _)| said)
        };
        let ended_well = said("status ") == Some("0");
        let same_modes = said("before ").is_some() && said("before ") == said("after ");
        let gave_back = [ENTER, LEAVE].map(|mode| text.matches(mode).count()) == [1, 1];
        ensure(ended_well && same_modes && gave_back, || {
            format!("the terminal is not as it was: {text:?}")
        })
    }

    /// The lines of the whole screen as they are now; none before the program has it.
    fn screen(&self) -> Vec<String> {
        let text = self.process.log().text();
        let drawn = text.split_once(ENTER).map_or("", |(_, drawn)| drawn);
        draw(drawn.split(LEAVE).next().unwrap_or_default())
    }
}

/// What is on a screen after `text`, of whose commands only those matter that go to a place and
/// clear everything.
fn draw(text: &str) -> Vec<String> {
    let mut screen = vec![vec![' '; COLUMNS]; ROWS];
    let (mut row, mut column) = (0, 0);
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\u{1b}' if rest.as_str().starts_with('[') => {
                let command = rest.as_str();
                let is_name = |c: char| c.is_ascii_alphabetic();
                let (numbers, name) = command.split_at(command.find(is_name).unwrap_or(0));
                let place = |at: usize| -> usize {
                    let number = numbers.trim_start_matches('[').split(';').nth(at);
                    number
                        .and_then(|n| n.parse().ok())
                        .map_or(0, |n: usize| n.saturating_sub(1))
                };
                rest = name.chars();
                match rest.next() {
                    Some('H') => (row, column) = (place(0), place(1)),
                    Some('J') => screen.iter_mut().for_each(|line| line.fill(' ')),
                    _ => {}
                }
            }
            '\r' => column = 0,
            '\n' => row += 1,
            letter if letter.is_control() => {}
            letter => {
                if let Some(cell) = screen.get_mut(row).and_then(|line| line.get_mut(column)) {
                    *cell = letter;
                }
                column += 1;
            }
        }
    }
    screen.into_iter().map(String::from_iter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_over_is_gone() {
        let screen = draw("\u{1b}[2J\u{1b}[2;3Hold one\u{1b}[0;1m\u{1b}[2;3Hnew\u{1b}[?25l");
        assert_eq!(screen[1].trim_end(), "  new one");
        assert_eq!(draw("gone\u{1b}[2Jleft")[0].trim(), "left");
    }
}
