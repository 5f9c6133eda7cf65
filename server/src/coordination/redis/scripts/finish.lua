-- Ends a lease, if its owner holds it: 1, else 0. Stores the value, if there is one.
-- KEYS: the key. ARGV: owner, name of the key, channel[, value and its life in ms].
-- What is no text is nobody's lease.
local found = redis.pcall('GET', KEYS[1])
local is_waited_for = found == 'w' .. ARGV[1]
if not is_waited_for and found ~= 'l' .. ARGV[1] then
    return 0
end
local set = ARGV[4] and redis.pcall('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
if not (set and set.ok) then
    -- A Redis that is full refuses to store: then the lease ends all the same.
    redis.call('DEL', KEYS[1])
end
if is_waited_for then
    -- Whoever is not told looks again.
    redis.pcall('PUBLISH', ARGV[3], ARGV[2])
end
if set and set.err then
    return set
end
return 1
