-- Leaves word that somebody waits for the end of a lease. Milliseconds until it ends by itself, -2 without one.
-- KEYS: lease, flag "somebody waits".
local left = redis.call('PTTL', KEYS[1])
if left > 0 then
    redis.call('SET', KEYS[2], '1', 'PX', left)
end
return left
