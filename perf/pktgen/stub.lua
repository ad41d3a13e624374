-- Runs a script against a likeness of Pktgen and of the proxy: lua5.3 stub.lua SCRIPT.
--
-- Names, numbers of arguments and their types, and the fields of results are those of app/lpktgenlib.c (`pktgenlib`,
-- `pktgenlib_range`, `port_stats`, `pkt_stats`, `port_info`) of Pktgen-DPDK between 23.03.0 and 23.10, as stored at
-- jamestiotio/Pktgen-DPDK 1f22a38d8f92663b1fc0cbe1db48d2cd0e3d54dc; what calls do is from app/pktgen-cmds.c, app/pktgen.c,
-- app/pktgen-range.c and app/pktgen-latency.c of that time. Whatever else a script asks for ends it.

local script = assert(arg[1], "usage: stub.lua SCRIPT")

-- Arguments by name: p ports, s string, n number, i integer, t table, ? optional.
local api = {
    quit = "", set = "psn", start = "p", stop = "p", set_mac = "pss", set_ipaddr = "pss", mac_from_arp = "s",
    set_proto = "ps", set_type = "ps", ping4 = "p", pcap = "ps", icmp_echo = "ps", send_arp = "ps", seqTable = "ipt",
    screen = "s", prime = "p", delay = "i", pause = "si", sleep = "i", load = "s", save = "s", clear = "p", clr = "",
    cls = "", update = "", reset = "p", port_restart = "p", portCount = "", totalPorts = "", vlan = "ps", vlanid = "pi",
    tos = "pi", vxlan = "ps", vxlan_id = "piii", mpls = "ps", qinq = "ps", gre = "ps", gre_eth = "ps", set_range = "ps",
    ports_per_page = "i", page = "s", port = "i", process = "ps", capture = "ps", blink = "ps", help = "",
    isSending = "p", linkState = "p", portSizes = "p", pktStats = "p", portStats = "ps", portInfo = "p", continue = "s",
    input = "s", pattern = "ps", userPattern = "ps", latency = "ps?i", jitter = "pi", gtpu_teid = "psi", rnd = "piis",
    rnd_list = "?p", rxtap = "ps", txtap = "ps", latsampler_params = "psiis", latsampler = "ps", clock_gettime = "s",
}
local range_api = {
    dst_mac = "pss", src_mac = "pss", set_type = "ps", src_ip = "pss", dst_ip = "pss", ip_proto = "ps", src_port = "psi",
    dst_port = "psi", ttl = "psi", hop_limits = "psi", vlan_id = "psi", mpls_entry = "ps", qinqids = "pii", gre_key = "pi",
    pkt_size = "psi", cos = "psi", tos = "psi", traffic_class = "psi",
}
local settable = "count size rate burst txburst rxburst cycles sport dport ttl seq_cnt seqCnt prime dump"

-- What the scripts are told, and what the proxy takes: streams at every even port from PROXY_PORT on.
local told = {
    SCRIPTS = script:match("^(.*)/[^/]*$") or ".", RESULTS = "/dev/null", TRIAL_MS = "2000", STREAMS = "2000",
    PROXY_MAC = "02:00:00:00:00:01", PROXY_IP = "198.51.100.2", PROXY_INSIDE_IP = "192.0.2.2", OUR_IP = "198.51.100.101",
    PEER_IP = "192.0.2.101", PACKETS = "100000",
}
local limit = 1500000 -- packets/s; above it, the proxy loses
local line = 1e10 -- bits/s

local clock = 0 -- milliseconds
local ports = {}
for id = 0, 1 do
    ports[id] = {
        frame = { ether = "ipv4", proto = "tcp", size = 64, sport = 1234, dport = 5678, pattern = "abcdefghijklmnop",
            src = "192.168." .. id .. ".1", dst = "192.168." .. 1 - id .. ".1", mac = "02:00:00:00:00:ff" },
        -- As pktgen_range_setup leaves it.
        range = { proto = "tcp", ether = "ipv4", mac = "02:00:00:00:00:ff", pkt_size = { 64, 64, 1518, 0 },
            dst_ip = { "192.168.2.1", "192.168.2.1", "192.168.2.254", "0.0.0.1" },
            src_ip = { "192.168.1.1", "192.168.1.1", "192.168.1.254", "0.0.0.0" },
            dst_port = { 5678, 0, 65535, 1 }, src_port = { 1234, 0, 65535, 1 } },
        rate = 100, count = 0, mode = "single", sent = 0, came = 0, shown = { 0, 0 }, probes = 0,
    }
end

