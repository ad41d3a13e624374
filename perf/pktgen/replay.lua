-- Sends the PACKETS packets of a capture once, at RATE percent of the line's rate: run.sh ... -s 0:outside.pcap
local common = dofile((os.getenv("SCRIPTS") or ".") .. "/common.lua")

common.run(function()
    local packets = common.number("PACKETS")
    common.answer()
    common.introduce()
    pktgen.pcap("0", "on")
    common.rate(common.number("RATE", "10"))
    -- Without a count Pktgen begins anew at the end, and SRTP played again is refused.
    pktgen.set("0", "count", packets)
    pktgen.clr()
    pktgen.start("0")
    repeat
        pktgen.delay(100)
    until pktgen.isSending("0")[0] == "n"
    local sent, back = common.counts()
    common.report("sent %d of %d, back %d", sent, packets, back)
end)
