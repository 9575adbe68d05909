-- SPDX-License-Identifier: Apache-2.0
-- Attested TLS for Wireshark 4.0 and later: the attestation extensions of TLS 1.3, evidence and
-- attestation results in Certificate, in X.509 and in exported authenticators, and the alerts. A
-- post-dissector, because Wireshark has no table in which to enter a TLS extension: it reads the
-- handshake messages that the TLS dissector has decrypted once more. See README.md beside it.
local _, already = pcall(Dissector.get, "atls")
if type(already) == "userdata" then
    return -- installed, and given with -X as well
end
local here = (__DIR__ or debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or ".")
    .. "/attested-tls/"
local codec = dofile(here .. "codec.lua")
local Place = dofile(here .. "place.lua")
local names = dofile(here .. "fields.lua")
local tokens = dofile(here .. "tokens.lua")(codec, Place, names)
local results = dofile(here .. "results.lua")(codec, Place, names, tokens)
local tpm = dofile(here .. "tpm.lua")(codec, Place, names, tokens)
local cca = dofile(here .. "cca.lua")(codec, Place, names, tokens)
local cmw = dofile(here .. "cmw.lua")(codec, Place, names, tokens, results, tpm, cca)
local hello = dofile(here .. "hello.lua")(codec, Place, names, tokens)
local F, E = names.fields, names.experts
local complain = tokens.complain

local atls = Proto("atls", "Attested TLS")
local in_x509 = Proto("atls_x509", "Conceptual Message Wrapper")
local authenticators = Proto("atls_authenticator", "Exported Authenticator (RFC 9261)")

