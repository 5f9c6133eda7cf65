-- For each of some keys: the value; else 1 with the lease, or 0 while another owner holds it. Who names no owner only
-- looks, and gets nothing where there is no value. What cannot be done for one of them is said in a list of its own, and
-- is nothing to the others.
-- KEYS: each. ARGV: owner and life of the lease in ms, of each.
local said = {}
for i, key in ipairs(KEYS) do
    local owner, life = ARGV[2 * i - 1], ARGV[2 * i]
    local found = redis.pcall('GET', key)
    local answer = {'neither a value nor a lease'}
    if not found then
        answer = false
        if owner ~= '' then
            local set = redis.pcall('SET', key, 'l' .. owner, 'PX', life)
            answer = set.ok and 1 or {set.err}
        end
    elseif type(found) ~= 'string' then
        answer = {found.err}
    else
        local kind = found:sub(1, 1)
        if kind == 'v' then
            answer = found:sub(2)
        elseif kind == 'l' or kind == 'w' then
            -- Its owner may ask again, whose first answer was lost.
            answer = owner ~= '' and (found:sub(2) == owner and 1 or 0)
        end
    end
    said[i] = answer
end
return said
