-- Ends a lease, if the owner holds it: 1, else 0. Stores the value, if there is one.
-- KEYS: value, lease, flag "somebody waits". ARGV: owner, channel, name of the key[, value, its life in ms].
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[2])
if redis.call('DEL', KEYS[3]) == 1 then
    redis.call('PUBLISH', ARGV[2], ARGV[3])
end
-- Last, because a Redis that is full refuses it: then the lease has ended all the same.
if ARGV[4] then
    redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
return 1
