-- Returns 'done' and then, for each bucket, its key and its new count, all strings; or 'again' and
-- the server's time in seconds, having changed nothing, if the moment is not in the given day.
--
-- KEYS: the hashes of a subject: that of its years, months and total, that of the days of a year,
-- that of the hours of a day; and the key of the operation if it has an id. ARGV: what to add; the
-- moment in seconds, or 'now'; the day that the keys are of; for how many milliseconds the operation
-- is remembered; and for each bucket its name and how many seconds after its end it is kept, '' for
-- always.
local all, days, hours, operation = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local by, given_day, op_ttl = ARGV[1], ARGV[3], ARGV[4]

local DAY = 86400

-- Returns year, month and day of a number of days since 1970-01-01. It computes with years that
-- begin in March, so that the leap day is the last one, and with cycles of 400 years, which have
-- 146,097 days.
local function date_of(day_number)
    local shifted = day_number + 719468
    local cycle = math.floor(shifted / 146097)
    local day = shifted - cycle * 146097
    local leaps = math.floor(day / 1460) - math.floor(day / 36524) + math.floor(day / 146096)
    local year = math.floor((day - leaps) / 365)
    local of_year = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * of_year + 2) / 153)
    local of_month = of_year - math.floor((153 * month + 2) / 5) + 1
    month = month < 10 and month + 3 or month - 9
    return cycle * 400 + year + (month <= 2 and 1 or 0), month, of_month
end

-- Returns the key of each bucket that the second is in.
local function keys_at(seconds)
    local number = math.floor(seconds / DAY)
    local year, month, day = date_of(number)
    local date = string.format('%04d-%02d-%02d', year, month, day)
    return {
        total = 'total', year = date:sub(1, 4), month = date:sub(1, 7), day = date,
        hour = date .. string.format('T%02d', math.floor((seconds - number * DAY) / 3600)),
        month_of_year = date:sub(6, 7),
    }
end

-- Returns the second at which the year of this key ends.
local function year_ends(key)
    local year = tonumber(key)
    -- The leap days from 1970 to the end of that year.
    local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400) - 477
    return (365 * (year - 1969) + leaps) * DAY
end

if operation then
    local before = redis.call('GET', operation)
    if before then return cjson.decode(before) end
end
local now = tonumber(redis.call('TIME')[1])
local moment = ARGV[2] == 'now' and now or tonumber(ARGV[2])
local keys = keys_at(moment)
if keys.day ~= given_day then return {'again', string.format('%.0f', now)} end

-- The hash and the field of each bucket.
local field_of = {
    total = {all, 'total'}, year = {all, keys.year}, month = {all, keys.month},
    month_of_year = {all, keys.month_of_year},
    day = {days, keys.day:sub(6, 7) .. keys.day:sub(9, 10)}, hour = {hours, keys.hour:sub(12, 13)},
}

local done, reply = {}, {'done'}

-- Takes back what was added, when a later bucket cannot be added to.
local function undo()
    local back = by:sub(1, 1) == '-' and by:sub(2) or '-' .. by
    if by == '0' then back = by end
    for _, at in ipairs(done) do
        if redis.call('HINCRBY', at[1], at[2], back) == 0 then
            redis.call('HDEL', at[1], at[2])
        end
    end
end

local kept, fresh, bounded, last = {}, {}, true, 0
for i = 5, #ARGV, 2 do
    local bucket, keep = ARGV[i], tonumber(ARGV[i + 1])
    kept[bucket], bounded = keep, bounded and keep
    reply[#reply + 1] = keys[bucket]
    if keep and keys[bucket] < keys_at(now - keep)[bucket] then
        reply[#reply + 1] = '0' -- it is not kept any more
    else
        local key, field = unpack(field_of[bucket])
        local value = redis.pcall('HINCRBY', key, field, by)
        if type(value) == 'table' then
            undo()
            return value
        end
        done[#done + 1] = {key, field}
        if value == tonumber(by) then fresh[bucket] = true end
        -- A Lua number is exact only up to 2^53.
        local exact = math.abs(value) < 2 ^ 53
        reply[#reply + 1] = exact and string.format('%.0f', value) or redis.call('HGET', key, field)
    end
end

-- The rest runs when a bucket is new, so at most once an hour. It removes fields that are not kept
-- any more, sets the time to live of the keys, and notes in `all` which other keys exist.

-- Removes the fields of this length that begin with `first` and are older than the bucket is kept.
local function prune(key, first, length, bucket)
    local cutoff = kept[bucket] and first .. keys_at(now - kept[bucket])[bucket]
    if not cutoff then return end
    for _, field in ipairs(redis.call('HKEYS', key)) do
        if #field == length and field:sub(1, #first) == first and field < cutoff:sub(1, length) then
            redis.call('HDEL', key, field)
        end
    end
end

-- Lets the key expire `keep` seconds after its end, or never if `keep` is nil.
local function live(key, keep, ends)
    if not keep then
        redis.call('PERSIST', key)
    elseif now + redis.call('TTL', key) < ends + keep then
        redis.call('EXPIREAT', key, ends + keep)
    end
    last = math.max(last, ends + (keep or 0))
end

if fresh.year then prune(all, '', 4, 'year') end
if fresh.month then prune(all, '', 7, 'month') end
if fresh.day then
    redis.call('HSET', all, 'd' .. keys.year, 1)
    prune(all, 'd', 5, 'day')
    local cutoff = kept.day and keys_at(now - kept.day).day
    if cutoff and cutoff:sub(1, 4) == keys.year then
        for _, field in ipairs(redis.call('HKEYS', days)) do
            if field < cutoff:sub(6, 7) .. cutoff:sub(9, 10) then redis.call('HDEL', days, field) end
        end
    end
    live(days, kept.day, year_ends(keys.year))
end
if fresh.hour then
    redis.call('HSET', all, 'h' .. keys.month, 1)
    prune(all, 'h', 8, 'hour')
    live(hours, kept.hour, (math.floor(moment / DAY) + 1) * DAY)
end
if next(fresh) then
    local longest = 0
    for _, keep in pairs(kept) do longest = math.max(longest, keep) end
    live(all, bounded and longest, year_ends(keys.year))
end

if operation then redis.call('SET', operation, cjson.encode(reply), 'PX', op_ttl) end
return reply
