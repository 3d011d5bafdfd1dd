-- The token bucket: holds up to `burst` and refills by `limit` per window. A level is stored as amount x
-- window in ms, so that the refill of one millisecond is a whole number.
--
-- State  values[i]: level; values[i + 1]: when it had that level (0: never used, so the bucket is full).
-- Item   a: the window in ms; b: burst.

-- section: refill
-- in   full, the level of a full bucket   out   level, since
local level, since = values[i], values[i + 1]
if since == 0 then level, since = full, now end
if now > since then level, since = level + (now - since) * limit, now end
level = math.min(full, level)

-- section: take
-- in   amount, full   out   wait (set only where the amount does not fit), reset
local window_ms, burst = a, b
local cost = amount * window_ms
if cost > values[i] then wait = amount <= burst and math.ceil((cost - values[i]) / limit) or NEVER end
values[i] = values[i] - cost
reset, i = math.ceil((full - values[i]) / limit), i + BUCKET_VALUES

-- section: grow
-- out   fits, position
local cost = amount * a
fits, position = cost <= level, full
values[i], values[i + 1] = level - cost, since

-- section: close
-- in   amount (what is held); use, charge (what was used, and what was charged earlier); level, since, full
local window_ms = a
values[i] = min(full, level + ((is_open and amount or charge) - use) * window_ms)
values[i + 1], i = since, i + BUCKET_VALUES