local listed, experts = {}, {}
for _, field in pairs(F) do
    listed[#listed + 1] = field
end
for _, info in pairs(E) do
    experts[#experts + 1] = info
end
atls.fields, atls.experts = listed, experts

-- No draft has numbers assigned: a table of defaults that preferences override.
local EXTENSIONS = {
    { "evidence_request", 0xFF10 }, { "evidence_proposal", 0xFF11 },
    { "results_request", 0xFF12 }, { "results_proposal", 0xFF13 },
    { "attestation_evidence", 0xFF14 }, { "attestation", 0xFF15 },
    { "remote_attestation", 0xFF16 }, { "cmw_attestation", 0xFF00 },
    { "poc_evidence_proposal", 100 },
}
local ALERTS = {
    { "unsupported_evidence", 224 }, { "unsupported_verifiers", 225 },
    { "attestation_failed", 226 }, { "unsupported_attestation_schemes", 227 },
    { "attestation_required", 228 },
}
local SHOWN = { remote_attestation = "remoteAttestation" } -- a preference has no capitals
local PROFILES = { "ta-07", "ta-03", "ta-02", "seat-04" }

local values = {}
for i, name in ipairs(PROFILES) do
    values[i] = { i, name, i }
end
atls.prefs.profile = Pref.enum("Profile", 1,
    "Layout of EvidenceType: nothing on the wire tells the drafts' versions apart", values, false)
for _, row in ipairs(EXTENSIONS) do
    atls.prefs[row[1]] = Pref.uint("Extension " .. (SHOWN[row[1]] or row[1]), row[2],
        "TLS ExtensionType")
end
for _, row in ipairs(ALERTS) do
    atls.prefs["alert_" .. row[1]] = Pref.uint("Alert " .. row[1], row[2], "TLS AlertDescription")
end

local extension_names, alert_names = {}, {}
local function read_preferences()
    extension_names, alert_names = {}, {}
    for _, row in ipairs(EXTENSIONS) do
        extension_names[atls.prefs[row[1]]] = row[1]
    end
    for _, row in ipairs(ALERTS) do
        alert_names[atls.prefs["alert_" .. row[1]]] = row[1]
    end
end
function atls.prefs_changed()
    read_preferences()
end
atls.init = read_preferences

-- One packet: the tree, which is there once there is something to show, and words for the column.
local Shown = {}
Shown.__index = Shown

function Shown:message(place, title)
    if self.root == nil then
        self.root = self.tree:add(self.proto, place.range, self.proto.description)
    end
    return self.root:add(F.message, place.range, title)
end

function Shown:word(word)
    if not self.said[word] then
        self.said[word] = true
        self.words[#self.words + 1] = word
    end
end

local CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS = 1, 2, 8
local CERTIFICATE, CERTIFICATE_REQUEST, CLIENT_CERTIFICATE_REQUEST = 11, 13, 17
local CERTIFICATE_VERIFY, FINISHED = 15, 20
local TITLES = {
    [CLIENT_HELLO] = "ClientHello", [SERVER_HELLO] = "ServerHello",
    [ENCRYPTED_EXTENSIONS] = "EncryptedExtensions", [CERTIFICATE] = "Certificate",
    [CERTIFICATE_REQUEST] = "CertificateRequest",
    [CLIENT_CERTIFICATE_REQUEST] = "ClientCertificateRequest",
    [CERTIFICATE_VERIFY] = "CertificateVerify", [FINISHED] = "Finished",
}

-- How CertificateEntry extensions wrap the CMW: bytes of an inner length. One draft shows none.
local ENTRY_LENGTH = { attestation_evidence = 0, attestation = 3, remote_attestation = 3,
    cmw_attestation = 2 }
local FIRST_ONLY = { attestation = true, remote_attestation = true, cmw_attestation = true }

local function length_name(size)
    return size == 0 and "no length" or string.format("a length of %d bytes", size)
end

-- Is there a length of SIZE bytes in front, and behind it what may begin a CMW?
local function fits(body, size)
    local declared = 0
    for i = 1, size do
        declared = declared * 256 + (body.data:byte(i) or 0)
    end
    return (size == 0 or declared == #body.data - size) and cmw.begins(body.data:byte(size + 1))
end

local function entry_extension(item, body, name, index, pinfo)
    local size = ENTRY_LENGTH[name]
    if size == nil then
        return complain(item, E.malformed, name .. " does not belong into a CertificateEntry")
    end
    if index > 1 and FIRST_ONLY[name] then
        complain(item, E.malformed, "only the first CertificateEntry may have it (illegal_parameter)")
    end
    -- Stacks differ here: where the draft's length does not fit and another does, that is shown.
    local found = size
    if not fits(body, size) then
        for _, other in ipairs({ 0, 2, 3 }) do
            found = fits(body, other) and other or found
        end
    end
    if found ~= size then
        complain(item, E.unusual, string.format("%s was expected in front of the CMW, and there is %s",
            length_name(size), length_name(found)))
    end
    local c, value = body:cursor(), body
    if found > 0 then
        local range
        value, range = c:vector(found, "cmw_payload", 1)
        item:add(F.length, range, #value.data)
        c:finish("cmw_payload")
    end
    cmw.add(item, value, pinfo)
end

-- Each extension of a block that has one of our numbers. PARENT gives the item to hang it on.
local function each_extension(shown, block, parent, read)
    local c = block:cursor()
    while c:left() > 0 do
        local start = c.at
        local kind, kind_range = c:number(2, "extension type")
        local body = c:vector(2, "extension")
        local name = extension_names[kind]
        if name then
            local title = SHOWN[name] or name
            local item = parent():add(F.extension, block:span(start, c.at - start), title)
            item:add(F.extension_type, kind_range, kind)
            shown:word(title)
            local done, problem = codec.attempt(function()
                read(item, body, name)
                return true
            end)
            if not done then
                complain(item, E.malformed, title .. ": " .. tostring(problem))
            end
        end
    end
end

local function certificate(shown, place, body, pinfo, outside_handshake)
    local item
    local function parent()
        item = item or shown:message(place, "Certificate")
        return item
    end
    local c = body:cursor()
    local context = c:vector(1, "certificate_request_context")
    if outside_handshake then
        parent():add(F.context, context.range)
    end
    local list = c:vector(3, "certificate_list"):cursor()
    local index = 0
    while list:left() > 0 do
        index = index + 1
        local data = list:vector(3, "cert_data")
        local block = list:vector(2, "extensions")
        -- X.509, and a raw public key, are a SEQUENCE.
        if data.data:byte(1) ~= 0x30 then
            if #data.data == 0 then
                complain(parent(), E.malformed, "cert_data<1..2^24-1> is empty")
            else
                shown:word("CMW")
                cmw.add(parent(), data, pinfo)
            end
            if index > 1 then
                complain(parent(), E.unusual, "a CMW in another than the first CertificateEntry")
            end
        end
        each_extension(shown, block, parent, function(below, value, name)
            entry_extension(below, value, name, index, pinfo)
        end)
    end
    c:finish("Certificate")
end

-- The extensions of a hello or of a request; the message's ITEM is made once one is ours.
local function offers(shown, place, block, kind, item)
    each_extension(shown, block, function()
        item = item or shown:message(place, TITLES[kind])
        return item
    end, function(below, body, name)
        local profile = PROFILES[atls.prefs.profile]
        hello.read(below, body, name, TITLES[kind], profile)
    end)
end

local function hello_extensions(c, kind)
    c:take(34, "version and random")
    c:vector(1, "session id")
    if kind == CLIENT_HELLO then
        c:vector(2, "cipher suites")
        c:vector(1, "compression methods")
    else
        c:take(3, "cipher suite and compression method")
    end
    return c:left() > 0 and c:vector(2, "extensions")
end

-- A handshake message with its header. OUTSIDE: in an authenticator, not in the handshake.
local function handshake_message(shown, place, pinfo, outside)
    local c = place:cursor()
    local kind = c:number(1, "handshake type")
    local body = c:vector(3, "handshake message")
    if kind == CLIENT_HELLO or kind == SERVER_HELLO then
        local block = hello_extensions(body:cursor(), kind)
        return block and offers(shown, place, block, kind)
    elseif kind == ENCRYPTED_EXTENSIONS then
        return offers(shown, place, body:cursor():vector(2, "extensions"), kind)
    elseif kind == CERTIFICATE then
        return certificate(shown, place, body, pinfo, outside)
    elseif kind == CERTIFICATE_REQUEST or kind == CLIENT_CERTIFICATE_REQUEST then
        local request = body:cursor()
        local context = request:vector(1, "certificate_request_context")
        local item
        if outside then
            item = shown:message(place, TITLES[kind])
            item:add(F.context, context.range)
        end
        return offers(shown, place, request:vector(2, "extensions"), kind, item)
    elseif outside then
        shown:message(place, TITLES[kind])
    end
end

local function guarded(shown, place, complaints, read)
    local done, problem = codec.attempt(function()
        read()
        return true
    end)
    if not done and (complaints or problem:find("^the dissector")) then
        local ours = problem:find("^the dissector")
        complain(shown:message(place, "Message"), ours and E.mistake or E.malformed, problem)
    end
end

local messages = Field.new("tls.handshake")
local alerts = Field.new("tls.alert_message.desc")
-- There in the messages of TLS 1.3 only; those of TLS 1.2 have another layout.
local context_lengths = Field.new("tls.handshake.certificate_request_context_length")

local function show_alert(shown, info)
    local name = alert_names[info.value]
    if name then
        shown:word(name)
        local item = shown:message(Place.new(info.range), "Alert")
        complain(item:add(F.alert, info.range, name), E.refused, name)
    end
end

function atls.dissector(_, pinfo, tree)
    local shown = setmetatable({ tree = tree, proto = atls, words = {}, said = {} }, Shown)
    for _, info in ipairs({ messages() }) do
        local range = info.range
        local kind = range:len() >= 4 and range(0, 1):uint()
        local layout = kind == CERTIFICATE or kind == CERTIFICATE_REQUEST
        local place = Place.new(range)
        -- The first pieces of a fragmented message are such fields too; the whole comes with the last.
        local whole = kind and 4 + range(1, 3):uint() <= #place.data
        if whole and TITLES[kind] and (not layout or context_lengths() ~= nil) then
            -- What is wrong with a hello that is not ours, Wireshark says.
            guarded(shown, place, layout, function()
                handshake_message(shown, place, pinfo, false)
            end)
        end
    end
    for _, info in ipairs({ alerts() }) do
        show_alert(shown, info)
    end
    if #shown.words > 0 then
        pinfo.cols.info:append(" [" .. table.concat(shown.words, ", ") .. "]")
    end
end
register_postdissector(atls)

-- The extension of an X.509 certificate: CHOICE { json UTF8String, cbor OCTET STRING } of RFC 9999
-- section 3.5. Under TCG's OID some put the bare CBOR.
local UTF8_STRING, OCTET_STRING = 0x0C, 0x04

local function der_content(place)
    local c = place:cursor()
    c:take(1, "tag")
    local length = c:number(1, "length")
    if length > 0x83 or length == 0x80 then
        Place.malformed("DER: a length below 2^24 was expected")
    elseif length > 0x80 then
        length = c:number(length - 0x80, "length")
    end
    local content = c:take(length, "content")
    c:finish("extnValue")
    return content
end

function in_x509.dissector(buffer, pinfo, tree)
    local place = Place.new(buffer:range())
    local tag = place.data:byte(1)
    local shown = setmetatable({ tree = tree, proto = in_x509, words = {}, said = {} }, Shown)
    guarded(shown, place, true, function()
        local item = shown:message(place, "id-pe-cmw")
        local content = place
        if tag == UTF8_STRING or tag == OCTET_STRING then
            content = der_content(place)
            local first = content.data:byte(1)
            local is_json = first == 0x5B or first == 0x7B
            if is_json ~= (tag == UTF8_STRING) then
                complain(item, E.malformed, "JSON is in UTF8String, CBOR in OCTET STRING")
            end
        elseif tag == nil or tag < 0x80 then
            Place.malformed("UTF8String or OCTET STRING was expected (RFC 9999 section 3.5)")
        else
            complain(item, E.unusual, "bare CBOR, in no OCTET STRING")
        end
        cmw.add(item, content, pinfo)
    end)
    return buffer:len()
end
local oids = DissectorTable.get("ber.oid")
oids:add("1.3.6.1.5.5.7.1.35", in_x509)
oids:add("2.23.133.5.4.9", in_x509)

-- Exported authenticators in application data. RFC 9261 leaves their framing to the application: here
-- it is that of the harness, struct { uint8 type; opaque body<0..2^24-1> } (harness/peers/README.md);
-- handshake messages without frames around them are understood, too.
local FRAMES = { "request", "authenticator", "line", "done", "alert" }
local REQUEST, AUTHENTICATOR, LINE, DONE, ALERT = 1, 2, 3, 4, 5
local BODY_MAX = { 65535, 2 ^ 20, 4095, 0, 1 }
local BEGINS = {
    [REQUEST] = { [CERTIFICATE_REQUEST] = true, [CLIENT_CERTIFICATE_REQUEST] = true },
    [AUTHENTICATOR] = { [CERTIFICATE] = true, [FINISHED] = true },
}
local IN_AUTHENTICATORS = { [CERTIFICATE] = true, [CERTIFICATE_REQUEST] = true,
    [CLIENT_CERTIFICATE_REQUEST] = true, [CERTIFICATE_VERIFY] = true, [FINISHED] = true }

-- The length of the frame or message that DATA has at AT, or nil where there is none.
local function frame_length(data, at)
    local kind, high, middle, low = data:byte(at, at + 3)
    if low == nil then
        return nil
    end
    local body = high * 65536 + middle * 256 + low
    if FRAMES[kind] then
        local first = data:byte(at + 4)
        local known = BEGINS[kind] == nil or body > 0 and (first == nil or BEGINS[kind][first])
        return known and body <= BODY_MAX[kind] and 4 + body or nil
    end
    return IN_AUTHENTICATORS[kind] and body > 0 and body <= BODY_MAX[AUTHENTICATOR] and 4 + body
        or nil
end

local function frame(shown, place, pinfo)
    local kind = place.data:byte(1)
    if FRAMES[kind] == nil then
        return handshake_message(shown, place, pinfo, true)
    end
    local item = shown:message(place, "Frame")
    item:add(F.authenticator, place:span(1, 1), FRAMES[kind])
    local body = place:part(5, #place.data - 4)
    if kind == LINE then
        item:add(F.line, body.range, Place.printable(body.data))
    elseif kind == ALERT and #body.data == 1 then
        local code = body.data:byte(1)
        item:add(F.alert, body.range, alert_names[code] or tostring(code))
    elseif kind == REQUEST or kind == AUTHENTICATOR then
        local c = body:cursor()
        while c:left() > 0 do
            local length = IN_AUTHENTICATORS[body.data:byte(c.at)] and frame_length(body.data, c.at)
            if length == nil then
                Place.malformed("a handshake message was expected at byte %d of the frame", c.at + 3)
            end
            handshake_message(shown, c:take(length, "handshake message"), pinfo, true)
        end
    end
end

function authenticators.dissector(buffer, pinfo, tree)
    local shown = setmetatable({ tree = tree, proto = authenticators, words = {}, said = {} }, Shown)
    local whole = Place.new(buffer:range())
    local at = 1
    while at <= #whole.data do
        local length = frame_length(whole.data, at)
        if length == nil then
            break
        end
        if at + length - 1 > #whole.data then
            pinfo.desegment_offset, pinfo.desegment_len = at - 1, at + length - 1 - #whole.data
            return buffer:len()
        end
        local place = whole:part(at, length)
        guarded(shown, place, true, function() frame(shown, place, pinfo) end)
        at = at + length
    end
    if at > 1 then
        shown:word("authenticator")
        pinfo.cols.info:append(" [" .. table.concat(shown.words, ", ") .. "]")
    end
    return at > 1 and at - 1 or 0
end

-- Do frames fill DATA, to its last byte?
local function frames_only(data)
    local at = 1
    while at <= #data do
        local length = frame_length(data, at)
        if length == nil then
            return false
        end
        at = at + length
    end
    return at == #data + 1
end

authenticators:register_heuristic("tls", function(buffer, pinfo, tree)
    local data = buffer:range():raw()
    -- What is no authenticator has little to be known by: frames must fill the record.
    local short = (data:byte(1) or 0) > AUTHENTICATOR and FRAMES[data:byte(1)]
    if frame_length(data, 1) == nil or short and not frames_only(data) then
        return false
    end
    return authenticators.dissector(buffer, pinfo, tree) > 0
end)
DissectorTable.get("tls.port"):add_for_decode_as(authenticators)
