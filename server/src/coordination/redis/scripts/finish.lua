-- Ends some leases, each if its owner holds it: 1, else 0. Stores the value of each, if there is one. What cannot be done
-- for one of them is said in a list of its own, and is nothing to the others.
-- KEYS: each. ARGV: channel, then owner, name of the key, value and its life in ms, of each; a value of no length is none.
local said = {}
for i, key in ipairs(KEYS) do
    local owner, name, value, life = ARGV[4 * i - 2], ARGV[4 * i - 1], ARGV[4 * i], ARGV[4 * i + 1]
    local found = redis.pcall('GET', key)
    local answer = 0
    if found == 'l' .. owner or found == 'w' .. owner then
        answer = 1
        local set = value ~= '' and redis.pcall('SET', key, 'v' .. value, 'PX', life)
        if not (set and set.ok) then
            -- A Redis that is full refuses to store: then the lease ends all the same.
            redis.pcall('DEL', key)
            answer = set and {set.err} or 1
        end
        if found:sub(1, 1) == 'w' then
            -- Whoever is not told looks again.
            redis.pcall('PUBLISH', ARGV[1], name)
        end
    end
    said[i] = answer
end
return said
