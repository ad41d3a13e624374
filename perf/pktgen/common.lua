-- What the scripts share: the frame that the proxy takes, and one trial.
local common = {}

-- Port 0 sends to the outside of the proxy, port 1 takes what comes back. Names of ports are single numbers: "all" does
-- not work before 23.06.0.
local out, back = "0", "1"

-- Pktgen reads its counters once in a second.
local settle_ms = 3000

-- RTP: version 2, marker, payload type 0; every other payload is refused. Pktgen repeats the pattern from the first octet
-- of the frame on and keeps 15 octets of 16, so all are alike, and the one that it drops is in the timestamp.
local rtp = ("\x80"):rep(15)

-- A setting out of the environment.
function common.setting(name, default)
    local value = os.getenv(name) or default
    return value or error(name .. " is not set; see README.md", 0)
end

-- The same, as a number.
function common.number(name, default)
    local value = common.setting(name, default)
    return math.tointeger(tonumber(value)) or tonumber(value) or error(name .. " is no number", 0)
end

-- One line of the results, to the terminal and to a file, since the terminal is Pktgen's screen.
function common.report(form, ...)
    local line = form:format(...) .. "\n"
    io.write(line)
    local file = assert(io.open(os.getenv("RESULTS") or "results.txt", "a"))
    file:write(line)
    file:close()
end

-- A source needs a prefix length. Whether a destination does is left to chance (`flags` in pktgen_set_ip_addr is set for
-- sources only), and an address that is not understood is passed over without an error: so what came of it is looked at.
local function set_address(port, which, address)
    for _, text in ipairs({ address .. "/32", address }) do
        pktgen.set_ipaddr(port, which, text)
        local shown = pktgen.portInfo(port)[tonumber(port)].info.l2_l3_info[which .. "_ip"]
        if shown:match("^[%d.]+") == address then
            return
        end
    end
    error(("Pktgen does not take %s as %s address"):format(address, which), 0)
end

-- Port 1 is the peer inside: it answers when the proxy asks for its station address.
function common.answer()
    set_address(back, "src", common.setting("PEER_IP"))
    pktgen.process(back, "on")
end

-- Asks the proxy for its address inside, by which it learns where the peer is, before the first packet needs it.
function common.introduce()
    set_address(back, "dst", common.setting("PROXY_INSIDE_IP"))
    pktgen.send_arp(back, "request")
    pktgen.delay(1000)
end

function common.size(octets)
    pktgen.set(out, "size", octets)
end

function common.rate(percent)
    pktgen.set(out, "rate", percent)
end

-- The frame that one stream's peer outside sends. The pattern goes first: the frame is made anew by what follows only.
function common.aim()
    pktgen.userPattern(out, rtp)
    pktgen.set_type(out, "ipv4")
    pktgen.set_proto(out, "udp")
    pktgen.set_mac(out, "dst", common.setting("PROXY_MAC"))
    set_address(out, "dst", common.setting("PROXY_IP"))
    set_address(out, "src", common.setting("OUR_IP"))
    pktgen.set(out, "dport", common.number("PROXY_PORT", "1028"))
    pktgen.set(out, "sport", common.number("OUR_PORT", "16384"))
end

-- What was sent and what came back since the counters were cleared.
function common.counts()
    pktgen.delay(settle_ms)
    return pktgen.portStats(out, "port")[0].opackets, pktgen.portStats(back, "port")[1].ipackets
end

-- Sends for so long; returns what was sent and what came back. Requests for station addresses count among the latter.
function common.trial(ms)
    pktgen.clr()
    pktgen.start(out)
    pktgen.delay(ms)
    pktgen.stop(out)
    return common.counts()
end

-- Lets the proxy learn station addresses, and ends the run when nothing passes.
function common.warm_up()
    common.rate(1)
    local sent, came = common.trial(2000)
    if came == 0 then
        error(("of %d frames none came back; `ucproxy show counters --nonzero` says why"):format(sent), 0)
    end
end

-- Runs a script to its end, then ends Pktgen.
function common.run(script)
    pktgen.screen("off")
    local done, why = pcall(script)
    if not done then
        common.report("failed: %s", tostring(why))
    end
    pktgen.quit()
end

return common
