-- Concurrency: a count of open holds.
--
-- State  values[i]: how many are open.

-- section: take
-- When a running request will end is unknown, so the wait is a fixed one.
-- in   used, amount   out   wait, where it does not fit
if used + amount > most then wait = most >= 1 and LEASES_WAIT_MS or NEVER end
values[i], i = used + amount, i + LEASES_VALUES

-- section: close
if is_open then values[i] = math.max(0, values[i] - 1) end
i = i + LEASES_VALUES
