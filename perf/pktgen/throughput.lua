-- RFC 2544 section 26.1: the highest rate without loss, by halving, at each frame size.
package.path = package.path .. ";?.lua;/usr/share/lua/5.3/?.lua"
require("Pktgen")

local sizes = { 64, 128, 224, 256, 512, 1024, 1280, 1518 }
local trial_ms, settle_ms = 10000, 1000

-- Sends for one trial at a share of the line rate, in percent; returns what was lost.
local function trial(rate)
    pktgen.set("0", "rate", rate)
    pktgen.clr()
    pktgen.start("0")
    pktgen.delay(trial_ms)
    pktgen.stop("0")
    pktgen.delay(settle_ms)
    local stats = pktgen.portStats("all", "port")
    return stats[0].opackets - stats[1].ipackets, stats[0].opackets
end

for _, size in ipairs(sizes) do
    pktgen.set("0", "size", size)
    local low, high, sent = 0, 100, 0
    local lost, count = trial(high)
    if lost == 0 then
        low, sent = high, count
    end
    while high - low > 0.5 do
        local middle = (low + high) / 2
        lost, count = trial(middle)
        if lost == 0 then
            low, sent = middle, count
        else
            high = middle
        end
    end
    printf("%d octets: %.1f percent, %.0f packets/s\n", size, low, sent * 1000 / trial_ms)
end
pktgen.quit()
