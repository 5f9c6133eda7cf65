-- Removes a value, if it is still this one.
-- KEYS: value. ARGV: value.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
