-- Health of a ProtectedOrigin for Argo CD: what kstatus makes of it, with the cause in the message.
local hs = {status = "Progressing", message = "Leeward has not looked yet"}
if obj.spec ~= nil and obj.spec.suspend then
  return {status = "Suspended", message = "spec.suspend is true"}
end
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return hs
end
local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end
local ready, healthy, stalled = found.Ready, found.OriginHealthy, found.Stalled
if ready == nil then
  return hs
end
if stalled ~= nil and stalled.status == "True" then
  return {status = "Degraded", message = stalled.reason .. ": " .. (stalled.message or "")}
end
if ready.status == "True" then
  hs.status = "Healthy"
  hs.message = healthy ~= nil and healthy.reason .. ": " .. (healthy.message or "") or ready.reason
  return hs
end
hs.message = ready.reason .. ": " .. (ready.message or "")
-- Whoever asks for it with readyWhen: OriginHealthy has a sick site fail.
if obj.spec.readyWhen == "OriginHealthy" and healthy ~= nil and healthy.status == "False" and ready.reason == healthy.reason then
  hs.status = "Degraded"
end
return hs
