-- RFC 2544 section 26.1: the highest rate without loss, by halving to a hundredth of it, at each frame size.
local common = dofile((os.getenv("SCRIPTS") or ".") .. "/common.lua")

local sizes = { 64, 128, 224, 256, 512, 1024, 1280, 1518 }
local trial_ms = common.number("TRIAL_MS", "10000")

-- Whether nothing is lost at a share of the line's rate, in percent, and what was sent in a second. The share is what
-- Pktgen is asked for; what it sends is counted.
local function passes(rate)
    common.rate(rate)
    local sent, back = common.trial(trial_ms)
    return sent > 0 and back >= sent, sent * 1000 / trial_ms
end

local function search()
    local whole, all = passes(100)
    if whole then
        return 100, all
    end
    local low, high, best = 0, 100, 0
    while high - low > math.max(high / 100, 0.01) do
        local middle = (low + high) / 2
        local good, sent = passes(middle)
        if good then
            low, best = middle, sent
        else
            high = middle
        end
    end
    return low, best
end

common.run(function()
    common.aim()
    common.answer()
    common.size(sizes[1])
    common.warm_up()
    for _, size in ipairs(sizes) do
        common.size(size)
        local rate, packets = search()
        common.report("%d octets: %.2f percent, %.0f packets/s", size, rate, packets)
    end
end)
