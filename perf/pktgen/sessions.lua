-- A ramp of streams: source and destination ports over ever wider ranges, at a fixed rate.
package.path = package.path .. ";?.lua;/usr/share/lua/5.3/?.lua"
require("Pktgen")

local rate = tonumber(os.getenv("RATE") or "25")
local first = 16384

pktgen.set("0", "size", 224)
pktgen.set("0", "rate", rate)
pktgen.page("range")
for _, streams in ipairs({ 1, 10, 100, 1000, 10000 }) do
    local last = first + 2 * (streams - 1)
    for _, side in ipairs({ pktgen.srcPort, pktgen.dstPort }) do
        side("0", "start", first)
        side("0", "min", first)
        side("0", "max", last)
        side("0", "inc", 2)
    end
    pktgen.set_range("0", "on")
    pktgen.clr()
    pktgen.start("0")
    pktgen.delay(5000)
    pktgen.stop("0")
    pktgen.delay(1000)
    local stats = pktgen.portStats("all", "port")
    printf("%d streams: sent %d, back %d\n", streams, stats[0].opackets, stats[1].ipackets)
end
pktgen.quit()
