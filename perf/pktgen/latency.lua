-- RFC 2544 section 26.2: delay at RATE percent of the line's rate (half of what throughput.lua found).
local common = dofile((os.getenv("SCRIPTS") or ".") .. "/common.lua")

-- Where Pktgen sends its probes, whatever it is told: LATENCY_DPORT in its pktgen-latency.h.
local probe_port = 1028

common.run(function()
    local rate, size = common.number("RATE", "50"), common.number("SIZE", "224")
    if common.number("PROXY_PORT", "1028") ~= probe_port then
        error("probes go to port 1028, so the stream must be there; see README.md", 0)
    end
    common.aim()
    common.answer()
    common.size(size)
    common.warm_up()
    common.rate(rate)
    -- Once the frame is whole: the probe is a copy of it, of 76 octets. Both ends must know of it.
    pktgen.latency("0", "on")
    pktgen.latency("1", "on")
    pktgen.latency("0", "rate", 1000) -- microseconds between two probes
    local sent, back = common.trial(common.number("TRIAL_MS", "20000"))
    local delay = pktgen.pktStats("1")[1].latency
    pktgen.latency("0", "off")
    pktgen.latency("1", "off")
    if delay.num_pkts == 0 then
        error("no probe came back", 0)
    end
    common.report("%d octets at %g percent: sent %d, back %d", size, rate, sent, back)
    common.report("delay of %d probes, %d out of turn: least %.2f us, mean %.2f us, most %.2f us",
        delay.num_pkts, delay.num_skipped, delay.min_us, delay.avg_us, delay.max_us)
end)
