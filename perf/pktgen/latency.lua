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
-- Releases differ in what they call the figures, so all are shown.
printf("%d octets at %g percent\n", size, rate)
prints("delay", pktgen.pktStats("1"))
pktgen.stop("0")
pktgen.latency("all", "disable")
pktgen.quit()
