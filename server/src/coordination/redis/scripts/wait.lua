-- Leaves word that somebody waits for the end of a lease. Milliseconds until it ends by itself, -2 without one.
-- KEYS: the key.
local found = redis.call('GET', KEYS[1])
if not found or found:sub(1, 1) == 'v' then
    return -2
end
if found:sub(1, 1) == 'l' then
    redis.call('SET', KEYS[1], 'w' .. found:sub(2), 'KEEPTTL')
end
return redis.call('PTTL', KEYS[1])
