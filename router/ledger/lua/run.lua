-- Whose purse a run counts in, and how many runs its organization has open.

-- section: find
-- A run that names its parent before it has a purse of its own counts in the parent's from then on, and so
-- does whoever names it as a parent later. `run_keys` is where the keys begin that come with a run: the open
-- runs of the organization, the alias of this run (whose purse it uses), its parent's alias and scope.
-- in   key, state, at   out   key, state, at, run_own, run_root, new_run
run_own, run_root = key, known[run_keys]
new_run = not run_root and not state
if new_run and keys[run_keys + RUN_PARENT_SCOPE] ~= key then run_root = known[run_keys + 1] or keys[run_keys + RUN_PARENT_SCOPE] end
if run_root == key then run_root = false end
if new_run and not (forced or reserved_before) then
  local open = call('ZCOUNT', keys[run_keys], string.format('(%.0f', now), '+inf')
  if open >= run[RUN_MOST_OPEN] then return {MANY_RUNS, 0, NEVER, open, 1, run[RUN_MOST_OPEN], now} end
end
if run_root then
  key, state = run_root, call('GET', run_root)
  -- include: readdress
end

-- section: keep
local idle = string.format('%.0f', run[RUN_IDLE_MS])
call('SET', run_key, run_state, 'PX', idle)
if run_root then call('SET', keys[run_keys + RUN_ALIAS], run_root, 'PX', idle) end
if new_run then call('ZREMRANGEBYSCORE', keys[run_keys], '-inf', string.format('%.0f', now)) end
call('ZADD', keys[run_keys], string.format('%.0f', now + run[RUN_IDLE_MS]), run_own)
call('PEXPIRE', keys[run_keys], idle)