-- Octets 42 to 53 of the frame: the pattern is NUL-terminated at 15 octets, and begins with the frame.
local function rtp_header(pattern)
    local octets = {}
    for at = 42, 53 do
        octets[#octets + 1] = pattern:sub(1, 15):byte(at % 16 + 1) or 0
    end
    return octets
end

local function is_rtp(pattern)
    local octets = rtp_header(pattern)
    local reports = octets[2] >= 200 and octets[2] <= 204
    return octets[1] >> 6 == 2 and octets[1] & 0x1f == 0 and not reports
end

-- The share of a port's frames that the proxy takes.
local function taken(port)
    local first = tonumber(told.PROXY_PORT or (script:find("sessions") and 16384 or 1028))
    local frame, range = port.frame, port.range
    if ports[1].answers ~= told.PEER_IP or not ports[1].process then
        return 0
    elseif port.mode == "pcap" then
        return 1
    elseif not is_rtp(frame.pattern) then
        return 0
    elseif port.mode == "single" then
        local right = frame.proto == "udp" and frame.mac == told.PROXY_MAC and frame.dst == told.PROXY_IP
            and frame.src == told.OUR_IP and frame.sport == 16384 and frame.dport == first
        return right and 1 or 0
    end
    local dst, src, port_of, size = range.dst_ip, range.src_ip, range.src_port, range.pkt_size
    local right = range.proto == "udp" and range.mac == told.PROXY_MAC and dst[1] == told.PROXY_IP and dst[4] == "0.0.0.0"
        and src[1] == told.OUR_IP and src[4] == "0.0.0.0" and port_of[1] == 16384 and port_of[4] == 0
        and size[1] == frame.size and size[4] == 0
    local low, high, step = range.dst_port[2], range.dst_port[3], range.dst_port[4]
    local last = first + 2 * (tonumber(told.STREAMS) - 1)
    return right and low >= first and low % 2 == 0 and high <= last and step == 2 and 1 or 0
end

-- Time goes by: frames are sent and come back, and once in a second the counters are read.
local function pass(ms)
    for _ = 1, ms do
        clock = clock + 1
        local port = ports[0]
        if port.sending then
            local packets = line * port.rate / 100 / ((port.frame.size + 20) * 8) / 1000
            packets = port.count > 0 and math.min(packets, port.count - port.sent) or packets
            port.sent = port.sent + packets
            ports[1].came = ports[1].came + math.min(packets, limit / 1000) * taken(port)
            port.sending = port.count == 0 or port.sent < port.count
            if port.probing and ports[1].probing then
                ports[1].probes = ports[1].probes + (port.frame.dport == 1028 and taken(port) or 0)
            end
        end
        if clock % 1000 == 0 then
            for id = 0, 1 do
                ports[id].shown = { math.floor(ports[id].came + 0.5), math.floor(ports[id].sent + 0.5) }
            end
        end
    end
end

local function is_on(state)
    return state == "on" or state == "enable" or state == "start"
end

-- What calls do; those that are not here do nothing.
local acts = {}
function acts.set(port, what, value)
    assert((" " .. settable .. " "):find(" " .. what .. " ", 1, true), "set does not support " .. what)
    if what == "rate" then
        port.rate = value == 0 and 0.01 or math.min(value, 100)
    elseif what == "count" then
        port.count = value
    else
        port.frame[what] = value
    end
end
function acts.set_mac(port, which, mac)
    assert(mac:match("^%x%x:%x%x:%x%x:%x%x:%x%x:%x%x$"), "invalid MAC string")
    port.frame[which == "dst" and "mac" or "ours"] = mac
end
-- A source has a prefix length. A destination has none, or must have one where the compiler takes the flags that
-- pktgen_set_ip_addr leaves unset for those of a source. What is written otherwise is passed over in silence.
function acts.set_ipaddr(port, which, text)
    local address, prefix = text:match("^([%d.]+)(.*)$")
    if (which == "src" or told.PREFIXES ~= nil) == (prefix ~= "") then
        port.frame[which] = address
        port.answers = port.frame.src
    end
end
function acts.set_proto(port, proto) port.frame.proto = proto end
function acts.set_type(port, ether) port.frame.ether = ether end
function acts.userPattern(port, pattern)
    assert(#pattern <= 16, "overruns Pktgen's copy of 17 octets")
    port.frame.pattern = pattern
end
function acts.process(port, state) port.process = is_on(state) end
function acts.start(port) port.sending = true end
function acts.stop(port) port.sending = false end
function acts.pcap(port, state) port.mode = is_on(state) and "pcap" or "single" end
function acts.set_range(port, state) port.mode = is_on(state) and "range" or "single" end
function acts.latency(port, what)
    if what ~= "rate" and what ~= "entropy" then
        port.probing = is_on(what)
    end
end
acts.delay = pass
function acts.sleep(seconds) pass(seconds * 1000) end
function acts.pause(_, ms) pass(ms) end
function acts.clr()
    for id = 0, 1 do
        ports[id].sent, ports[id].came, ports[id].shown, ports[id].probes = 0, 0, { 0, 0 }, 0
    end
end

-- Tables of results: a field that Pktgen does not make ends the script, as does the number of a port not asked for.
local function strict(fields, name)
    return setmetatable(fields, { __index = function(_, key)
        error(name .. " has no field " .. tostring(key), 2)
    end })
end
local results = {}
function results.portStats(port, kind)
    assert(kind == "port" or kind == "rate", "no such counters")
    return strict({ ipackets = port.shown[1], opackets = port.shown[2], ibytes = 0, obytes = 0, ierrors = 0, oerrors = 0,
        rx_nombuf = 0, imissed = 0 }, "portStats")
end
function results.pktStats(port)
    return strict({ latency = strict({ rate_us = 1000, entropy = 0, jitter_threshold = 50, jitter_count = 0,
        num_pkts = port.probes, num_skipped = 0, min_cycles = 1, avg_cycles = 2, max_cycles = 3, min_us = 4.0, avg_us = 5.5,
        max_us = 9.0 }, "latency") }, "pktStats")
end
function results.portInfo(port)
    local frame = port.frame
    local addresses = strict({ src_port = frame.sport, dst_port = frame.dport, ttl = 64, dst_ip = frame.dst,
        src_ip = frame.src .. "/32", dst_mac = frame.mac, src_mac = "02:00:00:00:00:fe" }, "l2_l3_info")
    return strict({ info = strict({ l2_l3_info = addresses }, "info") }, "portInfo")
end
function results.isSending(port) return port.sending and "y" or "n" end
function results.linkState() return "<UP-10000-FD>" end

-- How a value fits its letter.
local fits = {
    p = function(value) return value == "0" or value == "1" end,
    s = function(value) return type(value) == "string" or type(value) == "number" end,
    n = function(value) return tonumber(value) ~= nil end,
    i = function(value) return math.tointeger(value) ~= nil end,
    t = function(value) return type(value) == "table" end,
}
local function check(name, form, given)
    local least = #form:match("^[^?]*")
    local letters = form:gsub("?", "")
    assert(given.n >= least and given.n <= #letters, name .. ", wrong number of arguments")
    for at = 1, given.n do
        local letter = letters:sub(at, at)
        assert(fits[letter](given[at]), ("%s, argument %d is no %s: %s"):format(name, at, letter, tostring(given[at])))
    end
end

-- A table of functions, and nothing besides.
local function library(name, forms, call)
    local functions = {}
    for key, form in pairs(forms) do
        functions[key] = function(...)
            check(key, form, table.pack(...))
            return call(key, form, ...)
        end
    end
    return strict(functions, name)
end

local has_quit = false
local function call(key, form, first, ...)
    local port = form:sub(1, 1) == "p" and ports[tonumber(first)] or nil
    has_quit = has_quit or key == "quit"
    if results[key] then
        return strict({ [tonumber(first)] = results[key](port, ...), n = 1 }, key)
    elseif acts[key] and port then
        acts[key](port, ...)
    elseif acts[key] then
        acts[key](first, ...)
    end
end

local bounds = { start = 1, min = 2, max = 3, inc = 4 }
local function call_range(key, _, first, what, value)
    local range = ports[tonumber(first)].range
    if key == "ip_proto" or key == "set_type" then
        range[key == "ip_proto" and "proto" or "ether"] = what
        return
    end
    local bound = assert(bounds[what], "no such bound of a range")
    if key == "dst_mac" and bound == 1 then
        range.mac = value
    elseif range[key] then
        range[key][bound] = value
    end
end

pktgen = library("pktgen", api, call)
rawset(pktgen, "range", library("pktgen.range", range_api, call_range))
rawset(pktgen, "info", strict({ maxMbufsPerPort = 12288, minPktSize = 64, maxPktSize = 1518 }, "info"))

-- Settings given on the command line come before those above; "-" takes one away.
for at = 2, #arg do
    local name, value = arg[at]:match("^([%w_]+)=(.*)$")
    told[name] = value ~= "-" and value or nil
end
os.getenv = function(name)
    return told[name]
end
dofile(script)
assert(has_quit, "the script does not end Pktgen")
