//! The list of static streams is replaced while media flows.

use e2e::error::{Result, ensure};
use e2e::provision::{encrypted_stream, provision};
use e2e::scenario::{calls_both_ways, on_stage};
use e2e::show::streams;
use e2e::stage::Setting;
use e2e::steady::Steady;

#[test]
fn what_is_in_both_lists_goes_on_and_no_key_comes_back() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        // The proxy must know where everyone is: few packets wait for a neighbour.
        calls_both_ways(stage)?;
        let (lab, proxy) = (stage.lab, &stage.proxy);
        let list = |lines: &str| provision(lab, proxy, lines);
        let steady = Steady::start(lab, proxy, 4)?;
        let clear = steady.lines().to_owned();
        let [a, b, c] = [0, 1, 2].map(encrypted_stream);
        let first = list(&format!("{a}{clear}{b}"))?;
        let second = list(&format!("{b}\n{clear}{c}"))?;
        let (kept, new) = (first.lines().last(), second.lines().next());
        ensure(kept.is_some() && kept == new, || {
            format!("{kept:?} became {new:?}")
        })?;
        let open = streams(&proxy.show("media")?)?.len();
        ensure(open == 6, || format!("{open} streams"))?;
        let again = list(&format!("{a}{b}{clear}{c}"));
        let said = again.unwrap_or_else(|error| error.to_string());
        let refusal = "line 1: key that protects, or has protected, another way of media";
        ensure(said.contains(refusal), || said.clone())?;
        steady.stop()?;
        list("")?;
        stage.wait_media_closed()
    })
}
