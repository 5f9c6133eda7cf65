-- Removes a value, if it is still this one.
-- KEYS: the key. ARGV: value.
if redis.call('GET', KEYS[1]) == 'v' .. ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
