-- Takes turns from an allowance, as Rate::step does: 0, or microseconds until they are free.
-- Numbers are doubles, exact below 2^53; none here exceeds it.
-- KEYS: theoretical arrival time in microseconds since 1970.
-- ARGV: microseconds in which a turn comes back, burst, turns[, the instant to go by].
local interval, burst, turns = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
local is_held = now ~= nil
if not is_held then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
-- What is stored and no number counts as nothing.
local arrival = tonumber(redis.call('GET', KEYS[1]) or '') or now
arrival = math.min(now + interval * burst, math.max(now, arrival))
local after = arrival + interval * turns
local excess = after - now - interval * burst
if excess > 0 then
    return excess
end
-- By then it has all come back. A clock that is held does not tell when that is.
local life = is_held and 3600000 or math.max(1, math.ceil((after - now) / 1000))
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', string.format('%d', life))
return 0
