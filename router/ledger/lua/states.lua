-- The ring at now and its slot, which never goes back.
local function ring_at(raw, now, sub)
  local slot = math.floor(now / sub)
  if not raw then return {slot, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, slot end
  local r = {struct.unpack(RING, raw)}
  local from = r[1]
  if slot <= from then return r, from end
  for k = math.max(from + 1, slot - SLOTS + 1), slot do r[2 + k % SLOTS] = 0 end
  r[1] = slot
  return r, slot
end

local function ring_sum(r)
  return r[2] + r[3] + r[4] + r[5] + r[6] + r[7] + r[8] + r[9] + r[10] + r[11] + r[12] + r[13]
    + r[14]
end

-- The level of a bucket at now, and the instant of it.
local function bucket_at(raw, now, limit, cap)
  if not raw then return cap, now end
  local level, ts = struct.unpack(PAIR, raw)
  if now <= ts then return math.min(cap, level), ts end
  return math.min(cap, level + (now - ts) * limit), now
end

-- What the window before leaves to this one, as today's policy caps it.
local function carry_of(c, cap)
  return math.max(0, math.min(cap, c[5]))
end

-- The calendar state at now, rolled into the window [start, stop) where the stored one has ended.
-- A stored window that has not ended stays: a change of time zone acts at the next boundary.
local function calendar_at(raw, now, start, stop, cap, limit)
  if not raw then return {start, stop, 0, 0, 0, limit, 0, 0, 0, 0, 0} end
  local c = {struct.unpack(CALENDAR, raw)}
  if now < c[2] then
    c[6] = limit
    return c
  end
  local left = c[6] + carry_of(c, cap) - c[3] - c[4]
  return {math.max(start, c[2]), stop, 0, 0, left, limit, 0, c[1], c[3], c[4], c[7]}
end
