-- Hides what looks like a secret in a record, whichever program wrote it. The programs hide theirs themselves;
-- this is for what slips through: a library's message, a traceback, a connection string.
local names = { authorization = true, cookie = true, password = true, passwd = true, secret = true, token = true,
  api_key = true, database_url = true, db_password = true, admin_password = true }

local function clean(text)
  text = text:gsub("(://)[^/%s:@]*:[^/%s@]+@", "%1[redacted]@")
  text = text:gsub("([Bb]earer%s+)[^%s\"']+", "%1[redacted]")
  text = text:gsub("([Bb]asic%s+)[%w+/=]+", "%1[redacted]")
  text = text:gsub("([?&]token=)[^&%s\"']+", "%1[redacted]")
  text = text:gsub("([Pp]assword[\"']?%s*[=:]%s*[\"']?)[^%s,;\"'&]+", "%1[redacted]")
  return text
end

local function walk(value)
  if type(value) == "string" then return clean(value) end
  if type(value) ~= "table" then return value end
  for key, inner in pairs(value) do
    local named = type(key) == "string" and names[key:lower()]
    value[key] = named and "[redacted]" or walk(inner)
  end
  return value
end

function redact(tag, timestamp, record)
  return 2, timestamp, walk(record)
end
