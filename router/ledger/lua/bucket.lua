-- The token bucket: it holds `burst` and refills by `limit` a window. Levels are amounts x window, so
-- that a millisecond's refill is a whole number.
--
-- State  values[i]: level; values[i + 1]: the instant it is of (0: never used, the bucket is full).
-- Item   a: the window in ms; b: burst.

-- section: refill
-- in   full, the level of a full bucket   out   level, since
local level, since = values[i], values[i + 1]
if since == 0 then level, since = full, now end
if now > since then level, since = level + (now - since) * limit, now end
level = math.min(full, level)

-- section: take
-- in   amount, full   out   wait, where it does not fit; reset
local cost = amount * a
if cost > values[i] then wait = amount <= b and math.ceil((cost - values[i]) / limit) or NEVER end
values[i] = values[i] - cost
reset, i = math.ceil((pos - values[i]) / limit), i + BUCKET_VALUES

-- section: grow
-- out   fits, pos
fits, pos = amount * a <= level, full
values[i], values[i + 1] = level - amount * a, since

-- section: close
-- in   was (what is held); to, from (used, and charged before); level, since, full
values[i] = min(full, level + ((held and was or from) - to) * a)
values[i + 1], i = since, i + BUCKET_VALUES
