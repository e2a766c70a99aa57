# Voice, video, chat, news.

# SIP (RFC 3261): OPTIONS.
probe SipOptions udp
    send "OPTIONS sip:prtip@prtip.invalid SIP/2.0\r\nVia: SIP/2.0/UDP pr"
        "tip.invalid;branch=z9hG4bKprtip;rport\r\nFrom: <sip:prtip@prti"
        "p.invalid>;tag=prtip\r\nTo: <sip:prtip@prtip.invalid>\r\nCall-ID"
        ": prtip\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: "
        "0\r\n\r\n"
    ports 5060
    rarity 3

probe SipOptionsTcp tcp
    send "OPTIONS sip:prtip@prtip.invalid SIP/2.0\r\nVia: SIP/2.0/TCP pr"
        "tip.invalid;branch=z9hG4bKprtip;rport\r\nFrom: <sip:prtip@prti"
        "p.invalid>;tag=prtip\r\nTo: <sip:prtip@prtip.invalid>\r\nCall-ID"
        ": prtip\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: "
        "0\r\n\r\n"
    ports 5060
    tls-ports 5061
    rarity 5
    fallback NULL GetRequest

section sip
    answers udp:SipOptions SipOptionsTcp
    service sip
    require ^SIP/2\.0 \d\d\d 

rule asterisk
    header Server: Asterisk PBX (?<version>\d[\w.~+-]*)
    product Asterisk
    cpe a:digium:asterisk
    example
        "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: Asterisk PBX 16.28.0~dfsg-0+deb"
        "11u3\r\nContent-Length: 0\r\n\r\n"
        from asterisk 1:16.28.0, Debian 11
        is version 16.28.0~dfsg-0+deb11u3
    near "SIP/2.0 200 OK\r\nServer: Asterix PBX 16\r\n\r\n"

rule freepbx
    header Server: FPBX-(?<version>[\w.]+)\((?<asterisk>[\w.]+)\)
    product FreePBX
    extra Asterisk ${asterisk}
    cpe a:sangoma:freepbx:${version}
    example "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: FPBX-16.0.40(18.19.0)\r\nContent-Length: 0\r\n\r\n"
        from FreePBX 16, Asterisk 18.19.0
        is version 16.0.40
        is extra Asterisk 18.19.0
    near "SIP/2.0 200 OK\r\nServer: FPBY-16(1)\r\n\r\n"

