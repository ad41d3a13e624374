-- RFC 2544 section 26.2: delay at RATE percent of the line rate (half of what throughput.lua found).
package.path = package.path .. ";?.lua;/usr/share/lua/5.3/?.lua"
require("Pktgen")

local rate = tonumber(os.getenv("RATE") or "50")
local size = tonumber(os.getenv("SIZE") or "224")

pktgen.set("0", "size", size)
pktgen.set("0", "rate", rate)
pktgen.latency("all", "enable")
pktgen.start("0")
pktgen.delay(20000)
local stats = pktgen.pktStats("all")
printf("%d octets at %g percent: min %d, avg %d, max %d us\n", size, rate,
    stats[1].latency.min_us, stats[1].latency.avg_us, stats[1].latency.max_us)
pktgen.stop("0")
pktgen.latency("all", "disable")
pktgen.quit()
