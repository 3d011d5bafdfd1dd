-- A record of format 1 (cmsgpack) or 2, in today's shape. Returns its state (1 open, 2 settled, 3
-- reaped, 4 adjusted), and where it is more than that the record and the vector it was charged.
local function older_record(raw)
  local _, state, t0, dispatched, crash, progress, payload, meta, scopes
  local items = {}
  if string.byte(raw) == 2 then
    if #raw == 2 then return string.byte(raw, 2) end
    local numbers, blob
    _, state, dispatched, t0, crash, progress, payload, scopes, numbers, blob, meta =
      struct.unpack('>BBBi8c40Bc0I4c0I4c0I4c0I4c0I4c0', raw)
    local at = 1
    while at <= #blob do
      local i = {struct.unpack('>BBBi8i8i8i8i8i4Bc0', blob, at)}
      at = i[11]
      local amount, pos = struct.unpack(PAIR, numbers, 16 * #items + 1)
      items[#items + 1] = {i[2], string.char(i[1]), i[10], i[3], i[9], i[4], i[5], i[6], i[7], i[8], amount, pos}
    end
  else
    local keys, old
    state, t0, dispatched, crash, progress, payload, meta, keys, old = unpack(cmsgpack.unpack(raw))
    if not old then return state end
    scopes = table.concat(keys, '\n')
    for _, i in ipairs(old) do
      local windowed = i[3] == 'S' or i[3] == 'B'
      items[#items + 1] = {i[1], i[3], i[2], i[4], i[9], i[8], windowed and i[7] or 0, 0, 0,
        windowed and 0 or i[7], i[5], i[6]}
    end
  end
  local groups, places, numbers, extras = {}, {}, {}, {}
  for _, i in ipairs(items) do
    local place = i[1] .. i[2] .. i[3]
    if not places[place] then
      local group = groups[i[1]] or {layout = '', items = '', count = 0, heads = 0, first = {}}
      groups[i[1]] = group
      group.layout = group.layout .. i[2] .. i[3] .. ' '
      group.items = group.items .. struct.pack(ITEM, string.byte(i[2]), i[4], i[5], i[6], i[7], i[8], i[9], i[10])
      group.count = group.count + 1
      group.heads = group.heads + (i[2] == 'L' and 1 or i[2] == 'B' and 2 or 3)
      group.first[group.count] = i
      places[place] = true
      i.first = true
    end
  end
  local plan, number, at = string.char(#groups, 0), {}, 0
  for _, group in ipairs(groups) do
    plan = plan .. string.char(#group.layout + 1, group.count, group.heads) .. group.layout .. ';' .. group.items
    for _, i in ipairs(group.first) do
      at = at + 1
      number[i[1] .. i[2] .. i[3]] = at
      numbers[2 * at - 1], numbers[2 * at] = i[11], i[12]
    end
  end
  for _, i in ipairs(items) do
    if not i.first then
      for _, n in ipairs({number[i[1] .. i[2] .. i[3]], i[11], i[12]}) do extras[#extras + 1] = n end
    end
  end
  local head = struct.pack(HEAD, 3, at, #extras / 3) .. struct.pack('<dd', 0, t0)
  for _, list in ipairs({numbers, extras}) do
    for _, n in ipairs(list) do head = head .. struct.pack('<d', n) end
  end
  return state, head .. struct.pack(BODY, dispatched, #progress, #payload, #scopes) .. crash
    .. scopes .. plan .. progress .. payload .. meta, progress
end