rule kamailio
    header Server: kamailio \((?<version>\d[\w.~+-]*)
    product Kamailio
    cpe a:kamailio:kamailio:${version}
    example
        "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: kamailio (5.6.3 (x86_64/linux))"
        "\r\nContent-Length: 0\r\n\r\n"
        from kamailio 5.6.3-2
        is version 5.6.3
    near "SIP/2.0 200 OK\r\nServer: kamailia (5\r\n\r\n"

rule opensips
    header Server: OpenSIPS \((?<version>\d[\w.~+-]*)
    product OpenSIPS
    cpe a:opensips:opensips:${version}
    example
        "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: OpenSIPS (3.2.2 (x86_64/linux))"
        "\r\nContent-Length: 0\r\n\r\n"
        from OpenSIPS 3.2.2
        is version 3.2.2
    near "SIP/2.0 200 OK\r\nServer: OpenSIPX (3\r\n\r\n"

rule cisco
    header Server: Cisco-SIPGateway/(?<version>[\w.-]+)
    product Cisco SIP gateway
    os IOS
    device VoIP adapter
    cpe o:cisco:ios
    example
        "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: Cisco-SIPGateway/IOS-15.4.3.M3\r"
        "\nContent-Length: 0\r\n\r\n"
        from Cisco IOS 15
        is version IOS-15.4.3.M3
    near "SIP/2.0 200 OK\r\nServer: Cisco-SIP/IOS\r\n\r\n"

rule cucm
    header Server: Cisco-CUCM(?<version>\d[\w.~+-]*)
    product Cisco Unified Communications Manager
    cpe a:cisco:unified_communications_manager:${version}
    example "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: Cisco-CUCM12.5\r\nContent-Length: 0\r\n\r\n"
        from CUCM 12.5
        is version 12.5
    near "SIP/2.0 200 OK\r\nServer: Cisco-CUM12\r\n\r\n"

rule 3cx
    header Server: 3CXPhoneSystem (?<version>\d[\w.~+-]*)
    product 3CX Phone System
    cpe a:3cx:3cx:${version}
    example "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: 3CXPhoneSystem 18.0.9.23\r\nContent-Length: 0\r\n\r\n"
        from 3CX 18
        is version 18.0.9.23
    near "SIP/2.0 200 OK\r\nServer: 3CXPhone 18\r\n\r\n"

rule freeswitch-ua
    header User-Agent: FreeSWITCH(?:-mod_sofia/(?<version>[\w.-]+))?
    product FreeSWITCH
    cpe a:freeswitch:freeswitch:${version}
    example
        "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nUser-Agent: FreeSWITCH-mod_sofia/1.10.9"
        "-release\r\nContent-Length: 0\r\n\r\n"
        from FreeSWITCH 1.10.9
        is version 1.10.9-release
    near "SIP/2.0 200 OK\r\nUser-Agent: FreeSWITH\r\n\r\n"

rule asterisk-ua
    header User-Agent: Asterisk PBX (?<version>\d[\w.~+-]*)
    product Asterisk
    cpe a:digium:asterisk:${version}
    example "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nUser-Agent: Asterisk PBX 11.25\r\nContent-Length: 0\r\n\r\n"
        from Asterisk 11
        is version 11.25
    near "SIP/2.0 200 OK\r\nUser-Agent: Asterix PBX 1\r\n\r\n"

rule grandstream
    header User-Agent: Grandstream (?<model>[\w-]+) (?<version>[\d.]+)
    product Grandstream ${model}
    device VoIP phone
    example
        "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nUser-Agent: Grandstream GXP2160 1.0.9.1"
        "32\r\nContent-Length: 0\r\n\r\n"
        from Grandstream GXP2160
        is version 1.0.9.132
        is product Grandstream GXP2160
    near "SIP/2.0 200 OK\r\nUser-Agent: Grandstreem G 1\r\n\r\n"

rule yealink
    header User-Agent: Yealink (?<model>[\w-]+) (?<version>[\d.]+)
    product Yealink ${model}
    device VoIP phone
    example
        "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nUser-Agent: Yealink SIP-T46S 66.84.0.15"
        "\r\nContent-Length: 0\r\n\r\n"
        from Yealink SIP-T46S
        is version 66.84.0.15
        is product Yealink SIP-T46S
    near "SIP/2.0 200 OK\r\nUser-Agent: Yealin SIP 6\r\n\r\n"

rule fritz
    header User-Agent: (?:AVM )?FRITZ!
    product AVM FRITZ!Box
    device broadband router
    cpe o:avm:fritz%21os
    example "SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nUser-Agent: FRITZ!OS\r\nContent-Length: 0\r\n\r\n"
        from AVM FRITZ!Box 7590
    near "SIP/2.0 200 OK\r\nUser-Agent: FRITS!OS\r\n\r\n"

rule any
    soft
    match ^SIP/2\.0 \d\d\d\x20
    example "SIP/2.0 405 Method Not Allowed\r\n\r\n"
        from RFC 3261
    near "SIP/1.0 200 OK\r\n"

# RTSP (RFC 2326): OPTIONS.
probe RtspOptions tcp
    send "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    ports 554 8554 7070
    tls-ports 322
    rarity 3
    fallback NULL GetRequest

section rtsp
    answers RtspOptions
    service rtsp
    require ^RTSP/1\.0 \d\d\d

rule gstreamer
    header Server: GStreamer RTSP server
    product GStreamer RTSP server
    cpe a:gstreamer_project:gstreamer
    example "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: GStreamer RTSP server\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from gst-rtsp-server 1.22
    near "RTSP/1.0 200 OK\r\nServer: GStreamer server\r\n\r\n"

rule hikvision
    header Server: HiIpcam/
    product HiSilicon IP camera
    device webcam
    example
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: HiIpcam/V100R003 VodServer/1.0.0\r\nPubl"
        "ic: OPTIONS, DESCRIBE\r\n\r\n"
        from HiSilicon camera
    near "RTSP/1.0 200 OK\r\nServer: HiIpca/V1\r\n\r\n"

rule hipcam
    header Server: Hipcam RealServer/(?<version>[\w.]+)
    product Hipcam RealServer
    device webcam
    example "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Hipcam RealServer/V1.0\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from Hipcam camera
        is version V1.0
    near "RTSP/1.0 200 OK\r\nServer: Hipcams/V1\r\n\r\n"

rule dss
    header Server: DSS/(?<version>\d[\w.~+-]*)
    product Darwin Streaming Server
    cpe a:apple:darwin_streaming_server:${version}
    example
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: DSS/6.0.3 (Build/526.3; Platform/Linux"
        "; Release/Darwin Streaming Server; )\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from Darwin Streaming Server 6.0.3
        is version 6.0.3
    near "RTSP/1.0 200 OK\r\nServer: DSX/6\r\n\r\n"

rule airtunes
    service airtunes
    header Server: AirTunes/(?<version>\d[\w.~+-]*)
    product Apple AirTunes
    cpe a:apple:airtunes
    example "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: AirTunes/220.68\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from Apple TV
        is version 220.68
    near "RTSP/1.0 200 OK\r\nServer: AirTune/2\r\n\r\n"

rule wowza
    header Server: Wowza Streaming Engine (?<version>\d[\w.~+-]*)
    product Wowza Streaming Engine
    cpe a:wowza:streaming_engine:${version}
    example
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Wowza Streaming Engine 4.8.5 build2020"
        "0616153358\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from Wowza 4.8.5
        is version 4.8.5
    near "RTSP/1.0 200 OK\r\nServer: Wowzer Streaming Engine 4\r\n\r\n"

rule vlc
    header Server: VLC/(?<version>\d[\w.~+-]*)
    product VLC media player RTSP
    cpe a:videolan:vlc_media_player:${version}
    example "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: VLC/3.0.18\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from VLC 3.0.18
        is version 3.0.18
    near "RTSP/1.0 200 OK\r\nServer: VLX/3\r\n\r\n"

rule mediamtx
    header Server: gortsplib
    product MediaMTX
    example "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: gortsplib\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from MediaMTX 1.0
    near "RTSP/1.0 200 OK\r\nServer: gortsplab\r\n\r\n"

rule dahua
    header Server: Rtsp Server/[\d.]+
    product Dahua/other camera RTSP
    device webcam
    example "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Rtsp Server/3.0\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"
        from Dahua camera
    near "RTSP/1.0 200 OK\r\nServer: Rtsp Serve/3\r\n\r\n"

rule any
    soft
    match ^RTSP/1\.0 \d\d\d
    example "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"
        from RFC 2326
    near "RTSP/3.0 200 OK\r\n"

# XMPP (RFC 6120): a stream header.
probe XmppStream tcp
    send "<?xml version='1.0'?><stream:stream xmlns:stream='http://eth"
        "erx.jabber.org/streams' xmlns='jabber:client' to='prtip.inva"
        "lid' version='1.0'>"
    ports 5222 5269
    tls-ports 5223
    rarity 4
    fallback NULL GetRequest

section xmpp
    answers XmppStream
    service xmpp-client

rule prosody-server
    service xmpp-server
    match ^<\?xml version='1\.0'\?><stream:stream\x20
    match \x20xmlns='jabber:server'
    match This host does not serve\x20
    product Prosody
    cpe a:prosody:prosody
    example
        "<?xml version='1.0'?><stream:stream xml:lang='en' xmlns:stream='http://e"
        "therx.jabber.org/streams' version='1.0' from='prtip.invalid' xmlns='jabb"
        "er:server' id='83dbba56' to=''><stream:error><host-unknown xmlns='urn:ie"
        "tf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp"
        "-streams'>This host does not serve prtip.invalid</text></stream:error></"
        "stream:stream>"
        from prosody 0.12.3-1
    near "<?xml version='1.0'?><stream:stream xmlns='jabber:server'>This host serves "

rule prosody
    match This server does not serve\x20
    product Prosody
    cpe a:prosody:prosody
    example
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client'><stream:error>"
        "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='"
        "urn:ietf:params:xml:ns:xmpp-streams'>This server does not serve prtip.in"
        "valid</text></stream:error></stream:stream>"
        from prosody 0.12.3-1
    near "<?xml version='1.0'?><stream:stream>This server serves "

rule unknown-server
    service xmpp-server
    match ^<\?xml version='1\.0'\?><stream:stream\x20
    match \x20xmlns=['"]jabber:server['"]
    match <host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'(?:/>|></host-unknown>)
    extra host unknown
    example
        "<?xml version='1.0'?><stream:stream id='1234' version='1.0' xml:lang='en"
        "' xmlns:stream='http://etherx.jabber.org/streams' from='host' xmlns='jab"
        "ber:server'><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xm"
        "pp-streams'></host-unknown></stream:error></stream:stream>"
        from ejabberd 23.01
    near "<?xml version='1.0'?><stream:stream xmlns='jabber:server'><host-gone/>"

rule ejabberd
    match ^<\?xml version='1\.0'\?><stream:stream
    match <host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'(?:/>|></host-unknown>)
    extra host unknown
    example
        "<?xml version='1.0'?><stream:stream id='1234' version='1.0' xml:lang='en"
        "' xmlns:stream='http://etherx.jabber.org/streams' from='host' xmlns='jab"
        "ber:client'><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xm"
        "pp-streams'/></stream:error></stream:stream>"
        from ejabberd 23.01
    near "<?xml version='1.0'?><stream:stream><host-gone/>"

rule server
    service xmpp-server
    soft
    match <stream:stream\x20
    match \x20xmlns=['"]jabber:server['"]
    example "<?xml version='1.0'?><stream:stream xmlns='jabber:server' version='1.0'>"
        from RFC 6120
    near "<?xml version='1.0'?><stream:stream xmlns='jabber:servers'"

rule any
    soft
    match <stream:stream[ >]
    example "<?xml version='1.0'?><stream:stream xmlns='jabber:client'>"
        from RFC 6120
    near "<?xml version='1.0'?><stream>"

# IRC (RFC 2812): registration.
probe IrcNick tcp
    send "NICK prtip\r\nUSER prtip 0 * :prtip\r\n"
    ports 6667 6660-6669 7000
    tls-ports 6697
    rarity 5
    fallback NULL GetRequest

section irc
    answers NULL IrcNick
    service irc

rule inspircd
    match ^:(?<host>[\w.-]+)\x20
    match  InspIRCd-(?<version>\d+)
    product InspIRCd
    cpe a:inspircd:inspircd
    example ":irc.example.org 004 prtip irc.example.org InspIRCd-3 BIDHIRUWcdghikorswxz\r\n"
        from inspircd 3.15.0-1
        is version 3
        is host irc.example.org
    near ":irc.example.org 004 prtip irc.example.org InspIRC-3\r\n"

rule ngircd
    match ^:(?<host>[\w.-]+)\x20
    match  ngircd-(?<version>\d[\w.~-]*)
    product ngIRCd
    cpe a:ngircd:ngircd:${version}
    example ":irc.example.org 004 prtip irc.example.org ngircd-26.1 abBcCFiIoqrRswx\r\n"
        from ngircd 26.1-1+deb12u1
        is version 26.1
        is host irc.example.org
    near ":irc.example.org 004 prtip ngirc-26\r\n"

rule unreal
    match ^:(?<host>[\w.-]+)\x20
    match  Unreal(?:IRCd-)?(?<version>\d[\w.-]*)
    product UnrealIRCd
    cpe a:unrealircd:unrealircd:${version}
    example ":irc.example.org 004 prtip irc.example.org UnrealIRCd-6.0.4 diop\r\n"
        from UnrealIRCd 6.0.4
        is version 6.0.4
        is host irc.example.org
    near ":irc.example.org 004 prtip Unreality-6\r\n"

rule hybrid
    match ^:(?<host>[\w.-]+)\x20
    match  hybrid-(?<version>\d[\w.+-]*)
    product ircd-hybrid
    cpe a:ircd-hybrid:ircd-hybrid:${version}
    example ":irc.example.org 004 prtip irc.example.org hybrid-8.2.43 x\r\n"
        from ircd-hybrid 8.2.43
        is version 8.2.43
        is host irc.example.org
    near ":irc.example.org 004 prtip hybrida-8\r\n"

rule solanum
    match ^:(?<host>[\w.-]+)\x20
    match  solanum-(?<version>[\w.-]+)
    product Solanum
    example ":irc.example.org 004 prtip irc.example.org solanum-1.0-dev x\r\n"
        from Solanum; libera.chat
        is version 1.0-dev
        is host irc.example.org
    near ":irc.example.org 004 prtip solano-1\r\n"

rule bitlbee
    match ^:(?<host>[\w.-]+) NOTICE (?:\*|AUTH) :BitlBee-IRCd initialized
    product BitlBee
    cpe a:bitlbee:bitlbee
    example ":localhost NOTICE * :BitlBee-IRCd initialized, please go on\r\n"
        from bitlbee 3.6-1.3
        is host localhost
    near ":localhost NOTICE * :BitBee-IRCd\r\n"

rule znc
    match ^:irc\.znc\.in\x20
    product ZNC
    cpe a:znc:znc
    example ":irc.znc.in NOTICE AUTH :*** This server requires a password\r\n"
        from znc 1.8.2-3.1+deb12u1
    near ":irc.zmc.in NOTICE\r\n"

rule any
    soft
    match ^(?::[\w.-]+ NOTICE (?:AUTH|\*|prtip) :|NOTICE AUTH :|ERROR :Closing Link|:[\w.-]+ (?:001|433|451) )
    example ":irc.example.org NOTICE * :*** Looking up your hostname...\r\n"
        from RFC 2812
    near "NOTICE us\r\n"

# Mumble: an unencrypted ping.
probe MumblePing udp
    send "\0\0\0\0prtipprt"
    ports 64738
    rarity 7

section znc-web
    answers GetRequest
    service http

rule znc
    header Server: ZNC (?<version>\d[\w.]*)
    product ZNC
    cpe a:znc:znc:${version}
    example
        "HTTP/1.0 200 OK\r\nDate: Thu, 26 Nov 2026 03:48:49 GMT\r\n"
        "Server: ZNC 1.8.2+deb3.1+deb12u1 - https://znc.in\r\nContent-Length: 2514\r\n\r\n"
        from znc 1.8.2-3.1+deb12u1, the port for IRC
        is version 1.8.2
    near "HTTP/1.0 200 OK\r\nServer: ZMC 1.8.2\r\n\r\n"

section mumble
    answers udp:MumblePing
    service murmur

rule ping
    match ^\x00(?<a>[\x00-\x09])(?<b>[\x00-\x63])(?<c>[\x00-\x63])prtipprt
    product Mumble server
    version ${a|big-endian}.${b|big-endian}.${c|big-endian}
    cpe a:mumble:mumble:${a|big-endian}.${b|big-endian}.${c|big-endian}
    example "\0\x01\x03\x04prtipprt\0\0\0\0\0\0\0\0\0\0\0\0"
        from mumble-server 1.3.4-4
        is version 1.3.4
    near "\0\x01\x03\x04prtipprx"

section teamspeak
    answers NULL
    service teamspeak3

rule serverquery
    match ^TS3\n\r
    product TeamSpeak 3 ServerQuery
    cpe a:teamspeak:teamspeak3
    example "TS3\n\rWelcome to the TeamSpeak 3 ServerQuery interface, type \"help\" for a list of commands"
        from TeamSpeak 3.13 ServerQuery
    near "TS4\n\r"

# STUN (RFC 8489): Binding.
probe StunBinding udp
    send "\0\x01\0\0!\x12\xa4Bprtipprtipxx"
    ports 3478 19302
    rarity 5

probe StunBindingTcp tcp
    send "\0\x01\0\0!\x12\xa4Bprtipprtipxx"
    ports 3478
    tls-ports 5349
    rarity 7
    fallback NULL GetRequest

section stun
    answers udp:StunBinding StunBindingTcp
    service stun

rule coturn
    match ^\x01\x01(?s:..)\x21\x12\xa4\x42
    match Coturn-(?<version>[\d.]+)
    product coturn
    cpe a:coturn_project:coturn:${version}
    example "\x01\x01\0$!\x12\xa4Bprtipprtipxx\0 \0\x08\0\x01xxxxxx\x80\"\0\x14Coturn-4.6.1 'Gorst'"
        from coturn 4.6.1-1
        is version 4.6.1
    near "\x01\x01\0\x18!\x12\xa4Bprtipprtipxx\0 \0\x08\0\x01xxxxxx\x80\"\0\x08Cotern-4"

rule software
    match ^\x01\x01(?s:..)\x21\x12\xa4\x42
    match \x80\x22\x00(?s:.)(?<software>[\x20-\x7e]{3,64})
    extra ${software}
    example "\x01\x01\0\x1e!\x12\xa4Bprtipprtipxx\0 \0\x08\0\x01xxxxxx\x80\"\0\x0ereTurnServer 1"
        from RFC 8489 section 14.14
        is extra reTurnServer 1
    near "\x01\x01\0\x11!\x12\xa4Bprtipprtipxx\0 \0\x08\0\x01xxxxxx\x80\"\0\x01x"

rule any
    match ^\x01[\x01\x11](?s:..)\x21\x12\xa4\x42
    example "\x01\x01\0\x0c!\x12\xa4Bprtipprtipxx"
        from RFC 8489; coturn 4.6.1, no-software-attribute
    near "\x01\x02\0\x0c!\x12\xa4B"

section nntp
    answers NULL
    service nntp

rule inn
    match ^20[01] (?<host>[\w.-]+) InterNetNews (?:NNRP )?server INN (?<version>[\d.]+)
    product INN
    cpe a:isc:inn:${version}
    example "200 news.example.org InterNetNews NNRP server INN 2.7.1 ready (posting ok)\r\n"
        from inn2 2.7.1
        is version 2.7.1
        is host news.example.org
    near "200 news.example.org InterNetNews NNRP server IMN 2\r\n"

rule leafnode
    match ^20[01] Leafnode NNTP Daemon, version (?<version>[\w.]+)
    product Leafnode
    cpe a:leafnode:leafnode:${version}
    example
        "200 Leafnode NNTP Daemon, version 1.12.0 running at news.example.org (my"
        " fqdn: news.example.org)\r\n"
        from leafnode 1.12.0
        is version 1.12.0
    near "200 Leafnod NNTP Daemon, version 1\r\n"

rule microsoft
    match ^20[01] NNTP Service (?<version>[\d.]+) Version
    product Microsoft NNTP Service
    os Windows
    cpe o:microsoft:windows
    example "200 NNTP Service 6.0.3790.3959 Version: 6.0.3790.3959 Posting Allowed\r\n"
        from Windows Server 2003
        is version 6.0.3790.3959
    near "200 NNTP Servic 6 Version\r\n"

rule any
    soft
    match ^20[01] [^\r\n]*(?i:nntp|news|posting)
    example "200 some NNTP server\r\n"
        from RFC 3977
    near "200 some server\r\n"

# IAX2 (RFC 5456): POKE.
probe Iax2Poke udp
    send "\x80\x01\0\0\0\0\0\0\0\0\x06\x1e"
    ports 4569
    rarity 7

section iax2
    answers udp:Iax2Poke
    service iax2

rule pong
    match ^[\x80-\xff](?s:.)\x00\x01(?s:.{4})[\x00\x01][\x00\x01]\x06[\x03\x04\x0a]
    example "\x80\x02\0\x01\0\0\0\0\0\x01\x06\x03"
        from asterisk 16.28; RFC 5456
    near "\x80\x02\0\x02\0\0\0\0\0\x01\x06\x03"
