-- The value; else 1 with the lease, or 0 while another owner holds it.
-- KEYS: value, lease. ARGV: owner, life of the lease in ms.
local value = redis.call('GET', KEYS[1])
if value then
    return value
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return 1
end
-- Asked again by its owner, whose first answer was lost.
if redis.call('GET', KEYS[2]) == ARGV[1] then
    return 1
end
return 0
