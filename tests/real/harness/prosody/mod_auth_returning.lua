-- Who is coming back? Anonymous logins, where a socket that names a session to resume (`?previd=`) keeps that session's user name.
-- Prosody's own `anonymous` gives everybody a new name each time, and a session is resumed under its name only.
-- Jitsi's mod_auth_jitsi-anonymous does the same.

local new_sasl = require "util.sasl".new;
local formdecode = require "util.http".formdecode;
local generate_id = require "util.id".medium;
local sessions = prosody.full_sessions;

local provider = {};

local function refuse() return nil, "There are no passwords here."; end
provider.test_password, provider.get_password, provider.set_password = refuse, refuse, refuse;
provider.create_user, provider.user_exists = refuse, refuse;
function provider.users() return next, prosody.hosts[module.host].sessions, nil; end

-- As the socket's address says it; the last of several counts, as for all of Prosody's parameters.
local function earlier_name(session)
	local request = session.websocket_request;
	local query = request and request.url.query;
	local parameters = query and formdecode(query);
	local previd = type(parameters) == "table" and parameters.previd;
	if not previd then return; end
	for _, other in pairs(sessions) do
		if other.host == module.host and other.resumption_token == previd then return other.username; end
	end
end

function provider.get_sasl_handler(session)
	local handler = new_sasl(module.host, { anonymous = function () return true; end });
	local process = handler.process;
	function handler:process(message)
		local status, answer, text = process(self, message);
		if status == "success" then
			self.username = earlier_name(session) or generate_id():lower();
		end
		return status, answer, text;
	end
	return handler;
end

module:provides("auth", provider);
