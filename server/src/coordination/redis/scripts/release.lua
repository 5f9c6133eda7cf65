-- Ends a lease, if its owner holds it: 1, else 0.
-- KEYS: the key. ARGV: owner, name of the key, channel.
-- What is no text is nobody's lease.
local found = redis.pcall('GET', KEYS[1])
local is_waited_for = found == 'w' .. ARGV[1]
if not is_waited_for and found ~= 'l' .. ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1])
if is_waited_for then
    -- Whoever is not told looks again.
    redis.pcall('PUBLISH', ARGV[3], ARGV[2])
end
return 1
