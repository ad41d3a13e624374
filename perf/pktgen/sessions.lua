-- A ramp of streams at a fixed rate: ports of the proxy from PROXY_PORT on, ever more of them.
local common = dofile((os.getenv("SCRIPTS") or ".") .. "/common.lua")

local range = pktgen.range

-- A field that stays as it is. Pktgen's own ranges are others: destination addresses and both ports go up by one.
local function fix(set, value, none)
    for _, bound in ipairs({ "start", "min", "max" }) do
        set("0", bound, value)
    end
    set("0", "inc", none)
end

-- The frame of the range, which takes nothing from that of `common.aim` but the pattern.
local function aim(size)
    range.set_type("0", "ipv4")
    range.ip_proto("0", "udp")
    range.dst_mac("0", "start", common.setting("PROXY_MAC"))
    fix(range.dst_ip, common.setting("PROXY_IP"), "0.0.0.0")
    fix(range.src_ip, common.setting("OUR_IP"), "0.0.0.0")
    fix(range.src_port, common.number("OUR_PORT", "16384"), 0)
    fix(range.pkt_size, size, 0)
end

-- Every RTP port from `first` to that of the last stream in turn.
local function spread(first, streams)
    fix(range.dst_port, first, 2)
    range.dst_port("0", "max", first + 2 * (streams - 1))
end

-- 1, 10, 100 and so on up to all.
local function steps(all)
    local list, streams = {}, 1
    while streams < all do
        list[#list + 1] = streams
        streams = streams * 10
    end
    list[#list + 1] = all
    return list
end

common.run(function()
    local first, all = common.number("PROXY_PORT", "16384"), common.number("STREAMS", "1000")
    local size, ms = common.number("SIZE", "224"), common.number("TRIAL_MS", "5000")
    if all > pktgen.info.maxMbufsPerPort then
        error(("Pktgen makes %d frames ahead, one a stream"):format(pktgen.info.maxMbufsPerPort), 0)
    end
    common.aim()
    common.answer()
    -- The frame of the range has a size of its own, but the rate follows from this one.
    common.size(size)
    aim(size)
    spread(first, 1)
    pktgen.set_range("0", "on")
    common.warm_up()
    common.rate(common.number("RATE", "25"))
    for _, streams in ipairs(steps(all)) do
        spread(first, streams)
        local sent, back = common.trial(ms)
        common.report("%d streams: sent %d, back %d, %.0f packets/s", streams, sent, back, sent * 1000 / ms)
    end
    pktgen.set_range("0", "off")
end)
